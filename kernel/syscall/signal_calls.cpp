#include "kernel/syscall/signal_calls.hpp"

#include "kernel/signal/delivery.hpp"
#include "kernel/signal/handler_frame.hpp"
#include "kernel/syscall/time_values.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "proc/signal/delivery.hpp"
#include "proc/signal/send.hpp"

#include <optional>

namespace kidney::kernel::calls {
namespace {

constexpr std::uint32_t set_bytes = 8;

constexpr bool is_signal(std::uint32_t n) noexcept {
    return n >= 1 && n <= abi::signal_count;
}

}  // namespace

namespace {

/// Sets a disposition and tells the one before. Error: invalid_argument. Inlined, so that what is
/// handed over stays in registers: runtimes set handlers often.
[[gnu::always_inline]] inline Status change_disposition(Process& self, std::uint32_t signal,
                                                        const Disposition* next,
                                                        Disposition& before) noexcept {
    bool has_discarded = false;
    {
        LockGuard guard(World::process_lock);
        before = self.signals.disposition(signal);
        if (next != nullptr) {
            TRY(self.signals.set_disposition(self.threads, signal, *next));
        }
        has_discarded = self.signals.has_discarded();
    }
    if (has_discarded) {
        settle_discarded(self);
    }
    return {};
}

/// What sigprocmask makes of the blocked set. Error: invalid_argument.
Result<SignalSet> combined(std::uint32_t how, SignalSet before, SignalSet set,
                           SignalSet replaced) noexcept {
    switch (how) {
        case abi::sig_block:
            return before | set;
        case abi::sig_unblock:
            return before.without(set);
        case abi::sig_setmask:
            return before.without(replaced) | set;
        default:
            return fail(Errc::invalid_argument);
    }
}

constexpr SignalSet every_signal(~std::uint64_t{0});
/// Those that calls from before real-time signals know.
constexpr SignalSet old_signals(0xffff'ffff);

constexpr std::uint32_t low_word(SignalSet set) noexcept {
    return static_cast<std::uint32_t>(set.bits());
}

}  // namespace

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
    TRY(change_disposition(self, signal, next.is_null() ? nullptr : &wanted, before));
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
    const Disposition wanted{.handler = handler, .flags = abi::sa_resethand | abi::sa_nodefer};
    Disposition before;
    TRY(change_disposition(self, number, &wanted, before));
    return before.handler;
}

Reply sigaction(Process& self, std::uint32_t signal, UserPtr<const abi::OldSigAction> next,
                UserPtr<abi::OldSigAction> old) noexcept {
    Disposition wanted;
    if (!next.is_null()) {
        const abi::OldSigAction a = TRY(get_user(next));
        wanted = {.handler = a.handler,
                  .flags = a.flags,
                  .restorer = a.restorer,
                  .mask = SignalSet(a.mask)};
    }
    if (!is_signal(signal)) {
        return fail(Errc::invalid_argument);
    }
    Disposition before;
    TRY(change_disposition(self, signal, next.is_null() ? nullptr : &wanted, before));
    TRY(put_user_if(old, {before.handler, low_word(before.mask), before.flags, before.restorer}));
    return 0U;
}

Reply rt_sigprocmask(Process& self, std::uint32_t how, UserPtr<const std::uint64_t> next,
                     UserPtr<std::uint64_t> old, std::uint32_t set_size) noexcept {
    if (set_size != set_bytes) {
        return fail(Errc::invalid_argument);
    }
    const SignalSet before = self.this_thread().signals.blocked();  // only this thread changes it
    if (!next.is_null()) {
        const SignalSet set(TRY(get_user(next)));
        set_blocked_signals(self, TRY(combined(how, before, set, every_signal)));
    }
    TRY(put_user_if(old, before.bits()));
    return 0U;
}

Reply sigprocmask(Process& self, std::uint32_t how, UserPtr<const std::uint32_t> next,
                  UserPtr<std::uint32_t> old) noexcept {
    const SignalSet before = self.this_thread().signals.blocked();
    if (!next.is_null()) {
        const SignalSet set(TRY(get_user(next)));
        set_blocked_signals(self, TRY(combined(how, before, set, old_signals)));
    }
    TRY(put_user_if(old, low_word(before)));
    return 0U;
}

Reply sgetmask(Process& self) noexcept {
    return low_word(self.this_thread().signals.blocked());
}
Reply ssetmask(Process& self, std::uint32_t mask) noexcept {
    const SignalSet before = self.this_thread().signals.blocked();
    set_blocked_signals(self, SignalSet(mask));
    return low_word(before);
}

namespace {

SignalSet pending_and_blocked(Process& self) noexcept {
    LockGuard guard(World::process_lock);
    return self.signals.pending(self.this_thread().signals) & self.this_thread().signals.blocked();
}

}  // namespace

Reply sigpending(Process& self, UserPtr<std::uint32_t> to) noexcept {
    TRY(put_user(to, low_word(pending_and_blocked(self))));
    return 0U;
}

Reply rt_sigpending(Process& self, UserPtr<std::uint64_t> to, std::uint32_t set_size) noexcept {
    if (set_size > set_bytes) {
        return fail(Errc::invalid_argument);
    }
    const std::uint64_t bits = pending_and_blocked(self).bits();
    TRY(copy_out(to.address(), std::as_bytes(std::span(&bits, 1)).first(set_size)));
    return 0U;
}

namespace {

/// Sleeps until a signal is deliverable. The call runs again unless a handler ran.
Reply sleep_for_signal(Process& self) noexcept {
    while (!self.is_interrupted()) {
        dispatcher().block();
    }
    self.this_thread().restart_mode = RestartMode::unless_handled;
    return fail(Errc::restart);
}

}  // namespace

namespace {

Reply suspend_with(Process& self, SignalSet set) noexcept {
    {
        LockGuard guard(World::process_lock);
        self.this_thread().signals.suspend(set);
        notice_new_mask(self);
    }
    return sleep_for_signal(self);
}

}  // namespace

Reply rt_sigsuspend(Process& self, UserPtr<const std::uint64_t> mask,
                    std::uint32_t set_size) noexcept {
    if (set_size != set_bytes) {
        return fail(Errc::invalid_argument);
    }
    return suspend_with(self, SignalSet(TRY(get_user(mask))));
}
Reply sigsuspend(Process& self, std::uint32_t, std::uint32_t, std::uint32_t mask) noexcept {
    return suspend_with(self, SignalSet(mask));
}

Reply pause(Process& self) noexcept {
    return sleep_for_signal(self);
}

namespace {

template <class Timespec>
Reply wait_for_signal(Process& self, UserPtr<const std::uint64_t> set_pointer,
                      UserPtr<abi::SigInfo> info_pointer, VirtAddr timeout,
                      std::uint32_t set_size) noexcept {
    if (set_size != set_bytes) {
        return fail(Errc::invalid_argument);
    }
    const SignalSet set = SignalSet(TRY(get_user(set_pointer))).without(SignalState::unblockable);
    Instant deadline = Instant::never();
    if (timeout != VirtAddr(0)) {
        deadline = Clock::now() + TRY(get_timespec<Timespec>(timeout));
    }
    ThreadSignals& own = self.this_thread().signals;
    for (bool in_time = true;;) {
        std::optional<SignalState::Taken> taken;
        {
            LockGuard guard(World::process_lock);
            taken = self.signals.take(own, set);
            own.await(taken || !in_time ? SignalSet() : set);
        }
        if (taken) {
            settle(self, taken->queued, taken->cause);
            TRY(put_user_if(info_pointer, info_of(taken->signal, taken->cause)));
            return taken->signal;
        }
        if (!in_time) {
            return fail(Errc::would_block);
        }
        if (self.is_interrupted()) {
            bool still_nothing = false;
            {
                LockGuard guard(World::process_lock);
                still_nothing = (self.signals.pending(own) & set).is_empty();
                if (still_nothing) {
                    own.await({});
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

}  // namespace

Reply rt_sigtimedwait(Process& self, UserPtr<const std::uint64_t> set, UserPtr<abi::SigInfo> info,
                      VirtAddr timeout, std::uint32_t set_size) noexcept {
    return wait_for_signal<Timespec32>(self, set, info, timeout, set_size);
}
Reply rt_sigtimedwait_time64(Process& self, UserPtr<const std::uint64_t> set,
                             UserPtr<abi::SigInfo> info, VirtAddr timeout,
                             std::uint32_t set_size) noexcept {
    return wait_for_signal<Timespec64>(self, set, info, timeout, set_size);
}

Reply sigaltstack(Process& self, hal::TrapFrame& frame, UserPtr<const abi::SigAltStack> next,
                  UserPtr<abi::SigAltStack> old) noexcept {
    const abi::SigAltStack before = self.this_thread().signals.alternate_stack_at(frame.esp);
    if (!next.is_null()) {
        TRY(self.this_thread().signals.set_alternate_stack(TRY(get_user(next)), frame.esp));
    }
    TRY(put_user_if(old, before));
    return 0U;
}

Reply sigreturn(Process& self, hal::TrapFrame& frame) noexcept {
    return return_from_handler(self, frame);
}
Reply rt_sigreturn(Process& self, hal::TrapFrame& frame) noexcept {
    return return_from_rt_handler(self, frame);
}

}  // namespace kidney::kernel::calls
