/// The classical monitor: a condition under a `Mutex`. A `WaitQueue` under its well-known name.
#pragma once

#include "kidney/core/result.hpp"
#include "sched/sync/wait_queue.hpp"

namespace kidney::sched {

/// Mesa semantics: the condition may be false again when wait() returns, so wait in a loop.
template <ThreadControl Threads>
class ConditionVariable {
public:
    template <BasicLockable M>
    void wait(M& mutex) noexcept REQUIRES(mutex) {
        queue_.wait(mutex);
    }
    /// Errors: interrupted, timed_out, as `limit` allows.
    template <BasicLockable M>
    Status wait(M& mutex, WaitLimit limit) noexcept REQUIRES(mutex) {
        return queue_.wait(mutex, limit);
    }
    /// Call it with the mutex held, or after a change that was made under it.
    void signal() noexcept { queue_.wake_one(); }
    void broadcast() noexcept { queue_.wake_all(); }

private:
    WaitQueue<Threads> queue_;
};

}  // namespace kidney::sched
