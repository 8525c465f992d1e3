/// The dispatcher: gives CPUs to threads. Policies decide who; this engine does the switching,
/// sleeping, waking, placing and accounting.
///
/// Protocol. The run-queue lock of a CPU is held across the context switch and released by the
/// thread switched to, so whoever gets the lock finds every other thread's context saved. A
/// thread's state changes only under the lock of the queue it belongs to. wake() of a thread that
/// does not wait leaves a mark that its next block() consumes: no wake-up is lost, but a block()
/// may return for no reason, so callers loop over their condition.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/cpu_id.hpp"
#include "kidney/hal/clock.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/sched/policy.hpp"
#include "sched/dispatcher_config.hpp"
#include "sched/run_queue.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sched/thread.hpp"

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace kidney::sched {

/// How a waker expects to go on.
enum class WakeHint : std::uint8_t {
    none,
    sync,  ///< it is about to sleep: keep the woken thread on this CPU
};

template <DispatcherConfig Config>
class Dispatcher {
public:
    using Cpu = typename Config::Cpu;
    using Thread = typename Config::Thread;
    using Policy = typename Config::Policy;
    using Queue = RunQueue<Policy, Thread, Cpu>;

    Dispatcher() noexcept {
        for (std::uint32_t i = 0; i < max_cpus; ++i) {
            queues_[i].id = i;
            queues_[i].rank = {static_cast<std::uint8_t>(Config::run_queue_rank.value + i),
                               Config::run_queue_rank.name};
        }
    }
    Dispatcher(const Dispatcher&) = delete;
    Dispatcher& operator=(const Dispatcher&) = delete;

    // --- Life of a CPU ---

    /// The calling context becomes this CPU's idle thread. Once per CPU, interrupts off.
    void adopt_cpu(Thread& idle) noexcept {
        Queue& queue = here();
        LockHere guard(queue);
        idle.state = ThreadState::running;
        idle.cpu.store(queue.id, std::memory_order_relaxed);
        idle.dispatcher = this;
        idle.preempt_count = 1;  // it gives way in run_idle() only
        queue.idle = &idle;
        queue.current = &idle;
        queue.charged_until = Config::Clock::now();
        queue.is_idle.store(1, std::memory_order_relaxed);
        Config::Local::set_thread(&idle);
        // CPUs may come up in any order and at the same time.
        std::uint32_t end = cpus_end_.load(std::memory_order_relaxed);
        while (end <= queue.id && !cpus_end_.compare_exchange_strong(end, queue.id + 1)) {
        }
    }

    /// What the idle thread does: run others, else halt. Tickless: only deadlines wake it.
    [[noreturn]] void run_idle() noexcept {
        for (;;) {
            static_cast<void>(Cpu::interrupts_disable());
            Queue& queue = here();
            if (has_work(queue)) {
                lock(queue);
                queue.needs_reschedule.store(0, std::memory_order_relaxed);
                leave(queue, current());
            } else {
                Cpu::wait_for_interrupt();
            }
            Cpu::interrupts_restore(hal::InterruptState::enabled);
        }
    }

    // --- Life of a thread ---

    /// Runs entry(argument) as a new thread; it ends when entry returns or calls exit().
    /// `thread` and its stack stay the caller's until Hooks::exited.
    void start(Thread& thread, std::span<std::byte> stack, void (*entry)(void*) noexcept,
               void* argument) noexcept {
        KIDNEY_INVARIANT(thread.state == ThreadState::created, "thread started twice");
        thread.entry = entry;
        thread.argument = argument;
        thread.dispatcher = this;
        Cpu::prepare_context(thread.context, stack, &Dispatcher::first_function, &thread);
        thread.state = ThreadState::waiting;
        const hal::InterruptState before = Cpu::interrupts_disable();
        thread.cpu.store(here().id, std::memory_order_release);
        Cpu::interrupts_restore(before);
        static_cast<void>(make_ready(thread, EnqueueReason::started, WakeHint::none));
    }

    /// Ends the calling thread.
    [[noreturn]] void exit() noexcept {
        static_cast<void>(Cpu::interrupts_disable());
        Queue& queue = here();
        lock(queue);
        current().state = ThreadState::exited;
        leave(queue, current());
        __builtin_unreachable();
    }

    [[nodiscard]] static Thread& current() noexcept {
        return *static_cast<Thread*>(Config::Local::thread());
    }

    /// Lets others run. A few instructions if there are none.
    void yield() noexcept {
        // A stale answer is as good as having called a moment earlier.
        if (here().queued.load(std::memory_order_relaxed) == 0) {
            return;
        }
        const hal::InterruptState before = Cpu::interrupts_disable();
        Queue& queue = here();
        lock(queue);
        requeue_and_leave(queue, EnqueueReason::yielded);
        Cpu::interrupts_restore(before);
    }

    /// Sleeps until somebody wakes this thread; at once if somebody did since the last block().
    /// May return without a reason: callers loop. Not under a spin lock or with preemption off.
    void block() noexcept {
        Thread& self = current();
        KIDNEY_ASSERT(self.preempt_count == 0);
        const hal::InterruptState before = Cpu::interrupts_disable();
        KIDNEY_ASSERT(Cpu::held_ranks().depth() == 0);
        Queue& queue = here();
        lock(queue);
        if (self.wake_pending) {
            self.wake_pending = false;
            unlock(queue);
        } else {
            self.state = ThreadState::waiting;
            leave(queue, self);
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

    /// Makes a waiting thread ready. Any context. True if it waited.
    bool wake(Thread& thread, WakeHint hint = WakeHint::none) noexcept {
        return make_ready(thread, EnqueueReason::woken, hint);
    }

    /// Ends the thread's current or next interruptible wait; one that runs a user program comes
    /// into the kernel soon. Until the thread clears `interrupted`, each CPU it gets has work
    /// flagged.
    void interrupt(Thread& thread) noexcept KIDNEY_NO_TSA("which lock is only known at run time")
    {
        thread.interrupted.store(1);
        const hal::InterruptState before = Cpu::interrupts_disable();
        Queue& queue = lock_queue_of(thread);
        const bool runs = queue.current == &thread;
        unlock(queue);
        if (runs && &queue == &here()) {
            Config::Local::flag_work();
        } else if (runs) {
            Cpu::send_reschedule(CpuId(queue.id));
        }
        Cpu::interrupts_restore(before);
        static_cast<void>(wake(thread));
    }

    void set_priority(Thread& thread, Priority priority) noexcept
        KIDNEY_NO_TSA("which lock is only known at run time")
    {
        const hal::InterruptState before = Cpu::interrupts_disable();
        Queue& queue = lock_queue_of(thread);
        if (thread.queued) {
            queue.policy.remove(thread);
            thread.priority = priority;
            queue.policy.enqueue(thread, EnqueueReason::preempted, Config::Clock::now());
        } else {
            thread.priority = priority;
        }
        // Either may now be the wrong one to run; the policy decides.
        const bool remote = request_reschedule(queue);
        unlock(queue);
        if (remote) {
            Cpu::send_reschedule(CpuId(queue.id));
        }
        Cpu::interrupts_restore(before);
        preempt_point();
    }

    // --- Preemption ---

    /// No switch between these but by block() and exit(). Nests.
    static void preempt_disable() noexcept {
        ++current().preempt_count;
        std::atomic_signal_fence(std::memory_order_seq_cst);  // only this thread looks at it
    }
    void preempt_enable() noexcept {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        --current().preempt_count;
        preempt_point();
    }

    /// Switches if somebody more urgent waits and this context allows it.
    void preempt_point() noexcept {
        if (here().needs_reschedule.load(std::memory_order_relaxed) != 0 &&
            Cpu::interrupts_enabled()) {
            static_cast<void>(Cpu::interrupts_disable());
            on_preemption_point();
            Cpu::interrupts_restore(hal::InterruptState::enabled);
        }
    }

    /// On the way back from a trap, interrupts off: the deferred switch.
    void on_preemption_point() noexcept {
        Queue& queue = here();
        if (queue.needs_reschedule.load(std::memory_order_relaxed) == 0 ||
            current().preempt_count != 0) {
            return;
        }
        lock(queue);
        requeue_and_leave(queue, EnqueueReason::preempted);
    }

    // --- Interrupts; off when called ---

    /// This CPU's timer fired: wake who is due, charge who runs.
    void on_timer() noexcept {
        Queue& queue = here();
        const Instant now = Config::Clock::now();
        queue.armed = Instant::never();
        lock_timers(queue);
        queue.timers.fire_due(now);
        const Instant first = queue.timers.first_deadline();
        unlock_timers(queue);

        lock(queue);
        const bool busy = queue.current != queue.idle;
        if (charge(queue, now) == TickVerdict::preempt) {
            static_cast<void>(request_reschedule(queue));
        }
        unlock(queue);
        if (busy && queue.queued.load(std::memory_order_relaxed) != 0) {
            kick_an_idle_cpu(queue);
        }
        arm_hardware(queue, first);
        if (busy) {
            arm_hardware(queue, now + Config::tick);
        }
    }

    /// Another CPU has put something into this one's queue, has a signal for its thread, or found
    /// it halting while others queue. Sets nothing itself: the request may have been served
    /// already.
    void on_reschedule() noexcept {
        if (here().needs_reschedule.load(std::memory_order_relaxed) != 0 ||
            current().interrupted.load(std::memory_order_relaxed) != 0) {
            Config::Local::flag_work();
        }
    }

    // --- Timers ---

    /// `entry.fired` runs on this CPU at or soon after `entry.deadline`.
    void arm_timer(TimerEntry& entry) noexcept {
        const hal::InterruptState before = Cpu::interrupts_disable();
        Queue& queue = here();
        entry.cpu = queue.id;
        lock_timers(queue);
        queue.timers.insert(entry);
        unlock_timers(queue);
        arm_hardware(queue, entry.deadline);
        Cpu::interrupts_restore(before);
    }

    /// After this the entry is not used any more. False if it fired or was never armed.
    bool cancel_timer(TimerEntry& entry) noexcept {
        const hal::InterruptState before = Cpu::interrupts_disable();
        Queue& queue = queues_[entry.cpu];
        lock_timers(queue);
        const bool was_pending = queue.timers.remove(entry);
        unlock_timers(queue);
        Cpu::interrupts_restore(before);
        return was_pending;
    }

    // --- Questions ---

    /// CPU time of a thread, the running slice included.
    [[nodiscard]] Duration cpu_time(Thread& thread) noexcept
        KIDNEY_NO_TSA("which lock is only known at run time")
    {
        const hal::InterruptState before = Cpu::interrupts_disable();
        Queue& queue = lock_queue_of(thread);
        Duration total = thread.cpu_time;
        if (queue.current == &thread) {
            total += Config::Clock::now() - queue.charged_until;
        }
        unlock(queue);
        Cpu::interrupts_restore(before);
        return total;
    }
    [[nodiscard]] std::size_t queued(CpuId cpu) const noexcept {
        return queues_[cpu.value()].queued.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t switches(CpuId cpu) noexcept {
        const hal::InterruptState before = Cpu::interrupts_disable();
        Queue& queue = queues_[cpu.value()];
        lock(queue);
        const std::uint64_t count = queue.switches;
        unlock(queue);
        Cpu::interrupts_restore(before);
        return count;
    }
    [[nodiscard]] Duration idle_time(CpuId cpu) noexcept {
        const hal::InterruptState before = Cpu::interrupts_disable();
        Queue& queue = queues_[cpu.value()];
        lock(queue);
        Duration time = queue.idle_time;
        if (queue.current == queue.idle) {
            time += Config::Clock::now() - queue.charged_until;
        }
        unlock(queue);
        Cpu::interrupts_restore(before);
        return time;
    }
    /// Calls f(policy) with the CPU's queue locked; for wrappers that record (`Traced`).
    template <class F>
    void with_policy(CpuId cpu, F&& f) noexcept {
        const hal::InterruptState before = Cpu::interrupts_disable();
        Queue& queue = queues_[cpu.value()];
        lock(queue);
        f(queue.policy);
        unlock(queue);
        Cpu::interrupts_restore(before);
    }

private:
    static_assert(std::derived_from<Thread, ThreadBase<Cpu>>);
    static_assert(SwitchHooks<typename Config::Hooks, Thread>);

    struct WakeTimer : TimerEntry {
        Thread* sleeper = nullptr;
        static Instant wake_sleeper(TimerEntry& entry, Instant) noexcept {
            auto& self = static_cast<WakeTimer&>(entry);
            auto& dispatcher = *static_cast<Dispatcher*>(self.sleeper->dispatcher);
            static_cast<void>(dispatcher.wake(*self.sleeper));
            return Instant::never();
        }
    };

    [[nodiscard]] Queue& here() noexcept { return queues_[Cpu::id().value()]; }
    /// Those of the CPUs that are up; one that comes up just now may be missing.
    [[nodiscard]] std::span<Queue> running_queues() noexcept {
        return std::span(queues_).first(cpus_end_.load(std::memory_order_relaxed));
    }

    // Interrupts are off while any of these locks is held.
    void lock(Queue& queue) noexcept ACQUIRE(queue.lock) {
        if constexpr (checks_lock_ranks) {
            Cpu::held_ranks().push(queue.rank);
        }
        queue.lock.lock();
    }
    void unlock(Queue& queue) noexcept RELEASE(queue.lock) {
        queue.lock.unlock();
        if constexpr (checks_lock_ranks) {
            Cpu::held_ranks().pop(queue.rank);
        }
    }
    void lock_timers(Queue& queue) noexcept ACQUIRE(queue.timer_lock) {
        if constexpr (checks_lock_ranks) {
            Cpu::held_ranks().push(timer_rank);
        }
        queue.timer_lock.lock();
    }
    void unlock_timers(Queue& queue) noexcept RELEASE(queue.timer_lock) {
        queue.timer_lock.unlock();
        if constexpr (checks_lock_ranks) {
            Cpu::held_ranks().pop(timer_rank);
        }
    }

    /// Locks the queue that the thread belongs to now.
    [[nodiscard]] Queue& lock_queue_of(Thread& thread) noexcept
        KIDNEY_NO_TSA("which lock is only known at run time")
    {
        for (;;) {
            Queue& queue = queues_[thread.cpu.load(std::memory_order_acquire)];
            lock(queue);
            if (thread.cpu.load(std::memory_order_relaxed) == queue.id) {
                return queue;
            }
            unlock(queue);  // it migrated meanwhile
        }
    }

    void note_size(Queue& queue) noexcept REQUIRES(queue.lock) {
        queue.queued.store(static_cast<std::uint32_t>(queue.policy.size()),
                           std::memory_order_relaxed);
    }

    /// Books the time since the last charge on whoever runs.
    TickVerdict charge(Queue& queue, Instant now) noexcept REQUIRES(queue.lock) {
        const Duration ran = now - queue.charged_until;
        queue.charged_until = now;
        if (queue.current == queue.idle) {
            queue.idle_time += ran;
            return TickVerdict::keep_running;
        }
        queue.current->cpu_time += ran;
        return queue.policy.charge(*queue.current, ran, now);
    }

    /// True if the queue belongs to another CPU, which must be told by an interrupt.
    [[nodiscard]] bool request_reschedule(Queue& queue) noexcept REQUIRES(queue.lock) {
        if (queue.needs_reschedule.exchange(1, std::memory_order_relaxed) != 0) {
            return false;  // somebody has told it already
        }
        if (queue.id == Cpu::id().value()) {
            Config::Local::flag_work();
            return false;
        }
        return true;
    }

    bool make_ready(Thread& thread, EnqueueReason why, WakeHint hint) noexcept
        KIDNEY_NO_TSA("which locks is only known at run time")
    {
        const hal::InterruptState before = Cpu::interrupts_disable();
        Queue& home = lock_queue_of(thread);
        if (thread.state != ThreadState::waiting) {
            thread.wake_pending = true;
            unlock(home);
            Cpu::interrupts_restore(before);
            return false;
        }
        thread.state = ThreadState::ready;
        Queue* target = hint == WakeHint::sync ? &home : &place(home);
        // Only an attempt, so the order of the two locks does not matter and no rank is recorded.
        if (target != &home && !target->lock.try_lock()) {
            target = &home;
        }
        thread.cpu.store(target->id, std::memory_order_release);
        target->policy.enqueue(thread, why, Config::Clock::now());
        note_size(*target);
        const bool urgent =
            target->current == target->idle || target->policy.preempts(thread, *target->current);
        target->is_idle.store(0, std::memory_order_relaxed);
        const bool remote = urgent && request_reschedule(*target);
        if (target != &home) {
            target->lock.unlock();
        }
        unlock(home);
        if (remote) {
            Cpu::send_reschedule(CpuId(target->id));
        }
        Cpu::interrupts_restore(before);
        if (urgent && before == hal::InterruptState::enabled) {
            preempt_point();
        }
        return true;
    }

    /// Where a thread of queue `home` should run: there if that CPU idles, else on an idle one.
    [[nodiscard]] Queue& place(Queue& home) noexcept {
        if (home.is_idle.load(std::memory_order_relaxed) != 0) {
            return home;
        }
        for (Queue& queue : running_queues()) {
            if (queue.is_idle.load(std::memory_order_relaxed) != 0) {
                return queue;
            }
        }
        return home;
    }

    /// Whether an idle CPU finds something to run, here or elsewhere.
    [[nodiscard]] bool has_work(Queue& queue) noexcept {
        if (queue.needs_reschedule.load(std::memory_order_relaxed) != 0 ||
            queue.queued.load(std::memory_order_relaxed) != 0) {
            return true;
        }
        return busiest_other(queue) != nullptr;
    }

    [[nodiscard]] Queue* busiest_other(Queue& self) noexcept {
        Queue* busiest = nullptr;
        std::uint32_t most = 0;
        for (Queue& queue : running_queues()) {
            const std::uint32_t n = queue.queued.load(std::memory_order_relaxed);
            // An idle CPU with work in its queue is about to take it.
            if (&queue != &self && n > most) {
                most = n;
                busiest = &queue;
            }
        }
        return busiest;
    }

    /// Moves one thread from the busiest other queue to this one.
    void steal(Queue& queue, Instant now) noexcept REQUIRES(queue.lock)
        KIDNEY_NO_TSA("the victim's lock is only attempted")
    {
        Queue* const victim = busiest_other(queue);
        if (victim == nullptr || !victim->lock.try_lock()) {
            return;  // the idle thread looks again
        }
        if (Entity* const entity = victim->policy.pick_next(now); entity != nullptr) {
            note_size(*victim);
            auto& thread = static_cast<Thread&>(*entity);
            thread.cpu.store(queue.id, std::memory_order_release);
            queue.policy.enqueue(thread, EnqueueReason::migrated, now);
        }
        victim->lock.unlock();
    }

    /// A busy CPU with a backlog found at its tick that another one halts.
    void kick_an_idle_cpu(Queue& self) noexcept {
        for (Queue& queue : running_queues()) {
            if (&queue != &self && queue.is_idle.load(std::memory_order_relaxed) != 0) {
                Cpu::send_reschedule(CpuId(queue.id));
                return;
            }
        }
    }

    void requeue_and_leave(Queue& queue, EnqueueReason why) noexcept RELEASE(queue.lock) {
        Thread& self = *queue.current;
        if (&self == queue.idle) {
            leave(queue, self);
            return;
        }
        const Instant now = Config::Clock::now();
        static_cast<void>(charge(queue, now));
        self.state = ThreadState::ready;
        queue.policy.enqueue(self, why, now);
        pick_and_switch(queue, self, now);
    }

    /// The caller's thread does not go on: its state says why.
    void leave(Queue& queue, Thread& self) noexcept RELEASE(queue.lock) {
        const Instant now = Config::Clock::now();
        static_cast<void>(charge(queue, now));
        pick_and_switch(queue, self, now);
    }

    /// Returns when `self` runs again, perhaps on another CPU.
    void pick_and_switch(Queue& queue, Thread& self, Instant now) noexcept RELEASE(queue.lock)
        KIDNEY_NO_TSA("the lock is released by the thread switched to")
    {
        queue.needs_reschedule.store(0, std::memory_order_relaxed);
        Entity* chosen = queue.policy.pick_next(now);
        if (chosen == nullptr) {
            steal(queue, now);
            chosen = queue.policy.pick_next(now);
        }
        note_size(queue);
        Thread& next = chosen == nullptr ? *queue.idle : static_cast<Thread&>(*chosen);
        const bool idles = &next == queue.idle;
        queue.is_idle.store(idles ? 1 : 0, std::memory_order_relaxed);
        next.state = ThreadState::running;
        if (!idles) {
            arm_hardware(queue, now + Config::tick);
        }
        if (&next == &self) {
            unlock(queue);
            return;
        }
        queue.current = &next;
        queue.previous = &self;
        ++queue.switches;
        ++next.switches;
        Config::Local::set_thread(&next);
        if (next.interrupted.load(std::memory_order_relaxed) != 0) {
            Config::Local::flag_work();
        }
        Config::Hooks::switching(self, next);
        Cpu::switch_context(self.context, next.context);
        complete_switch();
    }

    /// First thing on the thread switched to: the other half of pick_and_switch().
    void complete_switch() noexcept KIDNEY_NO_TSA("acquired by the thread switched from")
    {
        Queue& queue = here();
        Thread& previous = *queue.previous;
        queue.previous = nullptr;
        const bool exited = previous.state == ThreadState::exited;
        unlock(queue);
        if (exited) {
            Config::Hooks::exited(previous);
        }
    }

    static void first_function(void* argument) noexcept {
        auto& self = *static_cast<Thread*>(argument);
        auto& dispatcher = *static_cast<Dispatcher*>(self.dispatcher);
        dispatcher.complete_switch();
        Cpu::interrupts_restore(hal::InterruptState::enabled);
        self.entry(self.argument);
        dispatcher.exit();
    }

    /// Sets this CPU's timer unless it fires earlier anyway. An early tick is harmless, and most
    /// switches find one armed: that keeps the timer's registers out of the switch path.
    void arm_hardware(Queue& queue, Instant deadline) noexcept {
        if (deadline < queue.armed) {
            queue.armed = deadline;
            Config::Timer::arm(deadline);
        }
    }

    /// The run-queue lock of a scope that does not switch.
    class SCOPED_CAPABILITY LockHere {
    public:
        explicit LockHere(Queue& queue) noexcept ACQUIRE(queue.lock) : queue_(queue) {
            queue_.lock.lock();
        }
        ~LockHere() RELEASE() { queue_.lock.unlock(); }
        LockHere(const LockHere&) = delete;
        LockHere& operator=(const LockHere&) = delete;

    private:
        Queue& queue_;
    };

    static constexpr LockRank timer_rank = Config::timer_rank;
    std::array<Queue, max_cpus> queues_;
    typename Cpu::template Atomic<std::uint32_t> cpus_end_{0};
};

}  // namespace kidney::sched
