/// The ioctls of a terminal.
#include "kernel/process/process_table.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kernel/tty/terminal.hpp"
#include "proc/signal/send.hpp"

#include <asm/ioctls.h>

namespace kidney::kernel {

namespace {

/// What a program asked for goes where it wants it.
template <class T>
Result<std::uint32_t> answer(std::uint32_t to, const T& value) noexcept {
    TRY(put_user(UserPtr<T>(to), value));
    return 0U;
}

}  // namespace

Result<std::uint32_t> Terminal::control(Process& self, std::uint32_t request,
                                        std::uint32_t argument) noexcept {
    switch (request) {
        case TCGETS:
            return answer(argument, settings());
        case TCSETS:
            return set_settings(self, argument, false);
        case TCSETSW:
        case TCSETSF:
            TRY(drain());
            return set_settings(self, argument, request == TCSETSF);
        case TCFLSH:
            return flush(self, argument);
        case TCXONC:
            return set_flow(self, argument);
        case TCSBRK:  // a break lasts no time here; tcdrain(3) asks with 1
        case TCSBRKP:
            TRY(drain());
            return 0U;
        case TIOCGWINSZ:
            return answer(argument, window());
        case TIOCSWINSZ:
            return set_window(argument);
        case FIONREAD:
            return answer(argument, readable());
        case TIOCOUTQ:
            return answer(argument, static_cast<std::uint32_t>(device_.waiting()));
        case TIOCGPGRP:
            return answer(argument, TRY(foreground(self)).word());
        case TIOCGSID:
            return answer(argument, TRY(session(self)).word());
        case TIOCSPGRP: {
            const auto group = TRY(get_user(UserPtr<const std::int32_t>(argument)));
            return set_foreground(self, Pid(group));
        }
        case TIOCSCTTY:
            return set_controlling(self, argument == 1);
        case TIOCNOTTY:
            return give_up_controlling(self);
        default:
            return fail(Errc::not_a_terminal);
    }
}

abi::Termios Terminal::settings() noexcept {
    LockGuard guard(line_lock_);
    return line_.settings();
}

abi::WindowSize Terminal::window() noexcept {
    LockGuard guard(line_lock_);
    return window_;
}

std::uint32_t Terminal::readable() noexcept {
    LockGuard guard(line_lock_);
    return static_cast<std::uint32_t>(line_.readable());
}

Result<std::uint32_t> Terminal::flush(Process& self, std::uint32_t queue) noexcept {
    TRY(check_foreground(self, abi::sig_ttou));
    LockGuard guard(line_lock_);
    TRY(line_.flush(queue));
    return 0U;
}

Result<std::uint32_t> Terminal::set_flow(Process& self, std::uint32_t action) noexcept {
    TRY(check_foreground(self, abi::sig_ttou));
    {
        LockGuard guard(line_lock_);
        TRY(line_.set_flow(action));
    }
    wake_everybody();
    return 0U;
}

void Terminal::wake_everybody() noexcept {
    readers_.wake_all();
    writers_.wake_all();
    pollers_.notify();
}

Result<std::uint32_t> Terminal::set_window(std::uint32_t argument) noexcept {
    resize(TRY(get_user(UserPtr<const abi::WindowSize>(argument))));
    return 0U;
}

void Terminal::resize(const abi::WindowSize& size) noexcept {
    {
        LockGuard guard(line_lock_);
        if (size == window_) {
            return;
        }
        window_ = size;
    }
    signal_foreground(abi::sig_winch);
}

Result<Pid> Terminal::foreground(const Process& self) noexcept {
    LockGuard guard(World::process_lock);
    return self.terminal == this ? Result<Pid>(foreground_) : fail(Errc::not_a_terminal);
}

Result<Pid> Terminal::session(const Process& self) noexcept {
    LockGuard guard(World::process_lock);
    return self.terminal == this ? Result<Pid>(session_) : fail(Errc::not_a_terminal);
}

Result<std::uint32_t> Terminal::set_settings(Process& self, std::uint32_t argument,
                                             bool flush) noexcept {
    const auto settings = TRY(get_user(UserPtr<const abi::Termios>(argument)));
    TRY(check_foreground(self, abi::sig_ttou));
    {
        LockGuard guard(line_lock_);
        line_.set_settings(settings);
        if (flush) {
            line_.flush_input();
        }
    }
    wake_everybody();
    return 0U;
}

Result<std::uint32_t> Terminal::set_foreground(Process& self, Pid group) noexcept {
    if (group.value() < 0) {
        return fail(Errc::invalid_argument);
    }
    TRY(check_foreground(self, abi::sig_ttou));
    LockGuard guard(World::process_lock);
    if (self.terminal != this || self.session != session_) {
        return fail(Errc::not_a_terminal);
    }
    if (!processes().group_exists(group, self.session)) {
        return fail(processes().is_in_use(group) ? Errc::not_permitted : Errc::no_process);
    }
    foreground_ = group;
    return 0U;
}

Result<std::uint32_t> Terminal::set_controlling(Process& self, bool steal) noexcept {
    LockGuard guard(World::process_lock);
    if (self.terminal == this && session_ == self.session) {
        return 0U;
    }
    if (self.session != self.pid || self.terminal != nullptr) {
        return fail(Errc::not_permitted);
    }
    if (session_ != Pid()) {
        if (!steal || !self.identity.is_privileged()) {
            return fail(Errc::not_permitted);
        }
        const Pid session = session_;
        for (Process& p : processes().all()) {
            if (p.session == session && p.terminal == this) {
                p.terminal = nullptr;
            }
        }
    }
    session_ = self.session;
    foreground_ = self.group;
    self.terminal = this;
    return 0U;
}

Result<std::uint32_t> Terminal::give_up_controlling(Process& self) noexcept {
    LockGuard guard(World::process_lock);
    if (self.terminal != this) {
        return fail(Errc::not_a_terminal);
    }
    if (self.session == self.pid) {
        hang_up();
    } else {
        self.terminal = nullptr;
    }
    return 0U;
}

}  // namespace kidney::kernel
