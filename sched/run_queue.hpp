/// What the dispatcher keeps per CPU.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/thread_safety.hpp"
#include "kidney/core/time.hpp"
#include "sched/sync/ticket_lock.hpp"
#include "sched/timer_queue.hpp"

#include <cstdint>

namespace kidney::sched {

/// Three owners: `lock` (the policy and who runs), `timer_lock` (deadlines), and the CPU itself
/// with interrupts off (`armed`). The atomics are hints for other CPUs.
template <class Policy, class Thread, class C>
struct alignas(64) RunQueue {  // a cache line is one CPU's
    template <class T>
    using Atomic = typename C::template Atomic<T>;

    TicketLock<C> lock;
    LockRank rank{};  ///< run queues rank by CPU number among themselves
    std::uint32_t id = 0;
    Policy policy GUARDED_BY(lock);
    Thread* current GUARDED_BY(lock) = nullptr;
    Thread* previous GUARDED_BY(lock) = nullptr;  ///< who was left, until the switch is complete
    Thread* idle = nullptr;
    Instant charged_until GUARDED_BY(lock);
    std::uint64_t switches GUARDED_BY(lock) = 0;
    Duration idle_time GUARDED_BY(lock);

    // relaxed everywhere: stale answers cost a detour, never a lost thread.
    Atomic<std::uint32_t> queued{0};            ///< policy.size()
    Atomic<std::uint32_t> is_idle{0};           ///< the idle thread runs and nothing is queued
    Atomic<std::uint32_t> needs_reschedule{0};  ///< written under the lock

    TicketLock<C> timer_lock;
    TimerQueue timers GUARDED_BY(timer_lock);
    Instant armed = Instant::never();  ///< what this CPU's timer is set to
};

}  // namespace kidney::sched
