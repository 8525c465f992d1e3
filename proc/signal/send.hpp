/// Sending signals: from system calls, from faults, from terminals (interrupts included).
///
/// A signal may continue a stopped process, and its parent is told by a signal: these functions
/// call each other.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "kidney/mm/make.hpp"
#include "kidney/sched/waiting.hpp"
#include "proc/process.hpp"
#include "proc/process_table.hpp"
#include "proc/signal/signal_state.hpp"

#include <cstdint>
#include <utility>

namespace kidney::proc {

/// Makes `signal` pending for `target` as a whole and gets one of its threads that accepts it to
/// notice: a sleeping one wakes, one that runs on another CPU is interrupted, a stopped process
/// continues on SIGCONT and SIGKILL. Any context, also interrupt handlers.
/// What comes with a `queued` becomes the target's unless it is discarded.
template <class P>
PostResult send_signal(P& target, std::uint32_t signal, const SignalCause& cause,
                       QueuedSignal* queued = nullptr) noexcept REQUIRES(P::World::process_lock);

/// Has a thread look for signals if there are any for it.
template <class P>
void notify_if_pending(P& self, typename P::Thread& thread) noexcept
    REQUIRES(P::World::process_lock) {
    if (self.signals.has_deliverable(thread.signals)) {
        P::World::Threads::interrupt(thread);
    }
}

/// All threads but the calling one look at the state of their process soon.
template <class P>
void interrupt_others(P& self) noexcept REQUIRES(P::World::process_lock) {
    for (auto& t : self.threads) {
        if (&t != &self.this_thread()) {
            P::World::Threads::interrupt(t);
        }
    }
}

/// Even an ignored SIGCHLD ends a wait4.
template <class P>
void wake_parent(P& parent, sched::WakeHint hint) noexcept REQUIRES(P::World::process_lock) {
    for (auto& t : parent.threads) {
        if (t.awaits_child) {
            P::World::Threads::wake(t, hint);
        }
    }
}

template <class P>
void signal_parent(P& child, std::int32_t code, std::int32_t status) noexcept
    REQUIRES(P::World::process_lock) {
    P& parent = *child.parent;
    if (child.exit_signal != 0 && child.exit_signal <= abi::signal_count) {
        send_signal(parent, child.exit_signal,
                    {.code = code,
                     .pid = child.pid.value(),
                     .uid = child.identity.user.real,
                     .status = status});
    }
    wake_parent(parent, sched::WakeHint::sync);
}

/// SIGCHLD (unless SA_NOCLDSTOP) and a wake-up for a parent in wait4.
template <class P>
void tell_parent_about_stop(P& child, std::int32_t code, std::uint32_t signal) noexcept
    REQUIRES(P::World::process_lock) {
    P& parent = *child.parent;
    const Disposition& d = parent.signals.disposition(abi::sig_chld);
    if ((d.flags & abi::sa_nocldstop) == 0) {
        signal_parent(child, code, static_cast<std::int32_t>(signal));
    } else {
        wake_parent(parent, sched::WakeHint::none);
    }
}

/// SIGCONT and SIGKILL: lets a process that is stopped, or about to, go on; the latter without
/// telling its parent.
template <class P>
void resume_stopped(P& target, std::uint32_t signal) noexcept REQUIRES(P::World::process_lock) {
    if (target.stop_signal == 0) {
        return;
    }
    target.stop_signal = 0;
    if (target.state == ProcessState::stopped) {
        target.state = ProcessState::running;
        target.stop_reported = true;
        if (signal == abi::sig_cont) {  // who is killed does not go on
            target.continue_pending = true;
            tell_parent_about_stop(target, abi::cld_continued, signal);
        }
    }
    for (auto& t : target.threads) {
        if (t.has_stopped) {
            P::World::Threads::wake(t, sched::WakeHint::none);
        }
    }
}

/// What the rules made of a signal, told to whom it concerns.
template <class P>
PostResult tell(P& target, std::uint32_t signal,
                const SignalState::Posted<typename P::Thread>& posted) noexcept
    REQUIRES(P::World::process_lock) {
    if (posted.result == PostResult::wake) {
        if (signal == abi::sig_kill) {
            target.is_ending.store(true, std::memory_order_relaxed);
        }
        P::World::Threads::interrupt(*posted.receiver);
    }
    if (posted.result != PostResult::discarded) {
        P::World::processes().tell_listeners(signal);
    }
    return posted.result;
}

template <class P>
PostResult send_signal(P& target, std::uint32_t signal, const SignalCause& cause,
                       QueuedSignal* queued) noexcept REQUIRES(P::World::process_lock) {
    if (target.is_zombie()) {
        return PostResult::discarded;
    }
    if (signal == abi::sig_cont || signal == abi::sig_kill) {
        resume_stopped(target, signal);
    }
    return tell(target, signal, target.signals.post(target.threads, signal, cause, queued));
}

/// The same to one thread of `target` (tgkill).
template <class P>
PostResult send_signal_to_thread(P& target, typename P::Thread& one, std::uint32_t signal,
                                 const SignalCause& cause, QueuedSignal* queued = nullptr) noexcept
    REQUIRES(P::World::process_lock) {
    if (signal == abi::sig_cont || signal == abi::sig_kill) {
        resume_stopped(target, signal);
    }
    return tell(target, signal, target.signals.post_to(one, target.threads, signal, cause, queued));
}

/// To `only` one thread of `target`, or to all of it if that is null.
template <class P>
PostResult send_signal_to(P& target, typename P::Thread* only, std::uint32_t signal,
                          const SignalCause& cause, QueuedSignal* queued = nullptr) noexcept
    REQUIRES(P::World::process_lock) {
    return only == nullptr ? send_signal(target, signal, cause, queued)
                           : send_signal_to_thread(target, *only, signal, cause, queued);
}

/// A place in a process's queue, made before the lock is taken: nothing is allocated under it.
template <class W>
class SpareSignalOf {
public:
    SpareSignalOf() noexcept = default;
    ~SpareSignalOf() {
        if (queued_ != nullptr) {
            destroy(*queued_);
        }
    }
    SpareSignalOf(const SpareSignalOf&) = delete;
    SpareSignalOf& operator=(const SpareSignalOf&) = delete;

    /// Error: no_memory.
    Status make() noexcept {
        queued_ = TRY(mm::make<QueuedSignal>(W::heap()));
        return {};
    }
    /// Books it on the user of `owner`, whose queue it shall go into. Error: would_block
    /// (RLIMIT_SIGPENDING).
    Status take_room(const typename W::Process& owner) noexcept {
        return queued_->room.take({owner.account}, Holding::pending_signals, 1,
                                  owner.limits.pending_signals())
                   ? Status()
                   : Status(fail(Errc::would_block));
    }
    [[nodiscard]] QueuedSignal* get() const noexcept { return queued_; }
    QueuedSignal* release() noexcept { return std::exchange(queued_, nullptr); }

    /// Gives one back, with its room. Not under a spin lock.
    static void destroy(QueuedSignal& queued) noexcept { mm::destroy(W::heap(), &queued); }
    /// Those that were discarded with the process.
    static void destroy_all(SignalQueue& queue) noexcept {
        while (QueuedSignal* const queued = queue.take(SignalSet(~std::uint64_t{0}))) {
            destroy(*queued);
        }
    }

private:
    QueuedSignal* queued_ = nullptr;
};

/// send_signal() for signals that queue, to `only` one thread if that is not null. Error:
/// would_block, if there is no room and the cause is more than "somebody did".
template <class P>
Status send_queued_signal(P& target, typename P::Thread* only, std::uint32_t signal,
                          const SignalCause& cause,
                          SpareSignalOf<typename P::World>& spare) noexcept
    REQUIRES(P::World::process_lock) {
    if (spare.get() != nullptr && spare.take_room(target)) {
        if (send_signal_to(target, only, signal, cause, spare.get()) == PostResult::discarded) {
            spare.get()->room = Share();  // the target still has the account: it does not end here
        } else {
            spare.release();
        }
        return {};
    }
    if (cause.code != abi::si_user) {
        return fail(Errc::would_block);
    }
    send_signal_to(target, only, signal, cause);
    return {};
}

/// A thread has taken a signal: its sender has it back, or its room is free. Completes the cause.
/// Under the timer lock a source stays; without it, another thread may delete the timer meanwhile.
template <class P>
void settle(P& self, QueuedSignal* queued, SignalCause& cause) noexcept
    EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    if (queued == nullptr) {
        return;
    }
    if (queued->of_source) {
        LockGuard guard(self.timer_lock);
        SignalSource* source = nullptr;
        {
            LockGuard inner(W::process_lock);
            source = queued->source;
            queued->is_queued = false;
        }
        if (source != nullptr) {
            cause.uid = source->signal_taken();
            return;
        }
    }
    SpareSignalOf<W>::destroy(*queued);
}
/// Likewise for what was discarded.
template <class P>
void settle_discarded(P& self) noexcept EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    for (;;) {
        QueuedSignal* queued = nullptr;
        {
            LockGuard guard(W::process_lock);
            queued = self.signals.take_discarded();
        }
        if (queued == nullptr) {
            return;
        }
        SignalCause nobody_asks;
        settle(self, queued, nobody_asks);
    }
}

/// To every member of a group. False if there is none.
template <class W>
bool send_signal_to_group(Pid group, std::uint32_t signal, const SignalCause& cause) noexcept
    REQUIRES(W::process_lock) {
    bool found = false;
    for (auto& p : W::processes().all()) {
        if (p.group == group && !p.is_zombie()) {
            found = true;
            send_signal(p, signal, cause);
            p.signals.hand_on(signal);
        }
    }
    return found;
}

/// A fault of the running program: delivered before the thread goes on, whatever it blocks or
/// ignores.
template <class P>
void force_signal(P& self, std::uint32_t signal, const SignalCause& cause) noexcept
    EXCLUDES(P::World::process_lock) {
    LockGuard guard(P::World::process_lock);
    auto& thread = self.this_thread();
    self.signals.force(thread.signals, signal, cause);
    P::World::Threads::interrupt(thread);
}

/// To the calling thread itself (SIGPIPE).
template <class P>
void send_signal_to_self(P& self, std::uint32_t signal) noexcept EXCLUDES(P::World::process_lock) {
    LockGuard guard(P::World::process_lock);
    send_signal_to_thread(
        self, self.this_thread(), signal,
        {.code = abi::si_user, .pid = self.pid.value(), .uid = self.identity.user.real});
}

/// kill(2)'s permission rule.
template <class P>
[[nodiscard]] bool may_signal(const P& sender, const P& target, std::uint32_t signal) noexcept
    REQUIRES(P::World::process_lock) {
    if (signal == abi::sig_cont && sender.session == target.session) {
        return true;
    }
    const IdTriple& from = sender.identity.user;
    const IdTriple& to = target.identity.user;
    return sender.identity.is_privileged() || from.real == to.real || from.real == to.saved ||
           from.effective == to.real || from.effective == to.saved;
}

}  // namespace kidney::proc
