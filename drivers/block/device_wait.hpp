/// How a driver without interrupts waits until its device has finished.
#pragma once

#include "kidney/core/time.hpp"
#include "kidney/hal/clock.hpp"

namespace kidney::drivers {

/// Looks again and again.
template <hal::Clock Clock>
class PolledWait {
public:
    /// True as soon as is_done(), false when `limit` passed first.
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
};

}  // namespace kidney::drivers
