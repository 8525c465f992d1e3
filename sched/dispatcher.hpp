/// The dispatcher: gives CPUs to threads. Policies decide who; this engine does the switching
/// (switcher.hpp), the placing (placement.hpp) and, here, the life of a thread: starting, sleeping,
/// waking, and questions about it.
///
/// Protocol. A thread's state changes only under the lock of the queue it belongs to. wake() of a
/// thread that does not wait leaves a mark that its next block() consumes: no wake-up is lost, but
/// a block() may return for no reason, so callers loop over their condition.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/cpu_id.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"
#include "kidney/hal/clock.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/mm/object_allocator.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "kidney/sched/waiting.hpp"
#include "sched/dispatcher_config.hpp"
#include "sched/roster.hpp"
#include "sched/switcher.hpp"
#include "sched/sync/inheritance.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sched/thread.hpp"
#include "sched/timer_queue.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::sched {

template <DispatcherConfig Config>
class Dispatcher : public Switcher<Config> {
public:
    using typename Switcher<Config>::Cpu;
    using typename Switcher<Config>::Thread;
    using typename Switcher<Config>::Policy;
    using Switcher<Config>::current;
    using Switcher<Config>::preempt_point;

    /// Before start(): makes room for the thread in what the policies keep. `memory` is the same at
    /// each call. Errors: no_memory.
    template <mm::ObjectAllocator Memory>
    [[nodiscard]] Status admit(Thread& thread, Memory& memory) noexcept {
        return roster_.admit(thread, placement_, memory);
    }
    /// Of a thread that was admitted: after Hooks::exited, or if it will never be started. Any
    /// context.
    void dismiss(const Thread& thread) noexcept { roster_.dismiss(thread); }

    /// Runs entry(argument) as a new thread; it ends when entry returns or calls exit().
    /// `thread` and its stack stay the caller's until Hooks::exited. Others may know it already and
    /// wake it, which leaves the mark; it may have ended before this returns.
    void start(Thread& thread, std::span<std::byte> stack, void (*entry)(void*) noexcept,
               void* argument) noexcept KIDNEY_NO_TSA("which lock is only known at run time")
    {
        KIDNEY_INVARIANT(thread.state == ThreadState::created, "thread started twice");
        this->prepare(thread, stack, entry, argument);
        {
            const hal::InterruptGuard<Cpu> off;
            Queue& queue = placement_.lock_queue_of(thread);
            thread.cpu.store(placement_.here().id, std::memory_order_release);
            queue.lock.unlock();
        }
        static_cast<void>(
            make_ready(thread, ThreadState::created, EnqueueReason::started, WakeHint::none));
    }

    // --- Sleeping ---

    /// Sleeps until somebody wakes this thread; at once if somebody did since the last block().
    /// May return without a reason: callers loop. Not under a spin lock or with preemption off.
    void block() noexcept {
        Thread& self = current();
        KIDNEY_ASSERT(self.preempt_count == 0);
        const hal::InterruptState before = Cpu::interrupts_disable();
        KIDNEY_ASSERT(Cpu::held_ranks().depth() == 0);
        Queue& queue = placement_.here();
        queue.lock.lock();
        if (self.wake_pending) {
            self.wake_pending = false;
            queue.lock.unlock();
        } else {
            self.state = ThreadState::waiting;
            this->leave(queue, self);
        }
        Cpu::interrupts_restore(before);
    }

    /// As block(), but not past `deadline`. False: the deadline has passed.
    [[nodiscard]] bool block_until(Instant deadline) noexcept {
        if (deadline == Instant::never()) {
            block();
            return true;
        }
        WakeTimer timer;
        timer.deadline = deadline;
        timer.fired = &WakeTimer::wake_sleeper;
        timer.dispatcher = this;
        timer.sleeper = &current();
        arm_timer(timer);
        block();
        return cancel_timer(timer);
    }

    /// Sleeps until `deadline`, whatever else wakes the thread.
    void sleep_until(Instant deadline) noexcept {
        while (block_until(deadline)) {
        }
    }

    /// `entry.fired` runs on this CPU at or soon after `entry.deadline`.
    void arm_timer(TimerEntry& entry) noexcept {
        const hal::InterruptGuard<Cpu> off;
        Queue& queue = placement_.here();
        entry.cpu = queue.id;
        queue.timers.insert(entry);
        queue.timers.arm_hardware(entry.deadline);
    }

    /// After this the entry is not used any more. False if it fired or was never armed.
    bool cancel_timer(TimerEntry& entry) noexcept {
        const hal::InterruptGuard<Cpu> off;
        return placement_.of(CpuId(entry.cpu)).timers.remove(entry);
    }

    // --- Waking ---

    /// Makes a waiting thread ready. Any context. True if it waited.
    bool wake(Thread& thread, WakeHint hint = WakeHint::none) noexcept {
        return make_ready(thread, ThreadState::waiting, EnqueueReason::woken, hint);
    }

    /// Ends the thread's current or next interruptible wait; one that runs a user program comes
    /// into the kernel soon. Until the thread clears `interrupted`, each CPU it gets has work
    /// flagged.
    void interrupt(Thread& thread) noexcept {
        const hal::InterruptGuard<Cpu> off;
        thread.interrupted.store(1);  // first: the thread looks at it after every sleep
        if (wake(thread)) {
            return;
        }
        // It runs, or it is ready and perhaps on the move: then whoever switches to it looks.
        const CpuId cpu(thread.cpu.load(std::memory_order_relaxed));
        if (cpu == Cpu::id()) {
            Config::Local::flag_work();
        } else {
            Cpu::send_reschedule(cpu);
        }
    }

    /// Calls change(SchedulingParameters&) and tells the policy; whoever is on a CPU that is not
    /// allowed any more leaves it soon. Any context.
    template <class F>
    void change(Thread& thread, F&& change) noexcept
        KIDNEY_NO_TSA("which lock is only known at run time")
    {
        const hal::InterruptState before = Cpu::interrupts_disable();
        Queue& queue = placement_.lock_queue_of(thread);
        const Instant now = Config::Clock::now();
        if (queue.current == &thread) {
            static_cast<void>(queue.charge(now));  // what it ran so far, it ran as it was
        }
        const std::uint32_t weight = thread.weight;
        or_default::reconsider(queue.policy, thread, change, now);
        if (thread.state == ThreadState::ready || thread.state == ThreadState::running) {
            queue.weigh(thread.weight - weight);
        }
        const bool moves =
            thread.state == ThreadState::ready && !thread.allowed.contains(CpuId(queue.id));
        if (moves) {
            this->take_out(queue, thread);
        }
        // Either may now be the wrong one to run; the policy decides.
        const bool remote = queue.request_reschedule();
        queue.lock.unlock();
        if (remote) {
            Cpu::send_reschedule(CpuId(queue.id));
        }
        if (moves) {
            this->put_in(thread);
        }
        pass_on(thread);
        Cpu::interrupts_restore(before);
        if (before == hal::InterruptState::enabled) {
            preempt_point();
        }
    }
    void set_priority(Thread& thread, Priority priority) noexcept {
        change(thread, [priority](SchedulingParameters& p) noexcept { p.priority = priority; });
    }

    // --- Inheritance (sched/sync/turnstile.hpp) ---

    /// Lets the thread run with at least that urgency, whatever it does. False: it did already.
    /// Under inheritance_lock().
    [[nodiscard]] bool lend(Thread& thread, Urgency lent) noexcept
        KIDNEY_NO_TSA("which lock is only known at run time")
    {
        Queue& queue = placement_.lock_queue_of(thread);
        const bool changes = thread.lent != lent;
        bool remote = false;
        if (changes) {
            const Instant now = Config::Clock::now();
            const bool runs = queue.current == &thread;
            if (runs) {
                static_cast<void>(queue.charge(now));  // what it ran so far, it ran as it was
            }
            or_default::lend(queue.policy, thread, lent, now);
            queue.note_size();
            const bool another_runs = runs ? queue.charge(now) == TickVerdict::preempt
                                           : thread.queued && queue.preempts(thread, now);
            remote = another_runs && queue.request_reschedule();
        }
        queue.lock.unlock();
        if (remote) {
            Cpu::send_reschedule(CpuId(queue.id));
        }
        return changes;
    }
    [[nodiscard]] Urgency urgency(Thread& thread) noexcept
        KIDNEY_NO_TSA("which lock is only known at run time")
    {
        const hal::InterruptGuard<Cpu> off;
        Queue& queue = placement_.lock_queue_of(thread);
        const Urgency urgency = or_default::urgency(queue.policy, thread);
        queue.lock.unlock();
        return urgency;
    }
    /// Guards who waits for whom, in all threads.
    [[nodiscard]] auto& inheritance_lock() noexcept { return inheritance_lock_; }

    // --- Questions ---

    /// CPU time of a thread, the running slice included.
    [[nodiscard]] Duration cpu_time(Thread& thread) noexcept { return statistics(thread).ran; }
    /// The running slice, or the present wait, included.
    [[nodiscard]] ThreadStatistics statistics(Thread& thread) noexcept
        KIDNEY_NO_TSA("which lock is only known at run time")
    {
        const hal::InterruptGuard<Cpu> off;
        Queue& queue = placement_.lock_queue_of(thread);
        ThreadStatistics all = thread.statistics;
        const Instant now = Config::Clock::now();
        if (queue.current == &thread) {
            all.ran += now - queue.charged_until;
        } else if (thread.state == ThreadState::ready && now > thread.ready_since) {
            all.waited += now - thread.ready_since;
        }
        queue.lock.unlock();
        return all;
    }
    [[nodiscard]] CpuStatistics statistics(CpuId cpu) noexcept {
        const hal::InterruptGuard<Cpu> off;
        Queue& queue = placement_.of(cpu);
        const LockGuard guard(queue.lock);
        return queue.statistics;
    }
    [[nodiscard]] std::size_t queued(CpuId cpu) const noexcept {
        return placement_.of(cpu).queued.load(std::memory_order_relaxed);
    }
    /// As other CPUs see it: perhaps of a moment ago.
    [[nodiscard]] CpuLoad load(CpuId cpu) const noexcept { return placement_.of(cpu).load(); }
    [[nodiscard]] std::uint64_t switches(CpuId cpu) noexcept {
        const hal::InterruptGuard<Cpu> off;
        Queue& queue = placement_.of(cpu);
        const LockGuard guard(queue.lock);
        return queue.switches;
    }
    [[nodiscard]] Duration idle_time(CpuId cpu) noexcept {
        const hal::InterruptGuard<Cpu> off;
        Queue& queue = placement_.of(cpu);
        const LockGuard guard(queue.lock);
        return queue.current != queue.idle
                   ? queue.idle_time
                   : queue.idle_time + (Config::Clock::now() - queue.charged_until);
    }
    /// Calls f(policy) with the CPU's queue locked; for wrappers that record (`Traced`).
    template <class F>
    void with_policy(CpuId cpu, F&& f) noexcept {
        const hal::InterruptGuard<Cpu> off;
        Queue& queue = placement_.of(cpu);
        const LockGuard guard(queue.lock);
        f(queue.policy);
    }

private:
    Roster<Config> roster_;
    SpinLock<Config::inheritance_rank, Cpu> inheritance_lock_;
    using typename Switcher<Config>::Queue;
    using Switcher<Config>::placement_;

    struct WakeTimer : TimerEntry {
        Dispatcher* dispatcher = nullptr;
        Thread* sleeper = nullptr;
        static Instant wake_sleeper(TimerEntry& entry, Instant) noexcept {
            const auto& self = static_cast<WakeTimer&>(entry);
            static_cast<void>(self.dispatcher->wake(*self.sleeper));
            return Instant::never();
        }
    };

    /// It has another urgency now: whoever it waits for owes something else.
    void pass_on(Thread& thread) noexcept {
        if constexpr (LendsUrgency<Policy>) {
            const LockGuard guard(inheritance_lock_);
            if (Lender* const lock = thread.borrower.waits_at; lock != nullptr) {
                thread.borrower.changed(*lock);
            }
        }
    }

    bool make_ready(Thread& thread, ThreadState state, EnqueueReason why, WakeHint hint) noexcept {
        using Arrived = typename Placement<Config>::Arrived;
        const hal::InterruptState before = Cpu::interrupts_disable();
        const Arrived arrived = placement_.make_ready(thread, state, why, hint);
        Cpu::interrupts_restore(before);
        if (arrived == Arrived::urgently && before == hal::InterruptState::enabled) {
            preempt_point();
        }
        return arrived != Arrived::no;
    }
};

}  // namespace kidney::sched
