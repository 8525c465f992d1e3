/// Threads that wait for a condition which some other lock protects.
///
///     lock.lock();                                  // a SpinLock or a Mutex
///     while (!condition) {
///         if (Status s = readers.wait(lock, {.interruptible = true}); !s) {
///             lock.unlock();
///             return s;
///         }
///     }
///
/// The waker changes the condition under the same lock, then calls wake_one() or wake_all(), there
/// or after it. With an own lock-free condition use `Event`.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "sched/sync/wait_list.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::sched {

/// Concurrency: any; waking also from interrupt handlers.
template <ThreadControl Threads>
class WaitQueue {
public:
    using Node = Waiter<Threads>;

    WaitQueue() noexcept = default;
    WaitQueue(const WaitQueue&) = delete;
    WaitQueue& operator=(const WaitQueue&) = delete;

    /// Gives `lock` up while it sleeps and holds it again on return. A wake-up between the two is
    /// not lost. Errors: interrupted, timed_out, as `limit` allows.
    template <BasicLockable L>
    Status wait(L& lock, WaitLimit limit) noexcept REQUIRES(lock) {
        Node waiter;
        add(waiter);
        lock.unlock();
        const Status result = list_.await(waiter, limit, this);
        lock.lock();
        return result;
    }
    template <BasicLockable L>
    void wait(L& lock) noexcept REQUIRES(lock) {
        ignore_error(wait(lock, WaitLimit{}), "a wait without limits cannot fail");
    }

    bool wake_one(WakeHint hint = WakeHint::none) noexcept { return wake(false, hint) != 0; }
    std::size_t wake_all(WakeHint hint = WakeHint::none) noexcept { return wake(true, hint); }

    // For a thread that waits on several queues at once (poll): add a waiter to each, look at the
    // conditions, block, remove all.
    void add(Node& waiter) noexcept {
        LockGuard guard(list_.lock);
        list_.link(waiter);
        waiting_.store(static_cast<std::uint32_t>(list_.size()), std::memory_order_relaxed);
    }
    /// False if this queue has woken it.
    bool remove(Node& waiter) noexcept {
        LockGuard guard(list_.lock);
        const bool was_linked = list_.unlink(waiter);
        waiting_.store(static_cast<std::uint32_t>(list_.size()), std::memory_order_relaxed);
        return was_linked;
    }

private:
    std::size_t wake(bool all, WakeHint hint) noexcept {
        // relaxed: the condition's lock orders it. A waiter that linked itself before we changed
        // the condition is visible here; one that comes later sees the condition.
        if (waiting_.load(std::memory_order_relaxed) == 0) {
            return 0;
        }
        std::size_t woken = 0;
        {
            LockGuard guard(list_.lock);
            const std::size_t waited = list_.size();
            if (all) {
                list_.wake_all(hint);
            } else {
                list_.wake_next(hint);
            }
            woken = waited - list_.size();
            waiting_.store(static_cast<std::uint32_t>(list_.size()), std::memory_order_relaxed);
        }
        Threads::preempt_point();
        return woken;
    }

    WaitList<Threads> list_;
    /// list_.size(), or more when a waiter gave up since: that costs a waker a lock, nothing else.
    typename Threads::Cpu::template Atomic<std::uint32_t> waiting_{0};
};

}  // namespace kidney::sched
