#include "kernel/tty/terminal.hpp"

#include "kernel/process/job_control.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/signal/send.hpp"

#include <array>

namespace kidney::kernel {
namespace {

/// Collects cooked output, so that the device is asked once per piece.
class Piece {
public:
    void put(char c) noexcept {
        if (size_ < text_.size()) {
            text_[size_++] = c;
        }
    }
    [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

private:
    std::array<char, 512> text_;
    std::size_t size_ = 0;
};

}  // namespace

void Terminal::receive(std::uint8_t byte) noexcept {
    Piece echo;
    drivers::InputEffect effect;
    {
        LockGuard guard(line_lock_);
        effect = line_.receive(byte, echo);
    }
    if (!echo.view().empty()) {
        output_(echo.view());
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

void Terminal::signal_foreground(std::uint32_t signal) noexcept {
    LockGuard guard(process_lock);
    if (foreground_ != Pid()) {
        send_signal_to_group(foreground_, signal, {});
    }
}

Status Terminal::check_foreground(Process& self, std::uint32_t signal) noexcept {
    LockGuard guard(process_lock);
    if (self.terminal != this || self.group == foreground_ || foreground_ == Pid()) {
        return {};
    }
    if (self.signals.blocked().contains(signal) || self.signals.is_ignored(signal)) {
        // A background writer that does not care may write; a reader gets nothing.
        return signal == abi::sig_ttou ? Status() : Status(fail(Errc::io_error));
    }
    if (is_orphaned(self.group)) {
        return fail(Errc::io_error);
    }
    send_signal_to_group(self.group, signal, {});
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
    const std::size_t wanted = std::min(bytes.size(), to.remaining());
    std::size_t count = 0;
    if (wanted != 0) {
        LockGuard guard(line_lock_);
        TRY(wait_for_input(wanted, non_blocking));
        count = line_.read(std::span(bytes).first(wanted));
    }
    TRY(to.put(std::span(bytes).first(count)));
    return count;
}

Status Terminal::wait_for_output(bool non_blocking) noexcept {
    LockGuard guard(line_lock_);
    while (line_.is_stopped()) {
        if (non_blocking) {
            return fail(Errc::would_block);
        }
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
    std::array<std::byte, 256> bytes;
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
        Piece cooked;  // twice as large as the raw piece: every byte may become two
        {
            LockGuard guard(line_lock_);
            for (const std::byte b : piece) {
                line_.send(static_cast<std::uint8_t>(b), cooked);
            }
        }
        output_(cooked.view());
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
    return {.readable = line_.can_poll(), .writable = !line_.is_stopped()};
}

void Terminal::hang_up() noexcept {
    if (foreground_ != Pid()) {
        send_signal_to_group(foreground_, abi::sig_hup, {});
        send_signal_to_group(foreground_, abi::sig_cont, {});
    }
    const Pid session = session_;
    session_ = foreground_ = Pid();
    processes().for_each([&](Process& p) {
        if (p.session == session && p.terminal == this) {
            p.terminal = nullptr;
        }
    });
}

void hang_up_session(Process& leader) noexcept {
    leader.terminal->hang_up();
}

}  // namespace kidney::kernel
