/// The ioctls of a terminal.
#include "kernel/process/process_table.hpp"
#include "kernel/signal/send.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kernel/tty/terminal.hpp"

#include <asm/ioctls.h>

namespace kidney::kernel {

Result<std::uint32_t> Terminal::control(Process& self, std::uint32_t request,
                                        std::uint32_t argument) noexcept {
    switch (request) {
        case TCGETS: {
            abi::Termios settings;
            {
                LockGuard guard(line_lock_);
                settings = line_.settings();
            }
            TRY(put_user(UserPtr<abi::Termios>(argument), settings));
            return 0U;
        }
        case TCSETS:
        case TCSETSW:  // output is never pending
            return set_settings(self, argument, false);
        case TCSETSF:
            return set_settings(self, argument, true);
        case TCFLSH: {
            LockGuard guard(line_lock_);
            line_.flush_input();
            return 0U;
        }
        case TCSBRK:
        case TCXONC:
            return 0U;
        case TIOCGWINSZ: {
            abi::WindowSize size;
            {
                LockGuard guard(line_lock_);
                size = window_;
            }
            TRY(put_user(UserPtr<abi::WindowSize>(argument), size));
            return 0U;
        }
        case TIOCSWINSZ: {
            const auto size = TRY(get_user(UserPtr<const abi::WindowSize>(argument)));
            {
                LockGuard guard(line_lock_);
                window_ = size;
            }
            signal_foreground(abi::sig_winch);
            return 0U;
        }
        case FIONREAD: {
            std::uint32_t count = 0;
            {
                LockGuard guard(line_lock_);
                count = line_.readable();
            }
            TRY(put_user(UserPtr<std::uint32_t>(argument), count));
            return 0U;
        }
        case TIOCOUTQ:
            TRY(put_user(UserPtr<std::uint32_t>(argument), 0U));
            return 0U;
        case TIOCGPGRP:
        case TIOCGSID: {
            Pid answer;
            {
                LockGuard guard(process_lock);
                if (self.terminal != this) {
                    return fail(Errc::not_a_terminal);
                }
                answer = request == TIOCGPGRP ? foreground_ : session_;
            }
            TRY(put_user(UserPtr<std::uint32_t>(argument), answer.word()));
            return 0U;
        }
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
    readers_.wake_all();  // what counts as readable may have changed
    return 0U;
}

Result<std::uint32_t> Terminal::set_foreground(Process& self, Pid group) noexcept {
    if (group.value() <= 0) {
        return fail(Errc::invalid_argument);
    }
    TRY(check_foreground(self, abi::sig_ttou));
    LockGuard guard(process_lock);
    if (self.terminal != this || self.session != session_) {
        return fail(Errc::not_a_terminal);
    }
    if (!processes().group_exists(group, self.session)) {
        return fail(Errc::not_permitted);
    }
    foreground_ = group;
    return 0U;
}

Result<std::uint32_t> Terminal::set_controlling(Process& self, bool steal) noexcept {
    LockGuard guard(process_lock);
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
        processes().for_each([&](Process& p) {
            if (p.session == session && p.terminal == this) {
                p.terminal = nullptr;
            }
        });
    }
    session_ = self.session;
    foreground_ = self.group;
    self.terminal = this;
    return 0U;
}

Result<std::uint32_t> Terminal::give_up_controlling(Process& self) noexcept {
    LockGuard guard(process_lock);
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
