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

/// What a thread finds when it looks at the state of its process.
struct NextStep {
    bool must_end = false;   ///< it runs no more of the program
    bool must_stop = false;  ///< its process stops
    std::optional<Delivery> delivery;
};

/// Clears the thread's mark, unless there is more to look at.
template <class P>
[[nodiscard]] NextStep take_next(P& self) noexcept EXCLUDES(P::World::process_lock) {
    NextStep next;
    auto& thread = self.this_thread();
    {
        LockGuard guard(P::World::process_lock);
        // Cleared before the look: a signal that comes later sets it again.
        thread.interrupted.store(0, std::memory_order_seq_cst);
        next.must_end = self.must_end(thread);
        next.must_stop = self.stop_signal != 0;
        if (!next.must_end && !next.must_stop) {
            next.delivery = self.signals.choose_next(thread.signals);
        }
        if (next.must_stop || (next.delivery && self.signals.has_deliverable(thread.signals))) {
            thread.interrupted.store(1, std::memory_order_relaxed);
        }
    }
    if (next.delivery) {
        settle(self, next.delivery->queued, next.delivery->cause);
    }
    return next;
}

/// The handler's frame stands then; or the stack was no good, and SIGSEGV is pending, or the end.
template <class P>
void enter_handler(P& self, typename P::World::Registers& registers, const Delivery& d) noexcept
    EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    auto& thread = self.this_thread();
    const SignalSet mask = thread.signals.mask_to_restore();
    if (!W::build_handler(self, registers, d, mask)) {
        // A handler for SIGSEGV cannot run without a stack either.
        if (d.signal == abi::sig_segv) {
            exit_process(self, ExitStatus::killed(abi::sig_segv));
        }
        force_signal(self, abi::sig_segv, {.code = abi::si_kernel});
        return;
    }
    LockGuard guard(W::process_lock);
    thread.signals.enter_handler(d.disposition.blocks(d.signal));
    notify_if_pending(self, thread);
}

/// The call that a signal interrupted, and the handler that comes before it goes on.
template <class P>
void handle(P& self, typename P::World::Registers& registers, const Delivery& d,
            RestartMode mode) noexcept EXCLUDES(P::World::process_lock) {
    // The frame must hold what the program shall see after the handler.
    switch (fate_under_handler(mode, d.disposition)) {
        case CallFate::none:
            break;
        case CallFate::restarts:
            P::World::restart_call(registers);
            break;
        case CallFate::fails:
            P::World::fail_call(self, registers);
            break;
    }
    enter_handler(self, registers, d);
}

/// Does what the pending signals, and what others want of the process, ask for: enters a handler
/// (changing `registers`), stops, or ends the thread or the process (does not return then). Also
/// restarts an interrupted system call where nobody objects. Process context, interrupts on. Cheap
/// when nothing is pending.
template <class P>
void deliver_signals(P& self, typename P::World::Registers& registers) noexcept
    EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    auto& thread = self.this_thread();
    RestartMode mode = std::exchange(thread.restart_mode, RestartMode::none);
    while (self.is_interrupted()) {
        const NextStep next = take_next(self);
        if (next.must_end) {
            exit_thread(self, {});
        }
        if (next.must_stop) {
            take_part_in_stop(self);
            continue;
        }
        if (!next.delivery) {
            break;
        }
        const Delivery& d = *next.delivery;
        W::delivers(self, d);
        switch (d.kind) {
            case Delivery::Kind::terminate:
            case Delivery::Kind::core:
                W::ends_by_signal(self, d, registers);
                exit_process(self, ExitStatus::killed(d.signal));
            case Delivery::Kind::stop:
                stop_self(self, d.signal);
                break;
            case Delivery::Kind::handler:
                handle(self, registers, d, std::exchange(mode, RestartMode::none));
                break;
        }
    }
    if (mode != RestartMode::none) {
        W::restart_call(registers);
    }
    bool has_discarded = false;
    {
        LockGuard guard(W::process_lock);
        thread.signals.end_suspend();  // sigsuspend was woken, but no handler ran
        has_discarded = self.signals.has_discarded();
    }
    if (has_discarded) {
        settle_discarded(self);
    }
}

/// The calling thread's mask is another one: what it accepts now it notices, and what only it was
/// to take is for the others.
template <class P>
void notice_new_mask(P& self) noexcept REQUIRES(P::World::process_lock) {
    auto& thread = self.this_thread();
    notify_if_pending(self, thread);
    if (!(self.signals.shared_pending() & thread.signals.blocked()).is_empty()) {
        for (auto& t : self.threads) {
            notify_if_pending(self, t);
        }
    }
}

/// sigprocmask's effect.
template <class P>
void set_blocked_signals(P& self, SignalSet blocked) noexcept EXCLUDES(P::World::process_lock) {
    LockGuard guard(P::World::process_lock);
    self.this_thread().signals.set_blocked(blocked);
    notice_new_mask(self);
}

}  // namespace kidney::proc
