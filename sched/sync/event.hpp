/// Something that happens once: a request is complete, a child has started. What others call a
/// completion.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "sched/sync/lock_books.hpp"
#include "sched/sync/wait_list.hpp"

namespace kidney::sched {

/// Stays set until clear(). set() is fine in interrupt handlers. Once wait() has returned, the
/// event may be destroyed: set() is through with it by then.
template <ThreadControl Threads>
class Event {
public:
    Event() noexcept = default;
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    /// Errors: interrupted, timed_out, as `limit` allows.
    Status wait(WaitLimit limit) noexcept {
        may_sleep<typename Threads::Cpu>();
        Waiter<Threads> waiter;
        {
            LockGuard guard(list_.lock);
            if (is_set_) {
                return {};
            }
            list_.link(waiter);
        }
        return list_.await(waiter, limit, this);
    }
    void wait() noexcept { ignore_error(wait(WaitLimit{}), "a wait without limits cannot fail"); }

    void set() noexcept {
        {
            LockGuard guard(list_.lock);
            is_set_ = true;
            list_.wake_all();
        }
        Threads::preempt_point();
    }
    void clear() noexcept {
        LockGuard guard(list_.lock);
        is_set_ = false;
    }
    [[nodiscard]] bool is_set() noexcept {
        LockGuard guard(list_.lock);
        return is_set_;
    }

private:
    WaitList<Threads> list_;
    bool is_set_ GUARDED_BY(list_.lock) = false;
};

}  // namespace kidney::sched
