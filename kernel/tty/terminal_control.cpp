/// The ioctls of a terminal.
#include "kernel/process/process_table.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kernel/tty/terminal.hpp"

#include <asm/ioctls.h>

namespace kidney::kernel {
namespace {

/// What a program asked for goes where it wants it.
template <class T>
Result<std::uint32_t> answer(std::uint32_t to, const T& value) noexcept {
    TRY(put_user(UserPtr<T>(to), value));
    return 0U;
}

/// Who the terminal belongs to, if it may know.
Result<Pid> owner(Terminal& terminal, TerminalEnd end, const Process& self,
                  std::uint32_t request) noexcept {
    LockGuard guard(World::process_lock);
    if (end == TerminalEnd::terminal && self.terminal != &terminal) {
        return fail(Errc::not_a_terminal);
    }
    return request == TIOCGPGRP ? terminal.foreground() : terminal.session();
}

/// What is about whose terminal it is. Error: not_a_terminal, also for what nobody knows.
Result<std::uint32_t> control_owner(Terminal& terminal, TerminalEnd end, Process& self,
                                    std::uint32_t request, std::uint32_t argument) noexcept {
    switch (request) {
        case TIOCGPGRP:
        case TIOCGSID:
            return answer(argument, TRY(owner(terminal, end, self, request)).word());
        case TIOCSPGRP: {
            const auto group = TRY(get_user(UserPtr<const std::int32_t>(argument)));
            TRY(terminal.set_foreground(self, Pid(group)));
            return 0U;
        }
        case TIOCSCTTY:
            TRY(terminal.set_controlling(self, argument == 1));
            return 0U;
        case TIOCNOTTY:
            TRY(terminal.give_up(self));
            return 0U;
        default:
            return fail(Errc::not_a_terminal);
    }
}

}  // namespace

Result<std::uint32_t> control_terminal(Terminal& terminal, TerminalEnd end, Process& self,
                                       std::uint32_t request, std::uint32_t argument) noexcept {
    if (terminal.has_hung_up()) {
        return fail(Errc::io_error);
    }
    switch (request) {
        case TCGETS:
            return answer(argument, terminal.settings());
        case TCSETSW:
        case TCSETSF:
            TRY(terminal.drain());
            [[fallthrough]];
        case TCSETS: {
            const auto settings = TRY(get_user(UserPtr<const abi::Termios>(argument)));
            TRY(terminal.set_settings(self, settings, request == TCSETSF));
            return 0U;
        }
        case TCFLSH:
            TRY(terminal.flush(self, argument));
            return 0U;
        case TCXONC:
            TRY(terminal.set_flow(self, argument));
            return 0U;
        case TCSBRK:  // a break lasts no time here; tcdrain(3) asks with 1
        case TCSBRKP:
            TRY(terminal.drain());
            return 0U;
        case TIOCGWINSZ:
            return answer(argument, terminal.window());
        case TIOCSWINSZ:
            terminal.resize(TRY(get_user(UserPtr<const abi::WindowSize>(argument))));
            return 0U;
        case FIONREAD:
            return answer(argument, terminal.readable());
        case TIOCOUTQ:
            return answer(argument, static_cast<std::uint32_t>(terminal.device().unsent()));
        case TIOCGPTPEER:
            return fail(Errc::io_error);  // it is no master
        case TIOCSTI:
            TRY(terminal.type(self, TRY(get_user(UserPtr<const std::uint8_t>(argument)))));
            return 0U;
        case TIOCEXCL:
        case TIOCNXCL:
            if (end == TerminalEnd::terminal) {
                terminal.set_exclusive(request == TIOCEXCL);
            }
            return 0U;
        case TIOCGEXCL:
            return answer(argument, std::uint32_t{terminal.is_exclusive()});
        default:
            return control_owner(terminal, end, self, request, argument);
    }
}

void hang_up_session(Process& leader) noexcept {
    leader.terminal->hang_up();
}

}  // namespace kidney::kernel
