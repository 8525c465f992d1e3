/// Signals on the way back to the program: what the pending ones ask for, one after the other.
///
/// The registers are the world's: this engine says that a call runs again, fails with EINTR, or
/// that a handler is entered, and the world writes it into whatever its programs run on.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "proc/life/exit.hpp"
#include "proc/life/job_control.hpp"
#include "proc/process.hpp"
#include "proc/signal/send.hpp"
#include "proc/signal/signal_state.hpp"
#include "proc/world.hpp"

#include <optional>
#include <utility>

namespace kidney::proc {

/// A handler runs first: what becomes of the call that it interrupted.
enum class CallFate : std::uint8_t { none, restarts, fails };
[[nodiscard]] constexpr CallFate fate_under_handler(RestartMode mode,
                                                    const Disposition& d) noexcept {
    if (mode == RestartMode::none) {
        return CallFate::none;
    }
    const bool restarts = mode == RestartMode::always ||
                          (mode == RestartMode::by_flag && (d.flags & abi::sa_restart) != 0);
    return restarts ? CallFate::restarts : CallFate::fails;
}

/// The next signal, and the mark cleared if it was the last.
template <class P>
[[nodiscard]] std::optional<Delivery> take_next(P& self) noexcept EXCLUDES(P::World::process_lock) {
    std::optional<Delivery> next;
    {
        LockGuard guard(P::World::process_lock);
        // Cleared before the look: a signal that comes later sets it again.
        self.thread->interrupted.store(0, std::memory_order_seq_cst);
        next = self.signals.choose_next();
        if (next && self.signals.has_deliverable()) {
            self.thread->interrupted.store(1, std::memory_order_relaxed);
        }
    }
    if (next) {
        settle<typename P::World>(next->queued, next->cause);
    }
    return next;
}

/// The handler's frame stands then; or the stack was no good, and SIGSEGV is pending, or the end.
template <class P>
void enter_handler(P& self, typename P::World::Registers& registers, const Delivery& d) noexcept
    EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    const SignalSet mask = self.signals.mask_to_restore();
    if (!W::build_handler(self, registers, d, mask)) {
        // A handler for SIGSEGV cannot run without a stack either.
        if (d.signal == abi::sig_segv) {
            exit_process(self, ExitStatus::killed(abi::sig_segv));
        }
        force_signal(self, abi::sig_segv, {.code = abi::si_kernel});
        return;
    }
    LockGuard guard(W::process_lock);
    self.signals.enter_handler(d);
    if (self.signals.has_deliverable()) {
        notify(self);
    }
}

/// Does what the pending signals ask for: enters a handler (changing `registers`), stops, or ends
/// the process (does not return then). Also restarts an interrupted system call where nobody
/// objects. Process context, interrupts on. Cheap when nothing is pending.
template <class P>
void deliver_signals(P& self, typename P::World::Registers& registers) noexcept
    EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    RestartMode mode = std::exchange(self.restart_mode, RestartMode::none);
    while (self.is_interrupted()) {
        const std::optional<Delivery> d = take_next(self);
        if (!d) {
            break;
        }
        W::delivers(self, *d);
        switch (d->kind) {
            case Delivery::Kind::terminate:
            case Delivery::Kind::core:
                W::ends_by_signal(self, *d, registers);
                exit_process(self, ExitStatus::killed(d->signal));
            case Delivery::Kind::stop:
                stop_self(self, d->signal);
                break;
            case Delivery::Kind::handler:
                // The frame must hold what the program shall see after the handler.
                switch (
                    fate_under_handler(std::exchange(mode, RestartMode::none), d->disposition)) {
                    case CallFate::none:
                        break;
                    case CallFate::restarts:
                        W::restart_call(registers);
                        break;
                    case CallFate::fails:
                        W::fail_call(self, registers);
                        break;
                }
                enter_handler(self, registers, *d);
                break;
        }
    }
    if (mode != RestartMode::none) {
        W::restart_call(registers);
    }
    bool has_discarded = false;
    {
        LockGuard guard(W::process_lock);
        self.signals.end_suspend();  // sigsuspend was woken, but no handler ran
        has_discarded = self.signals.has_discarded();
    }
    if (has_discarded) {
        settle_discarded(self);
    }
}

/// sigprocmask's effect: a signal that is unblocked now is noticed.
template <class P>
void set_blocked_signals(P& self, SignalSet blocked) noexcept EXCLUDES(P::World::process_lock) {
    LockGuard guard(P::World::process_lock);
    self.signals.set_blocked(blocked);
    if (self.signals.has_deliverable()) {
        notify(self);
    }
}

}  // namespace kidney::proc
