/// Where threads wait for each other until all have come.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "sched/sync/wait_list.hpp"

#include <cstdint>

namespace kidney::sched {

/// For the same number of threads in each round; the next round may begin while some of the last
/// have not run yet. There is no limit to a wait: if one gave up, its round would never be full.
template <ThreadControl Threads>
class Barrier {
public:
    /// `threads` is not 0.
    explicit Barrier(std::uint32_t threads) noexcept : threads_(threads) {
        KIDNEY_ASSERT(threads != 0);
    }
    Barrier(const Barrier&) = delete;
    Barrier& operator=(const Barrier&) = delete;

    /// Returns when as many have come. True for the one that came last.
    bool arrive_and_wait() noexcept {
        Waiter<Threads> waiter;
        bool is_last = false;
        {
            const LockGuard guard(list_.lock);
            is_last = ++arrived_ == threads_;
            if (is_last) {
                arrived_ = 0;
                list_.wake_all();
            } else {
                list_.link(waiter);
            }
        }
        if (is_last) {
            Threads::preempt_point();
        } else {
            ignore_error(list_.await(waiter, {}, this), "a wait without limits cannot fail");
        }
        return is_last;
    }

private:
    WaitList<Threads> list_;
    const std::uint32_t threads_;
    std::uint32_t arrived_ GUARDED_BY(list_.lock) = 0;
};

}  // namespace kidney::sched
