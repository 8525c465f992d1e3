/// A counter of permits: acquire() takes one or waits for one, release() gives one.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "sched/sync/lock_books.hpp"
#include "sched/sync/wait_list.hpp"

#include <cstdint>

namespace kidney::sched {

/// The most urgent first, of equals the first to come. release() is fine in interrupt handlers.
template <ThreadControl Threads>
class Semaphore {
public:
    explicit Semaphore(std::uint32_t permits = 0) noexcept : permits_(permits) {}
    Semaphore(const Semaphore&) = delete;
    Semaphore& operator=(const Semaphore&) = delete;

    /// Errors: interrupted, timed_out, as `limit` allows; no permit is taken then.
    Status acquire(WaitLimit limit) noexcept {
        may_sleep<typename Threads::Cpu>();
        Waiter<Threads> waiter;
        {
            LockGuard guard(list_.lock);
            if (permits_ != 0) {
                --permits_;
                return {};
            }
            list_.link(waiter);
        }
        return list_.await(waiter, limit, this);  // release() passes its permit on
    }
    void acquire() noexcept {
        ignore_error(acquire(WaitLimit{}), "a wait without limits cannot fail");
    }

    [[nodiscard]] bool try_acquire() noexcept {
        LockGuard guard(list_.lock);
        if (permits_ == 0) {
            return false;
        }
        --permits_;
        return true;
    }

    void release() noexcept {
        {
            LockGuard guard(list_.lock);
            if (!list_.wake_next()) {
                ++permits_;
            }
        }
        Threads::preempt_point();
    }

private:
    WaitList<Threads> list_;
    std::uint32_t permits_ GUARDED_BY(list_.lock);
};

}  // namespace kidney::sched
