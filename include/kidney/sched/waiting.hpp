/// Where threads wait for a condition that a lock protects, as subsystems other than sched see it.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"

#include <concepts>
#include <cstdint>

namespace kidney::sched {

/// How a waker expects to go on.
enum class WakeHint : std::uint8_t {
    none,
    sync,  ///< it is about to sleep: the woken thread had better run on this CPU
};

/// Model: `sched::WaitQueue` (sched/sync). On the host: fakes over std::condition_variable.
///   W1 wait() gives the lock up while it sleeps and holds it again on return
///   W2 a wake_all() that comes after the lock was given up is never missed
///   W3 the condition may be false on return: wait in a loop
///   W4 an interruptible wait ends with `interrupted` when a signal is pending
template <class Q, class Lock>
concept WaitQueueFor =
    std::default_initializable<Q> && BasicLockable<Lock> && requires(Q& queue, Lock& lock) {
        queue.wait(lock);
        { queue.wait(lock, {.interruptible = true}) } -> std::same_as<Status>;
        queue.wake_all();
        queue.wake_all(WakeHint::sync);
    };

}  // namespace kidney::sched
