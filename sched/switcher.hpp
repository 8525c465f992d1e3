/// How a CPU goes from one thread to the next: the tick that asks for it, the points at which it
/// may happen, the switch itself. Read it from top to bottom. Who waits and who wakes is in
/// dispatcher.hpp.
///
/// The run-queue lock of a CPU is held across the context switch and released by the thread
/// switched to, so whoever gets the lock finds every other thread's context saved.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/thread_safety.hpp"
#include "kidney/core/time.hpp"
#include "kidney/hal/clock.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/dispatcher_config.hpp"
#include "sched/placement.hpp"
#include "sched/run_queue.hpp"
#include "sched/thread.hpp"

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::sched {

template <DispatcherConfig Config>
class Switcher {
public:
    using Cpu = typename Config::Cpu;
    using Thread = typename Config::Thread;
    using Policy = typename Config::Policy;
    using Queue = RunQueue<Config>;

    Switcher(const Switcher&) = delete;
    Switcher& operator=(const Switcher&) = delete;

    [[nodiscard]] static Thread& current() noexcept {
        return *static_cast<Thread*>(Config::Local::thread());
    }

    // --- Life of a CPU ---

    /// The calling context becomes this CPU's idle thread. Once per CPU, interrupts off.
    void adopt_cpu(Thread& idle) noexcept {
        Queue& queue = placement_.here();
        LockGuard guard(queue.lock);
        idle.state = ThreadState::running;
        idle.cpu.store(queue.id, std::memory_order_relaxed);
        idle.dispatcher = this;
        idle.preempt_count = 1;  // it gives way in run_idle() only
        queue.idle = &idle;
        queue.current = &idle;
        queue.charged_until = Config::Clock::now();
        queue.is_idle.store(1, std::memory_order_relaxed);
        Config::Local::set_thread(&idle);
        placement_.add(queue);
    }

    /// What the idle thread does: run others, else halt. Tickless: only deadlines wake it.
    [[noreturn]] void run_idle() noexcept {
        for (;;) {
            static_cast<void>(Cpu::interrupts_disable());
            if (!run_others()) {
                Cpu::wait_for_interrupt();
            }
            Cpu::interrupts_restore(hal::InterruptState::enabled);
        }
    }
    /// One turn of it, interrupts off. False: there is nothing to run.
    bool run_others() noexcept {
        Queue& queue = placement_.here();
        if (!has_work(queue)) {
            queue.searched_in_vain = false;  // it halts, and looks again when something happens
            return false;
        }
        queue.lock.lock();
        queue.needs_reschedule.store(0, std::memory_order_relaxed);
        if (!leave(queue, current()) && placement_.wants_when_idle(queue)) {
            Cpu::relax();  // that queue was locked just now; try again
        }
        return true;
    }

    // --- Interrupts; off when called ---

    /// This CPU's timer fired: wake who is due, charge who runs.
    void on_timer() noexcept {
        Queue& queue = placement_.here();
        const Instant now = Config::Clock::now();
        const Instant next_deadline = queue.timers.fire_due(now);

        queue.lock.lock();
        const bool busy = queue.current != queue.idle;
        or_default::replenish(queue.policy, now);
        if (queue.charge(now) == TickVerdict::preempt) {
            static_cast<void>(queue.request_reschedule());
        }
        if (busy) {
            placement_.pull_on_tick(queue, now);
        }
        queue.note_size();  // an idle CPU looks at that
        const Instant next_look = queue.next_look(now);
        queue.lock.unlock();
        if (busy && queue.queued.load(std::memory_order_relaxed) != 0) {
            // A backlog here, and perhaps another CPU halts.
            if (const Queue* const idle = placement_.idle_other(queue); idle != nullptr) {
                Cpu::send_reschedule(CpuId(idle->id));
            }
        }
        queue.timers.arm_hardware(std::min(next_deadline, next_look));
    }

    /// Another CPU has put something into this one's queue, has a signal for its thread, or found
    /// it halting while others queue. Sets nothing itself: the request may have been served
    /// already.
    void on_reschedule() noexcept {
        if (placement_.here().needs_reschedule.load(std::memory_order_relaxed) != 0 ||
            current().interrupted.load(std::memory_order_relaxed) != 0) {
            Config::Local::flag_work();
        }
    }

    // --- Preemption ---

    /// On the way back from a trap, interrupts off: the deferred switch.
    void on_preemption_point() noexcept {
        Queue& queue = placement_.here();
        if (queue.needs_reschedule.load(std::memory_order_relaxed) == 0 ||
            current().preempt_count != 0) {
            return;
        }
        queue.lock.lock();
        requeue_and_leave(queue, EnqueueReason::preempted);
    }

    /// Switches if somebody more urgent waits and this context allows it.
    void preempt_point() noexcept {
        if (placement_.here().needs_reschedule.load(std::memory_order_relaxed) != 0 &&
            Cpu::interrupts_enabled()) {
            static_cast<void>(Cpu::interrupts_disable());
            on_preemption_point();
            Cpu::interrupts_restore(hal::InterruptState::enabled);
        }
    }

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

    /// Lets others run. A few instructions if there are none.
    void yield() noexcept {
        // A stale answer is as good as having called a moment earlier.
        if (placement_.here().queued.load(std::memory_order_relaxed) == 0) {
            return;
        }
        const hal::InterruptState before = Cpu::interrupts_disable();
        Queue& queue = placement_.here();
        queue.lock.lock();
        ++queue.statistics.yields;
        requeue_and_leave(queue, EnqueueReason::yielded);
        Cpu::interrupts_restore(before);
    }

    /// Ends the calling thread.
    [[noreturn]] void exit() noexcept {
        end_current();
        __builtin_unreachable();
    }
    /// The same for simulators whose contexts are no stacks: there it returns, and current() is
    /// another thread.
    void end_current() noexcept {
        static_cast<void>(Cpu::interrupts_disable());
        Queue& queue = placement_.here();
        queue.lock.lock();
        current().state = ThreadState::exited;
        leave(queue, current());
    }

protected:
    Switcher() noexcept = default;
    ~Switcher() = default;

    /// `thread` will begin with `entry(argument)` when it is first switched to.
    void prepare(Thread& thread, std::span<std::byte> stack, void (*entry)(void*) noexcept,
                 void* argument) noexcept {
        thread.entry = entry;
        thread.argument = argument;
        thread.dispatcher = this;
        Cpu::prepare_context(thread.context, stack, &Switcher::first_function, &thread);
    }

    /// The caller's thread does not go on: its state says why. False: there was nobody else.
    bool leave(Queue& queue, Thread& self) noexcept RELEASE(queue.lock) {
        const Instant now = Config::Clock::now();
        static_cast<void>(queue.charge(now));
        if (&self != queue.idle) {
            queue.let_go(self);
            or_default::leave(
                queue.policy, self,
                self.state == ThreadState::exited ? LeaveReason::exited : LeaveReason::blocked,
                now);
        }
        return pick_and_switch(queue, self, now);
    }

    /// A queued thread that may not run on this CPU any more begins to move.
    static void take_out(Queue& queue, Thread& thread) noexcept REQUIRES(queue.lock) {
        queue.policy.remove(thread);
        queue.let_go(thread);
        queue.note_size();
        thread.state = ThreadState::moving;
    }
    void put_in(Thread& thread) noexcept {
        static_cast<void>(placement_.make_ready(thread, ThreadState::moving,
                                                EnqueueReason::migrated, WakeHint::none));
    }

    Placement<Config> placement_;

private:
    static_assert(std::derived_from<Thread, ThreadBase<Cpu>>);
    static_assert(SwitchHooks<typename Config::Hooks, Thread>);

    /// Whether an idle CPU finds something to run, here or elsewhere.
    [[nodiscard]] bool has_work(Queue& queue) noexcept {
        return queue.needs_reschedule.load(std::memory_order_relaxed) != 0 ||
               queue.queued.load(std::memory_order_relaxed) != 0 ||
               placement_.wants_when_idle(queue);
    }

    /// The caller's thread could go on, but others get their turn.
    void requeue_and_leave(Queue& queue, EnqueueReason why) noexcept RELEASE(queue.lock) {
        Thread& self = *queue.current;
        if (&self == queue.idle) {
            leave(queue, self);
            return;
        }
        const Instant now = Config::Clock::now();
        static_cast<void>(queue.charge(now));
        queue.policy.enqueue(self, why, now);
        self.state = ThreadState::ready;
        self.ready_since = now;
        if (!self.allowed.contains(CpuId(queue.id))) {
            take_out(queue, self);
        }
        pick_and_switch(queue, self, now);
    }

    /// Returns when `self` runs again, perhaps on another CPU. False: it was chosen at once.
    bool pick_and_switch(Queue& queue, Thread& self, Instant now) noexcept RELEASE(queue.lock)
        KIDNEY_NO_TSA("the lock is released by the thread switched to")
    {
        queue.needs_reschedule.store(0, std::memory_order_relaxed);
        Entity* chosen = queue.policy.pick_next(now);
        if (chosen == nullptr) {
            placement_.pull_when_idle(queue, now);
            chosen = queue.policy.pick_next(now);
        }
        queue.note_size();
        Thread& next = chosen == nullptr ? *queue.idle : static_cast<Thread&>(*chosen);
        const bool idles = &next == queue.idle;
        queue.is_idle.store(idles ? 1 : 0, std::memory_order_relaxed);
        next.state = ThreadState::running;
        queue.current = &next;
        queue.timers.arm_hardware(queue.next_look(now));
        if (&next == &self) {
            queue.lock.unlock();
            return false;
        }
        queue.previous = &self;
        ++queue.switches;
        if (self.state == ThreadState::ready || self.state == ThreadState::moving) {
            ++self.statistics.preemptions;
        }
        if (idles) {
            ++queue.statistics.idles;
        } else {
            ++queue.statistics.picks;
            queue.statistics.waited += next.statistics.picked(next.ready_since, now);
        }
        Config::Local::set_thread(&next);
        if (next.interrupted.load(std::memory_order_relaxed) != 0) {
            Config::Local::flag_work();
        }
        Config::Hooks::switching(self, next);
        Cpu::switch_context(self.context, next.context);
        complete_switch();
        return true;
    }

    /// First thing on the thread switched to: the other half of pick_and_switch().
    void complete_switch() noexcept KIDNEY_NO_TSA("acquired by the thread switched from")
    {
        Queue& queue = placement_.here();
        Thread& previous = *queue.previous;
        queue.previous = nullptr;
        const ThreadState state = previous.state;
        queue.lock.unlock();
        if (state == ThreadState::exited) {
            Config::Hooks::exited(previous);
        } else if (state == ThreadState::moving) {
            put_in(previous);  // its context is saved now
        }
    }

    static void first_function(void* argument) noexcept {
        auto& self = *static_cast<Thread*>(argument);
        auto& switcher = *static_cast<Switcher*>(self.dispatcher);
        switcher.complete_switch();
        Cpu::interrupts_restore(hal::InterruptState::enabled);
        self.entry(self.argument);
        switcher.exit();
    }
};

}  // namespace kidney::sched
