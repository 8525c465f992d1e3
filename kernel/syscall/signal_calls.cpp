#include "kernel/syscall/signal_calls.hpp"

#include "kernel/process/process_table.hpp"
#include "kernel/signal/delivery.hpp"
#include "kernel/signal/handler_frame.hpp"
#include "kernel/signal/send.hpp"
#include "kernel/syscall/time_values.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <utility>

namespace kidney::kernel::calls {
namespace {

constexpr std::uint32_t set_bytes = 8;

SignalCause from(const Process& self, std::int32_t code) noexcept {
    return {.code = code, .pid = self.pid.value(), .uid = self.identity.user.real};
}

/// Sends, or only checks (signal 0). Errors: not_permitted.
Status send_checked(Process& self, Process& target, std::uint32_t signal,
                    const SignalCause& cause) noexcept REQUIRES(process_lock) {
    if (!may_signal(self, target, signal)) {
        return fail(Errc::not_permitted);
    }
    if (signal != 0) {
        send_signal(target, signal, cause);
    }
    return {};
}

/// kill(0), kill(-1), kill(-group).
Reply send_to_many(Process& self, Pid pid, std::uint32_t signal) noexcept {
    const SignalCause cause = from(self, abi::si_user);
    const Pid group = pid.value() == 0 ? self.group : Pid(-pid.value());
    bool found = false;
    bool sent = false;
    LockGuard guard(process_lock);
    processes().for_each([&](Process& p) KIDNEY_NO_TSA("lock held") {
        const bool named = pid.value() == -1 ? p.pid != init_pid && &p != &self : p.group == group;
        if (named && p.state != Process::State::zombie) {
            found = true;
            if (send_checked(self, p, signal, cause)) {
                sent = true;
                if (signal != 0) {
                    p.signals.hand_on(signal);
                }
            }
        }
    });
    if (!found) {
        return fail(Errc::no_process);
    }
    return sent ? Reply(0U) : Reply(fail(Errc::not_permitted));
}

Reply send_to_one(Process& self, Pid pid, std::uint32_t signal, std::int32_t code) noexcept {
    LockGuard guard(process_lock);
    Process* const target = processes().find(pid);
    if (target == nullptr) {
        return fail(Errc::no_process);
    }
    TRY(send_checked(self, *target, signal, from(self, code)));
    return 0U;
}

constexpr bool is_signal(std::uint32_t n) noexcept {
    return n >= 1 && n <= abi::signal_count;
}

}  // namespace

Reply kill(Process& self, Pid pid, std::uint32_t signal) noexcept {
    if (signal > abi::signal_count) {
        return fail(Errc::invalid_argument);
    }
    return pid.value() > 0 ? send_to_one(self, pid, signal, abi::si_user)
                           : send_to_many(self, pid, signal);
}

Reply tkill(Process& self, Pid pid, std::uint32_t signal) noexcept {
    if (pid.value() <= 0 || signal > abi::signal_count) {
        return fail(Errc::invalid_argument);
    }
    return send_to_one(self, pid, signal, abi::si_tkill);
}

Reply tgkill(Process& self, Pid group, Pid pid, std::uint32_t signal) noexcept {
    if (group.value() <= 0) {
        return fail(Errc::invalid_argument);
    }
    return group == pid ? tkill(self, pid, signal) : Reply(fail(Errc::no_process));
}

Reply rt_sigaction(Process& self, std::uint32_t signal, UserPtr<const abi::SigAction> next,
                   UserPtr<abi::SigAction> old, std::uint32_t set_size) noexcept {
    if (set_size != set_bytes || !is_signal(signal)) {
        return fail(Errc::invalid_argument);
    }
    Disposition wanted;
    if (!next.is_null()) {
        const abi::SigAction a = TRY(get_user(next));
        wanted = {.handler = a.handler,
                  .flags = a.flags,
                  .restorer = a.restorer,
                  .mask = SignalSet(std::uint64_t{a.mask[1]} << 32 | a.mask[0])};
    }
    Disposition before;
    {
        LockGuard guard(process_lock);
        before = self.signals.disposition(signal);
        if (!next.is_null()) {
            TRY(self.signals.set_disposition(signal, wanted));
        }
    }
    if (!old.is_null()) {
        const std::uint64_t mask = before.mask.bits();
        TRY(put_user(old,
                     {before.handler,
                      before.flags,
                      before.restorer,
                      {static_cast<std::uint32_t>(mask), static_cast<std::uint32_t>(mask >> 32)}}));
    }
    return 0U;
}

Reply signal(Process& self, std::uint32_t number, std::uint32_t handler) noexcept {
    if (!is_signal(number)) {
        return fail(Errc::invalid_argument);
    }
    LockGuard guard(process_lock);
    const std::uint32_t before = self.signals.disposition(number).handler;
    TRY(self.signals.set_disposition(
        number, {.handler = handler, .flags = abi::sa_resethand | abi::sa_nodefer}));
    return before;
}

Reply rt_sigprocmask(Process& self, std::uint32_t how, UserPtr<const std::uint64_t> next,
                     UserPtr<std::uint64_t> old, std::uint32_t set_size) noexcept {
    if (set_size != set_bytes) {
        return fail(Errc::invalid_argument);
    }
    const SignalSet before = self.signals.blocked();  // only this thread changes it
    if (!next.is_null()) {
        const SignalSet set(TRY(get_user(next)));
        SignalSet blocked;
        switch (how) {
            case abi::sig_block:
                blocked = before | set;
                break;
            case abi::sig_unblock:
                blocked = before.without(set);
                break;
            case abi::sig_setmask:
                blocked = set;
                break;
            default:
                return fail(Errc::invalid_argument);
        }
        set_blocked_signals(self, blocked);
    }
    TRY(put_user_if(old, before.bits()));
    return 0U;
}

Reply rt_sigpending(Process& self, UserPtr<std::uint64_t> to, std::uint32_t set_size) noexcept {
    if (set_size > set_bytes) {
        return fail(Errc::invalid_argument);
    }
    SignalSet pending;
    {
        LockGuard guard(process_lock);
        pending = self.signals.pending() & self.signals.blocked();
    }
    const std::uint64_t bits = pending.bits();
    TRY(copy_out(to.address(), std::as_bytes(std::span(&bits, 1)).first(set_size)));
    return 0U;
}

namespace {

/// Sleeps until a signal is deliverable. The call runs again unless a handler ran.
Reply sleep_for_signal(Process& self) noexcept {
    while (!self.is_interrupted()) {
        dispatcher().block();
    }
    self.restart_mode = RestartMode::unless_handled;
    return fail(Errc::restart);
}

}  // namespace

Reply rt_sigsuspend(Process& self, UserPtr<const std::uint64_t> mask,
                    std::uint32_t set_size) noexcept {
    if (set_size != set_bytes) {
        return fail(Errc::invalid_argument);
    }
    const SignalSet set(TRY(get_user(mask)));
    {
        LockGuard guard(process_lock);
        self.signals.suspend(set);
        if (self.signals.has_deliverable()) {
            notify(self);
        }
    }
    return sleep_for_signal(self);
}

Reply pause(Process& self) noexcept {
    return sleep_for_signal(self);
}

Reply rt_sigtimedwait(Process& self, UserPtr<const std::uint64_t> set_pointer,
                      UserPtr<abi::SigInfo> info_pointer, VirtAddr timeout,
                      std::uint32_t set_size) noexcept {
    if (set_size != set_bytes) {
        return fail(Errc::invalid_argument);
    }
    const SignalSet set = SignalSet(TRY(get_user(set_pointer))).without(SignalState::unblockable);
    Instant deadline = Instant::never();
    if (timeout != VirtAddr(0)) {
        deadline = Clock::now() + TRY(get_timespec32(timeout));
    }
    for (bool in_time = true;;) {
        std::optional<SignalState::Taken> taken;
        {
            LockGuard guard(process_lock);
            taken = self.signals.take(set);
            self.signals.await(taken || !in_time ? SignalSet() : set);
        }
        if (taken) {
            abi::SigInfo info{};
            info.signo = static_cast<std::int32_t>(taken->signal);
            info.code = taken->cause.code;
            info.pid_or_address = static_cast<std::uint32_t>(taken->cause.pid);
            info.uid = taken->cause.uid;
            info.status = taken->cause.status;
            TRY(put_user_if(info_pointer, info));
            return taken->signal;
        }
        if (!in_time) {
            return fail(Errc::would_block);
        }
        if (self.is_interrupted()) {
            bool still_nothing = false;
            {
                LockGuard guard(process_lock);
                still_nothing = (self.signals.pending() & set).is_empty();
                if (still_nothing) {
                    self.signals.await({});
                }
            }
            if (still_nothing) {
                return fail(Errc::interrupted);
            }
            continue;
        }
        in_time = dispatcher().block_until(deadline);
    }
}

Reply sigaltstack(Process& self, hal::TrapFrame& frame, UserPtr<const abi::SigAltStack> next,
                  UserPtr<abi::SigAltStack> old) noexcept {
    constexpr std::uint32_t smallest = 2048;  // MINSIGSTKSZ
    abi::SigAltStack& current = self.signals.alternate_stack;
    const bool on_it = frame.esp - current.pointer < current.size;
    abi::SigAltStack before = current;
    before.flags = current.size == 0 ? abi::ss_disable : on_it ? abi::ss_onstack : 0;
    if (!next.is_null()) {
        const abi::SigAltStack wanted = TRY(get_user(next));
        if (on_it) {
            return fail(Errc::not_permitted);
        }
        if ((wanted.flags & abi::ss_disable) != 0) {
            current = {0, abi::ss_disable, 0};
        } else if (wanted.size < smallest) {
            return fail(Errc::no_memory);
        } else {
            current = {wanted.pointer, 0, wanted.size};
        }
    }
    if (!old.is_null()) {
        TRY(put_user(old, before));
    }
    return 0U;
}

Reply sigreturn(Process& self, hal::TrapFrame& frame) noexcept {
    return return_from_handler(self, frame);
}
Reply rt_sigreturn(Process& self, hal::TrapFrame& frame) noexcept {
    return return_from_rt_handler(self, frame);
}

}  // namespace kidney::kernel::calls
