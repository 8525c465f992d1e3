/// A clock that moves when one looks at it.
#pragma once

#include "kidney/core/time.hpp"

#include <cstdint>

namespace kidney::fakes {

/// Every look takes a millisecond, so deadlines come by themselves. One for the whole program.
struct TickingClock {
    static inline std::uint64_t now_ns = 0;
    [[nodiscard]] static Instant now() noexcept { return Instant(now_ns += 1'000'000); }
};

}  // namespace kidney::fakes
