/// How a driver waits until its device has finished.
#pragma once

#include "kidney/core/time.hpp"
#include "kidney/hal/clock.hpp"

#include <algorithm>
#include <concepts>

namespace kidney::drivers {

/// Waits of one driver; one thread at a time.
///   V1 wait(is_done, limit) returns true as soon as is_done() is true, false when `limit` passed
///   first V2 notify() may come from the interrupt handler; a notify() before or during wait() is
///   not lost
template <class W>
concept DeviceWait = requires(W& wait, bool (*is_done)(), Duration limit) {
    { wait.wait(is_done, limit) } noexcept -> std::same_as<bool>;
    { wait.notify() } noexcept -> std::same_as<void>;
};

/// Looks again and again: before interrupts work, and for devices without.
template <hal::Clock Clock>
class PolledWait {
public:
    template <class IsDone>
    [[nodiscard]] bool wait(IsDone&& is_done, Duration limit) noexcept {
        const Instant deadline = Clock::now() + limit;
        while (!is_done()) {
            if (Clock::now() >= deadline) {
                return is_done();
            }
        }
        return true;
    }
    void notify() noexcept {}
};

/// Sleeps on an `Event` (sched/sync) until the interrupt comes; polls until sleep_from_now_on().
template <class Event, hal::Clock Clock>
class SleepingWait {
public:
    template <class IsDone>
    [[nodiscard]] bool wait(IsDone&& is_done, Duration limit) noexcept {
        if (!sleeps_) {
            return polled_.wait(is_done, limit);
        }
        // A fast disk has finished before a thread could sleep and wake up again.
        for (int look = 0; look < looks_before_sleep; ++look) {
            if (is_done()) {
                return true;
            }
        }
        const Instant deadline = Clock::now() + limit;
        for (;;) {
            event_.clear();  // before the look: a notify() behind it stays
            if (is_done()) {
                return true;
            }
            if (Clock::now() >= deadline) {
                return false;
            }
            // Timed out or woken: the look at the device decides. In slices, so that an interrupt
            // that never came costs a moment and not the limit.
            static_cast<void>(event_.wait({.deadline = std::min(deadline, Clock::now() + slice)}));
        }
    }
    void notify() noexcept { event_.set(); }
    /// Interrupts reach the driver, and the caller is a thread.
    void sleep_from_now_on() noexcept { sleeps_ = true; }

private:
    static constexpr Duration slice = Duration::milliseconds(1);
    static constexpr int looks_before_sleep = 4000;  // some ten microseconds

    Event event_;
    PolledWait<Clock> polled_;
    bool sleeps_ = false;
};

}  // namespace kidney::drivers
