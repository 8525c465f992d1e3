/// `sched::ThreadControl` under the explorer: the smallest dispatcher that keeps the contract, one
/// step per call. With `Lossy` it breaks it the classical way: a wake that comes before the sleep
/// is forgotten.
#pragma once

#include "sched/sync/spin_lock.hpp"
#include "sched/sync/thread_control.hpp"
#include "sim/explorer.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <utility>

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

        // Of ExploredLendingThreads.
        sched::Urgency own = sched::Urgency::none;
        sched::Urgency lent = sched::Urgency::none;
        sched::Borrower borrower;
    };

    /// Call it first in a scenario's constructor: the threads are as new.
    static void reset() noexcept {
        for (std::size_t i = 0; i < threads.size(); ++i) {
            std::destroy_at(&threads[i]);  // whatever a failed run left in it
            std::construct_at(&threads[i]);
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

static_assert(sched::ThreadControl<ExploredThreads<>> && !sched::LendingThreads<ExploredThreads<>>);

/// The same with urgencies, which change nothing here but who is woken.
struct ExploredLendingThreads : ExploredThreads<> {
    using Lock = sched::SpinLock<wait_queue_rank, Cpu>;

    static void reset() noexcept {
        ExploredThreads::reset();
        lock = std::make_unique<Lock>();  // a failed run may have left it locked
    }
    [[nodiscard]] static sched::Urgency urgency(Thread& thread) noexcept {
        return std::max(thread.own, thread.lent);
    }
    [[nodiscard]] static bool lend(Thread& thread, sched::Urgency urgency) noexcept {
        return std::exchange(thread.lent, urgency) != urgency;
    }
    [[nodiscard]] static Lock& inheritance_lock() noexcept { return *lock; }

private:
    static inline std::unique_ptr<Lock> lock;
};
static_assert(sched::LendingThreads<ExploredLendingThreads>);

}  // namespace kidney::test
