/// A terminal: a line discipline with a device below it and a foreground process group behind it.
///
/// The device feeds receive(), perhaps in an interrupt; programs read and write. What the user
/// types as a signal goes to the foreground group; programs of other groups are stopped when they
/// read (SIGTTIN) or, if the user wants that (TOSTOP), when they write (SIGTTOU).
///
///     line lock, a spin lock: the line discipline, the window, whether it has hung up
///     process lock:           whose terminal it is (controlling_terminal.hpp)
#pragma once

#include "fs/poll_list.hpp"
#include "kidney/abi/termios.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"
#include "kidney/fs/transfer.hpp"
#include "proc/terminal/controlling_terminal.hpp"
#include "proc/terminal/cooked_output.hpp"
#include "proc/terminal/line_discipline.hpp"
#include "proc/terminal/terminal_device.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::proc {

/// What terminals need of a world besides what processes do. The locks are for interrupts, too;
/// `LineLock` ranks below all that wakes.
template <class W>
concept TerminalServices =
    BasicLockable<typename W::LineLock> && BasicLockable<typename W::PollLock> &&
    requires(typename W::WaitQueue& queue, typename W::LineLock& lock) {
        { queue.wake_all() } noexcept;
        {
            queue.wait(lock, {.interruptible = true, .deadline = Instant::never()})
        } noexcept -> std::same_as<Status>;
        { W::now() } noexcept -> std::same_as<Instant>;
    };

template <class W>
class Terminal : public ControllingTerminal<W> {
    using P = typename W::Process;
    using LineLock = typename W::LineLock;
    using WaitQueue = typename W::WaitQueue;

public:
    /// `number` names it in /proc: major << 8 | minor. The device outlives it.
    Terminal(TerminalDevice& device, std::uint32_t number) noexcept
        : device_(device), number_(number) {}

    [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
    [[nodiscard]] TerminalDevice& device() noexcept { return device_; }

    // --- From the device; any context ---

    /// A byte that was typed.
    void receive(std::uint8_t byte) noexcept EXCLUDES(line_lock_, W::process_lock) {
        InputEffect effect;
        {
            EchoOutput echo(device_);
            LockGuard guard(line_lock_);
            effect = line_.receive(byte, echo);
        }
        if (effect.signal != 0) {
            this->signal_foreground(effect.signal);
        }
        if (effect.readable) {
            readers_.wake_all();
        }
        if (effect.resumed) {
            writers_.wake_all();
        }
        if (effect.readable || effect.resumed) {
            pollers_.notify();
        }
    }
    /// Something has been sent: there is room.
    void output_ready() noexcept EXCLUDES(line_lock_) {
        {
            // A writer that has found no room is on its way to sleep under this lock.
            LockGuard guard(line_lock_);
        }
        writers_.wake_all();
        pollers_.notify();
    }
    /// How many bytes can be typed now without being lost for want of readers, at least one; waits
    /// for that. A line that is too long is another matter: what goes on in it is dropped. Errors:
    /// would_block, restart, io_error (it has hung up).
    [[nodiscard]] Result<std::size_t> wait_for_reader(bool non_blocking) noexcept
        EXCLUDES(line_lock_) {
        LockGuard guard(line_lock_);
        while (!has_hung_up_ && line_.room() == 0) {
            if (non_blocking) {
                return fail(Errc::would_block);
            }
            if (!typists_.wait(line_lock_, {.interruptible = true})) {
                return fail(Errc::restart);
            }
        }
        return has_hung_up_ ? Result<std::size_t>(fail(Errc::io_error)) : line_.room();
    }
    /// TIOCSTI: as if it had been typed. Error: not_permitted (not the caller's own terminal; root
    /// may).
    [[nodiscard]] Status type(P& self, std::uint8_t byte) noexcept
        EXCLUDES(line_lock_, W::process_lock) {
        {
            LockGuard guard(W::process_lock);
            if (self.terminal != this && !self.identity.is_privileged()) {
                return fail(Errc::not_permitted);
            }
        }
        receive(byte);
        return {};
    }
    /// TIOCSIG: what a key would send. Error: invalid_argument (no key stands for that signal).
    [[nodiscard]] Status press(std::uint32_t signal) noexcept EXCLUDES(W::process_lock) {
        if (signal != abi::sig_int && signal != abi::sig_quit && signal != abi::sig_tstp) {
            return fail(Errc::invalid_argument);
        }
        this->signal_foreground(signal);
        return {};
    }
    [[nodiscard]] bool takes_input() noexcept EXCLUDES(line_lock_) {
        LockGuard guard(line_lock_);
        return line_.room() != 0;
    }

    // --- For programs ---

    /// Nothing: the end of the file, or it has hung up. Errors: io_error (a background process that
    /// cannot be stopped), would_block, restart, bad_address.
    [[nodiscard]] Result<std::size_t> read(P& self, fs::ReadBuffer& to, bool non_blocking) noexcept
        EXCLUDES(line_lock_) {
        TRY(this->check_foreground(self, abi::sig_ttin));
        std::array<std::byte, 256> bytes;
        std::size_t count = 0;
        InputBuffer::Piece piece;
        while (to.remaining() != 0 && !piece.ended) {
            {
                LockGuard guard(line_lock_);
                if (count == 0) {
                    TRY(wait_for_input(to.remaining(), non_blocking));
                }
                piece = line_.read(std::span(bytes).first(std::min(bytes.size(), to.remaining())));
            }
            tell_typists();
            if (const Status put = to.put(std::span(bytes).first(piece.count)); !put) {
                return count != 0 ? Result<std::size_t>(count) : fail(put.error());
            }
            count += piece.count;
        }
        return count;
    }
    /// Errors: as read(), and io_error when it has hung up.
    [[nodiscard]] Result<std::size_t> write(P& self, fs::WriteBuffer& from,
                                            bool non_blocking) noexcept EXCLUDES(line_lock_) {
        bool stops_background = false;
        {
            LockGuard guard(line_lock_);
            stops_background = (line_.settings().lflag & abi::termios_local::tostop) != 0;
        }
        if (stops_background) {
            TRY(this->check_foreground(self, abi::sig_ttou));
        }
        std::array<std::byte, raw_piece> bytes;
        std::size_t written = 0;
        while (from.remaining() > 0) {
            const auto piece = std::span(bytes).first(std::min(bytes.size(), from.remaining()));
            Status taken = wait_for_output(non_blocking);
            if (taken) {
                taken = from.take(piece);
            }
            if (!taken) {
                return written != 0 ? Result<std::size_t>(written) : fail(taken.error());
            }
            CookedPiece cooked;
            {
                LockGuard guard(line_lock_);
                for (const std::byte b : piece) {
                    line_.send(static_cast<std::uint8_t>(b), cooked);
                }
            }
            send(cooked.view());
            written += piece.size();
            if (self.is_interrupted()) {
                break;  // a slow device must not keep Ctrl-C waiting
            }
        }
        return written;
    }
    [[nodiscard]] fs::Readiness poll(fs::PollWaiter* waiter) noexcept EXCLUDES(line_lock_) {
        pollers_.enter(waiter);
        LockGuard guard(line_lock_);
        if (has_hung_up_) {
            return {.readable = true, .writable = true, .hung_up = true, .error = true};
        }
        return {.readable = line_.can_poll(), .writable = can_write()};
    }

    // --- Settings ---

    [[nodiscard]] abi::Termios settings() noexcept EXCLUDES(line_lock_) {
        LockGuard guard(line_lock_);
        return line_.settings();
    }
    /// Errors here and below: io_error and restart, as check_foreground().
    [[nodiscard]] Status set_settings(P& self, const abi::Termios& settings, bool flush) noexcept
        EXCLUDES(line_lock_) {
        TRY(this->check_foreground(self, abi::sig_ttou));
        {
            LockGuard guard(line_lock_);
            line_.set_settings(settings);
            if (flush) {
                line_.flush_input();
            }
        }
        wake_everybody();
        return {};
    }
    [[nodiscard]] abi::WindowSize window() noexcept EXCLUDES(line_lock_) {
        LockGuard guard(line_lock_);
        return window_;
    }
    /// The window behind the terminal has another size: SIGWINCH to the foreground group. The same
    /// size again is no news.
    void resize(const abi::WindowSize& size) noexcept EXCLUDES(line_lock_, W::process_lock) {
        {
            LockGuard guard(line_lock_);
            if (size == window_) {
                return;
            }
            window_ = size;
        }
        this->signal_foreground(abi::sig_winch);
    }
    /// Nobody but root may open it from now on (TIOCEXCL), or everybody again.
    void set_exclusive(bool exclusive) noexcept EXCLUDES(line_lock_) {
        LockGuard guard(line_lock_);
        is_exclusive_ = exclusive;
    }
    [[nodiscard]] bool is_exclusive() noexcept EXCLUDES(line_lock_) {
        LockGuard guard(line_lock_);
        return is_exclusive_;
    }
    /// Error: busy (somebody has it for itself).
    [[nodiscard]] Status admit(const P& self) noexcept EXCLUDES(line_lock_) {
        return is_exclusive() && !self.identity.is_privileged() ? Status(fail(Errc::busy))
                                                                : Status();
    }
    /// Bytes that a read would find.
    [[nodiscard]] std::uint32_t readable() noexcept EXCLUDES(line_lock_) {
        LockGuard guard(line_lock_);
        return static_cast<std::uint32_t>(line_.readable());
    }
    /// TCFLSH. Error: invalid_argument.
    [[nodiscard]] Status flush(P& self, std::uint32_t queue) noexcept EXCLUDES(line_lock_) {
        TRY(this->check_foreground(self, abi::sig_ttou));
        {
            LockGuard guard(line_lock_);
            TRY(line_.flush(queue));
        }
        if (queue != abi::flush_input) {
            device_.drop_waiting();
        }
        wake_everybody();
        return {};
    }
    /// TCXONC. Error: invalid_argument.
    [[nodiscard]] Status set_flow(P& self, std::uint32_t action) noexcept EXCLUDES(line_lock_) {
        TRY(this->check_foreground(self, abi::sig_ttou));
        {
            LockGuard guard(line_lock_);
            TRY(line_.set_flow(action));
        }
        wake_everybody();
        return {};
    }
    /// Waits until the device has sent everything. Errors: restart, io_error (it has hung up).
    [[nodiscard]] Status drain() noexcept EXCLUDES(line_lock_) {
        LockGuard guard(line_lock_);
        while (!has_hung_up_ && device_.unsent() != 0) {
            if (!writers_.wait(line_lock_, {.interruptible = true})) {
                return fail(Errc::restart);
            }
        }
        return has_hung_up_ ? Status(fail(Errc::io_error)) : Status();
    }
    [[nodiscard]] bool has_hung_up() noexcept EXCLUDES(line_lock_) {
        LockGuard guard(line_lock_);
        return has_hung_up_;
    }

    // --- Its end ---

    /// The device has gone, for good: readers find the end, writers an error, and all whose
    /// terminal it was hear of it.
    void device_gone() noexcept EXCLUDES(line_lock_, W::process_lock) {
        {
            LockGuard guard(line_lock_);
            has_hung_up_ = true;
        }
        this->hang_up_all();
        wake_everybody();
    }

private:
    /// What counts as readable or writable may have changed.
    void wake_everybody() noexcept {
        readers_.wake_all();
        writers_.wake_all();
        pollers_.notify();
        tell_typists();
    }
    void tell_typists() noexcept {
        typists_.wake_all();
        device_.input_taken();
    }

    /// Waits until read() has an answer: bytes, an end of file, or nothing in time (VTIME). Errors:
    /// would_block, restart.
    [[nodiscard]] Status wait_for_input(std::size_t wanted, bool non_blocking) noexcept
        REQUIRES(line_lock_) {
        Instant deadline = Instant::never();
        std::size_t timed_from = 0;  // so many bytes were there when the timer was started
        while (!has_hung_up_ && !line_.can_read(wanted)) {
            if (non_blocking) {
                return line_.readable() > 0 ? Status() : Status(fail(Errc::would_block));
            }
            if (const std::uint32_t tenths = line_.read_timeout(); tenths == 0) {
                deadline = Instant::never();
            } else if (deadline == Instant::never() || line_.readable() != timed_from) {
                deadline = W::now() + Duration::milliseconds(tenths * 100);
                timed_from = line_.readable();
            }
            const Status woken =
                readers_.wait(line_lock_, {.interruptible = true, .deadline = deadline});
            if (!woken && woken.error() != Errc::timed_out) {
                return fail(Errc::restart);
            }
            // A timer may have been turned off meanwhile, or another reader have taken its bytes.
            if (!woken && line_.read_timeout() != 0 && line_.readable() == timed_from) {
                return {};
            }
        }
        return {};
    }
    /// Can a piece of output go to the device now?
    [[nodiscard]] bool can_write() const noexcept REQUIRES(line_lock_) {
        return !line_.is_stopped() && device_.capacity() - device_.waiting() >= cooked_piece;
    }
    /// Waits until can_write(). Errors: would_block, restart, io_error (it has hung up).
    [[nodiscard]] Status wait_for_output(bool non_blocking) noexcept EXCLUDES(line_lock_) {
        LockGuard guard(line_lock_);
        while (!has_hung_up_ && !can_write()) {
            if (non_blocking) {
                return fail(Errc::would_block);
            }
            if (!writers_.wait(line_lock_, {.interruptible = true})) {
                return fail(Errc::restart);
            }
        }
        return has_hung_up_ ? Status(fail(Errc::io_error)) : Status();
    }
    /// Sends what wait_for_output() made room for. Other writers may have been faster: then it
    /// waits again; what a signal cuts off is lost.
    void send(std::string_view cooked) noexcept EXCLUDES(line_lock_) {
        for (;;) {
            cooked.remove_prefix(device_.offer(cooked));
            if (cooked.empty() || !wait_for_output(false)) {
                return;
            }
        }
    }

    TerminalDevice& device_;
    const std::uint32_t number_;

    LineLock line_lock_;
    LineDiscipline line_ GUARDED_BY(line_lock_);
    abi::WindowSize window_ GUARDED_BY(line_lock_){24, 80, 0, 0};
    bool has_hung_up_ GUARDED_BY(line_lock_) = false;
    bool is_exclusive_ GUARDED_BY(line_lock_) = false;
    WaitQueue readers_;
    WaitQueue writers_;  ///< for flow control, for room, for an empty device
    WaitQueue typists_;  ///< for readers
    fs::PollList<typename W::PollLock> pollers_;
};

}  // namespace kidney::proc
