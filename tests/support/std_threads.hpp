/// `sched::ThreadControl` on real host threads: a semaphore each plays the dispatcher.
#pragma once

#include "sched/sync/thread_control.hpp"
#include "tests/support/std_cpu.hpp"

#include <atomic>
#include <chrono>
#include <semaphore>

namespace kidney::test {

struct StdThreads {
    using Cpu = StdCpu;
    static constexpr LockRank wait_queue_rank{70, "wait queue"};

    struct Thread {
        std::counting_semaphore<> wakes{0};
        std::atomic<std::uint32_t> interrupted{0};
        HeldRanks held_mutexes;
        const void* waits_for = nullptr;
        std::uint32_t preempt_count = 0;
    };

    [[nodiscard]] static Thread& current() noexcept {
        static thread_local Thread self;
        return self;
    }
    static void block() noexcept { current().wakes.acquire(); }
    /// Deadlines are nanoseconds from the call: there is no common clock to agree on.
    [[nodiscard]] static bool block_until(Instant deadline) noexcept {
        if (deadline == Instant::never()) {
            block();
            return true;
        }
        return current().wakes.try_acquire_for(std::chrono::nanoseconds(deadline.nanoseconds()));
    }
    static void wake(Thread& thread, sched::WakeHint) noexcept { thread.wakes.release(); }
    static void preempt_point() noexcept {}
};
static_assert(sched::ThreadControl<StdThreads>);

}  // namespace kidney::test
