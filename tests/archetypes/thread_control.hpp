/// Exactly what `sched::ThreadControl` promises and nothing else.
#pragma once

#include "sched/sync/thread_control.hpp"
#include "tests/support/std_cpu.hpp"

#include <atomic>
#include <cstdint>

namespace kidney::archetypes {

struct ControlledThread {
    test::StdCpu::Atomic<std::uint32_t> interrupted{0};
    HeldRanks held_mutexes;
    const void* waits_for = nullptr;
    std::uint32_t preempt_count = 0;
};

class ThreadControl {
public:
    using Cpu = test::StdCpu;
    static constexpr LockRank wait_queue_rank{70, "wait queue"};

    using Thread = ControlledThread;

    static Thread& current() noexcept { return thread; }
    static void block() noexcept {}
    static bool block_until(Instant) noexcept { return false; }
    static void wake(Thread&, sched::WakeHint) noexcept {}
    static void preempt_point() noexcept {}

private:
    static inline Thread thread;
};

static_assert(sched::ThreadControl<ThreadControl> && !sched::LendingThreads<ThreadControl>);

/// What `sched::LendingThreads` promises as well.
class LendingThreadControl {
public:
    using Cpu = test::StdCpu;
    static constexpr LockRank wait_queue_rank{70, "wait queue"};

    struct Thread : ControlledThread {
        sched::Borrower borrower;
    };
    struct Lock {
        void lock() noexcept {}
        void unlock() noexcept {}
    };

    static Thread& current() noexcept { return thread; }
    static void block() noexcept {}
    static bool block_until(Instant) noexcept { return false; }
    static void wake(Thread&, sched::WakeHint) noexcept {}
    static void preempt_point() noexcept {}
    static sched::Urgency urgency(Thread&) noexcept { return sched::Urgency::none; }
    static bool lend(Thread&, sched::Urgency) noexcept { return false; }
    static Lock& inheritance_lock() noexcept { return lock; }

private:
    static inline Thread thread;
    static inline Lock lock;
};

static_assert(sched::LendingThreads<LendingThreadControl>);

}  // namespace kidney::archetypes
