/// The sleeping lock, for sections that may wait for memory, disk or user pages.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/thread_safety.hpp"
#include "sched/sync/wait_list.hpp"

#include <atomic>
#include <cstdint>

namespace kidney::sched {

/// Held by a thread, which alone may release it. First come, first served: unlock() hands the mutex
/// to the longest waiter, so nobody overtakes and nobody starves. Uncontended: one atomic
/// operation each way. Not in interrupt handlers.
template <const LockRank& Rank, ThreadControl Threads>
class CAPABILITY("mutex") Mutex {
    using Thread = typename Threads::Thread;

public:
    static constexpr const LockRank& rank = Rank;

    Mutex() noexcept = default;
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;

    void lock() noexcept ACQUIRE() {
        Thread& self = Threads::current();
        if constexpr (checks_lock_ranks) {
            KIDNEY_INVARIANT(Threads::Cpu::held_ranks().depth() == 0,
                             "lock order: mutex under a spin lock");
            self.held_mutexes.push(Rank);
        }
        // acquire: see what the previous holder wrote.
        std::uintptr_t expected = 0;
        if (!word_.compare_exchange_strong(expected, word_of(self), std::memory_order_acquire)) {
            lock_slowly(self);
        }
    }

    void unlock() noexcept RELEASE() {
        Thread& self = Threads::current();
        if constexpr (checks_lock_ranks) {
            self.held_mutexes.pop(Rank);
        }
        std::uintptr_t expected = word_of(self);
        if (!word_.compare_exchange_strong(expected, 0, std::memory_order_release)) {
            KIDNEY_INVARIANT(expected == (word_of(self) | has_waiters),
                             "mutex released by a thread that does not hold it");
            hand_over();
        }
    }

    /// For assertions.
    [[nodiscard]] bool is_held_by_me() const noexcept {
        return (word_.load(std::memory_order_relaxed) & ~has_waiters) ==
               word_of(Threads::current());
    }

private:
    /// The owner's address, and in bit 0 whether unlock() has to look at the list. 0: free.
    static constexpr std::uintptr_t has_waiters = 1;
    static_assert(alignof(Thread) > 1);

    [[nodiscard]] static std::uintptr_t word_of(Thread& thread) noexcept {
        return reinterpret_cast<std::uintptr_t>(&thread);
    }

    void lock_slowly(Thread& self) noexcept {
        Waiter<Threads> waiter(self);
        {
            LockGuard guard(list_.lock);
            std::uintptr_t word = word_.load(std::memory_order_relaxed);
            for (;;) {
                if (word == 0) {  // released meanwhile
                    if (word_.compare_exchange_strong(word, word_of(self),
                                                      std::memory_order_acquire)) {
                        return;
                    }
                } else if (word_.compare_exchange_strong(word, word | has_waiters,
                                                         std::memory_order_relaxed)) {
                    break;
                }
            }
            list_.link(waiter);
        }
        ignore_error(list_.await(waiter, {}, this), "a wait without limits cannot fail");
        KIDNEY_ASSERT(is_held_by_me());
    }

    void hand_over() noexcept {
        {
            LockGuard guard(list_.lock);
            Thread& next = list_.take_first();
            const std::uintptr_t more = list_.is_empty() ? 0 : has_waiters;
            word_.store(word_of(next) | more, std::memory_order_release);
            Threads::wake(next, WakeHint::none);
        }
        Threads::preempt_point();
    }

    typename Threads::Cpu::template Atomic<std::uintptr_t> word_{0};
    WaitList<Threads> list_;
};

}  // namespace kidney::sched
