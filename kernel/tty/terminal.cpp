#include "kernel/tty/terminal.hpp"

#include "kernel/process/process_table.hpp"
#include "proc/life/job_control.hpp"
#include "proc/signal/send.hpp"

#include <array>

namespace kidney::kernel {
namespace {

/// Programs' output is cooked in pieces of this size; a tab may become a tab's width of blanks.
constexpr std::size_t raw_piece = 64;
constexpr std::size_t cooked_piece = raw_piece * drivers::OutputProcessor::tab;

/// Collects cooked output, so that the device is asked once per piece.
class Piece {
public:
    void put(char c) noexcept {
        if (size_ < text_.size()) {
            text_[size_++] = c;
        }
    }
    [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }
    [[nodiscard]] bool is_full() const noexcept { return size_ == text_.size(); }
    void clear() noexcept { size_ = 0; }

private:
    std::array<char, cooked_piece> text_;
    std::size_t size_ = 0;
};

/// Echo does not wait: what the device has no room for is not shown.
class Echo {
public:
    explicit Echo(const TerminalDevice& device) noexcept : device_(device) {}
    Echo(const Echo&) = delete;
    Echo& operator=(const Echo&) = delete;
    ~Echo() { flush(); }

    void put(char c) noexcept {
        if (piece_.is_full()) {
            flush();
        }
        piece_.put(c);
    }

private:
    void flush() noexcept {
        if (!piece_.view().empty()) {
            static_cast<void>(device_.offer(piece_.view()));
            piece_.clear();
        }
    }

    const TerminalDevice& device_;
    Piece piece_;
};

}  // namespace

void Terminal::receive(std::uint8_t byte) noexcept {
    drivers::InputEffect effect;
    {
        Echo echo(device_);
        LockGuard guard(line_lock_);
        effect = line_.receive(byte, echo);
    }
    if (effect.signal != 0) {
        signal_foreground(effect.signal);
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

void Terminal::output_ready() noexcept {
    {
        // A writer that has found no room is on its way to sleep under this lock.
        LockGuard guard(line_lock_);
    }
    writers_.wake_all();
    pollers_.notify();
}

void Terminal::signal_foreground(std::uint32_t signal) noexcept {
    LockGuard guard(World::process_lock);
    if (foreground_ != Pid()) {
        send_signal_to_group<World>(foreground_, signal, {});
    }
}

Status Terminal::check_foreground(Process& self, std::uint32_t signal) noexcept {
    LockGuard guard(World::process_lock);
    if (self.terminal != this || self.group == foreground_ || foreground_ == Pid()) {
        return {};
    }
    if (self.this_thread().signals.blocked().contains(signal) || self.signals.is_ignored(signal)) {
        // A background writer that does not care may write; a reader gets nothing.
        return signal == abi::sig_ttou ? Status() : Status(fail(Errc::io_error));
    }
    if (is_orphaned<World>(self.group)) {
        return fail(Errc::io_error);
    }
    send_signal_to_group<World>(self.group, signal, {});
    return fail(Errc::restart);
}

Status Terminal::wait_for_input(std::size_t wanted, bool non_blocking) noexcept {
    Instant deadline = Instant::never();
    std::size_t timed_from = 0;  // so many bytes were there when the timer was started
    while (!line_.can_read(wanted)) {
        if (non_blocking) {
            return line_.readable() > 0 ? Status() : Status(fail(Errc::would_block));
        }
        if (const std::uint32_t tenths = line_.read_timeout(); tenths == 0) {
            deadline = Instant::never();
        } else if (deadline == Instant::never() || line_.readable() != timed_from) {
            deadline = Clock::now() + Duration::milliseconds(tenths * 100);
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

Result<std::size_t> Terminal::read(Process& self, fs::ReadBuffer& to, bool non_blocking) noexcept {
    TRY(check_foreground(self, abi::sig_ttin));
    std::array<std::byte, 256> bytes;
    std::size_t count = 0;
    drivers::InputBuffer::Piece piece;
    while (to.remaining() != 0 && !piece.ended) {
        {
            LockGuard guard(line_lock_);
            if (count == 0) {
                TRY(wait_for_input(to.remaining(), non_blocking));
            }
            piece = line_.read(std::span(bytes).first(std::min(bytes.size(), to.remaining())));
        }
        if (const Status put = to.put(std::span(bytes).first(piece.count)); !put) {
            return count != 0 ? Result<std::size_t>(count) : fail(put.error());
        }
        count += piece.count;
    }
    return count;
}

bool Terminal::can_write() const noexcept {
    return !line_.is_stopped() && device_.capacity - device_.waiting() >= cooked_piece;
}

Status Terminal::wait_for_output(bool non_blocking) noexcept {
    LockGuard guard(line_lock_);
    while (!can_write()) {
        if (non_blocking) {
            return fail(Errc::would_block);
        }
        if (!writers_.wait(line_lock_, {.interruptible = true})) {
            return fail(Errc::restart);
        }
    }
    return {};
}

void Terminal::send(std::string_view cooked) noexcept {
    for (;;) {
        cooked.remove_prefix(device_.offer(cooked));
        if (cooked.empty() || !wait_for_output(false)) {
            return;
        }
    }
}

Status Terminal::drain() noexcept {
    LockGuard guard(line_lock_);
    while (device_.waiting() != 0) {
        if (!writers_.wait(line_lock_, {.interruptible = true})) {
            return fail(Errc::restart);
        }
    }
    return {};
}

Result<std::size_t> Terminal::write(Process& self, fs::WriteBuffer& from,
                                    bool non_blocking) noexcept {
    bool stops_background = false;
    {
        LockGuard guard(line_lock_);
        stops_background = (line_.settings().lflag & abi::termios_local::tostop) != 0;
    }
    if (stops_background) {
        TRY(check_foreground(self, abi::sig_ttou));
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
        Piece cooked;
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

fs::Readiness Terminal::poll(fs::PollWaiter* waiter) noexcept {
    pollers_.enter(waiter);
    LockGuard guard(line_lock_);
    return {.readable = line_.can_poll(), .writable = can_write()};
}

void Terminal::hang_up() noexcept {
    if (foreground_ != Pid()) {
        release_group<World>(foreground_);
    }
    const Pid session = session_;
    session_ = foreground_ = Pid();
    for (Process& p : processes().all()) {
        if (p.session == session && p.terminal == this) {
            p.terminal = nullptr;
        }
    }
}

void hang_up_session(Process& leader) noexcept {
    leader.terminal->hang_up();
}

}  // namespace kidney::kernel
