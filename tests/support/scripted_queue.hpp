/// A wait queue for one thread: what happens while it sleeps.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "kidney/core/time.hpp"
#include "kidney/sched/waiting.hpp"

#include <deque>
#include <functional>

namespace kidney::test {

/// Each sleep does the next step; without one it ends: by its deadline if it has one, else by a
/// signal.
template <class Lock>
struct ScriptedQueue {
    struct Limit {
        bool interruptible = false;
        Instant deadline = Instant::never();
    };
    static inline std::deque<std::function<void()>> steps;

    void wait(Lock&) noexcept { KIDNEY_INVARIANT(false, "nobody else could end the wait"); }
    Status wait(Lock& lock, Limit limit) noexcept KIDNEY_NO_TSA("a sleep gives the lock up")
    {
        if (steps.empty()) {
            return fail(limit.deadline == Instant::never() ? Errc::interrupted : Errc::timed_out);
        }
        const auto step = std::move(steps.front());
        steps.pop_front();
        lock.unlock();
        step();
        lock.lock();
        return {};
    }
    void wake_all(sched::WakeHint = sched::WakeHint::none) noexcept {}
};

}  // namespace kidney::test
