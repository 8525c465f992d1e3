/// When a timer rings, on whatever clock it follows: a value, no clock and no queue.
#pragma once

#include "kidney/core/time.hpp"

#include <cstdint>

namespace kidney::proc {

struct TimerSchedule {
    Duration expiry;    ///< when it rings next, on its clock
    Duration interval;  ///< zero: once
    bool is_armed = false;

    /// It has rung: rings again a whole number of intervals later, however late it was served, or
    /// when it would have if the clock was set back meanwhile. Returns how many intervals that is;
    /// 0 if it does not ring again, and is not armed, or not later.
    constexpr std::uint64_t advance(Duration now) noexcept {
        if (interval <= Duration()) {
            is_armed = false;
            return 0;
        }
        if (now < expiry) {
            return 0;  // the clock was set back
        }
        const std::int64_t steps = (now - expiry).count() / interval.count() + 1;
        const std::int64_t room = (Duration::longest() - expiry).count() / interval.count();
        expiry = steps > room ? Duration::longest()
                              : expiry + Duration::nanoseconds(steps * interval.count());
        return static_cast<std::uint64_t>(steps);
    }

    /// Until it rings next, as timer_gettime(2) tells it: zero if it does not. A ring that is due
    /// but has not been served is 1 ns away.
    [[nodiscard]] constexpr Duration remaining(Duration now) const noexcept {
        if (!is_armed) {
            return {};
        }
        return expiry > now ? expiry - now : Duration::nanoseconds(1);
    }
};

}  // namespace kidney::proc
