/// `sched::ThreadControl` under the explorer: the smallest dispatcher that keeps the contract, one
/// step per call. With `Lossy` it breaks it the classical way: a wake that comes before the sleep
/// is forgotten.
#pragma once

#include "sched/sync/thread_control.hpp"
#include "sim/explorer.hpp"

#include <array>
#include <cstddef>

namespace kidney::test {

template <bool Lossy = false>
struct ExploredThreads {
    using Cpu = sim::ExploredCpu;
    static constexpr LockRank wait_queue_rank{70, "wait queue"};

    struct Thread {
        std::size_t index = 0;
        bool wake_pending = false;
        Cpu::Atomic<std::uint32_t> interrupted{0};
        HeldRanks held_mutexes;
        const void* waits_for = nullptr;
        std::uint32_t preempt_count = 0;
    };

    /// Call it first in a scenario's constructor: the threads are as new.
    static void reset() noexcept {
        for (std::size_t i = 0; i < threads.size(); ++i) {
            threads[i] = Thread();
            threads[i].index = i;
        }
    }
    [[nodiscard]] static Thread& thread(std::size_t i) noexcept { return threads[i]; }
    [[nodiscard]] static Thread& current() noexcept { return threads[sim::explored::current()]; }

    static void block() noexcept { static_cast<void>(sleep(false)); }
    [[nodiscard]] static bool block_until(Instant deadline) noexcept {
        return sleep(deadline != Instant::never());
    }
    static void wake(Thread& thread, sched::WakeHint) noexcept {
        sim::explored::switch_point();
        if (sim::explored::is_blocked(thread.index)) {
            sim::explored::unblock(thread.index);
        } else {
            thread.wake_pending = !Lossy;
        }
    }
    static void interrupt(Thread& thread) noexcept {
        thread.interrupted.store(1);
        wake(thread, sched::WakeHint::none);
    }
    static void preempt_point() noexcept {}

private:
    static bool sleep(bool may_give_up) noexcept {
        sim::explored::switch_point();
        Thread& self = current();
        if (self.wake_pending) {
            self.wake_pending = false;
            return true;
        }
        return sim::explored::block(may_give_up);
    }
    static inline std::array<Thread, sim::explored::max_threads> threads;
};

static_assert(sched::ThreadControl<ExploredThreads<>>);

}  // namespace kidney::test
