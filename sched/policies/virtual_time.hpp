/// Virtual time: CPU time for its weight. One nanosecond of it is one of real time at weight 1024,
/// and passes slower for whoever weighs more.
///
/// No division where time is booked: each entity's weight is turned into a reciprocal once, because
/// a 64-bit division costs a 32-bit processor 100 instructions.
#pragma once

#include "kidney/core/time.hpp"

#include <bit>
#include <cstdint>

namespace kidney::sched {

/// 2^32 / weight, and the weight that it belongs to.
struct Rate {
    std::uint32_t weight = 0;
    std::uint32_t reciprocal = 0;

    void use(std::uint32_t new_weight) noexcept {
        if (weight != new_weight) {
            weight = new_weight;
            reciprocal = ~0U / new_weight;
        }
    }
    /// What `ran` is in virtual time; error at most one part in 2^32 / weight. `ran` is not
    /// negative.
    [[nodiscard]] std::uint64_t virtual_time(Duration ran) const noexcept {
        const auto real = static_cast<std::uint64_t>(ran.count());
        return ((real >> 32) * reciprocal << 10) +
               (std::uint64_t{static_cast<std::uint32_t>(real)} * reciprocal >> 22);
    }
};

/// a / b, rounded towards zero. WHY by hand: 64-bit division is a library call on a 32-bit
/// processor, and the kernel has no such library. Cost: three 32-bit divisions and a few
/// multiplications, off the hot path.
[[nodiscard]] constexpr std::int64_t divided(std::int64_t a, std::uint32_t b) noexcept {
    const bool is_negative = a < 0;
    const std::uint64_t dividend =
        is_negative ? 0 - static_cast<std::uint64_t>(a) : static_cast<std::uint64_t>(a);
    const std::uint32_t high = static_cast<std::uint32_t>(dividend >> 32) / b;
    // What is left has an upper half less than b: two digits of 16 bits, as on paper. A digit
    // guessed by the upper half of a divisor without leading zeros is two too large at most (Knuth,
    // The Art of Computer Programming 2, 4.3.1, theorem B).
    const int shift = std::countl_zero(b);
    const std::uint32_t divisor = b << shift;
    std::uint64_t rest = (dividend - (std::uint64_t{high} * b << 32)) << shift;
    std::uint64_t quotient = high;
    for (unsigned below = 32; below != 0;) {
        below -= 16;
        const std::uint64_t part = rest >> below;
        std::uint32_t digit = static_cast<std::uint32_t>(part >> 16) / (divisor >> 16);
        while (std::uint64_t{digit} * divisor > part) {
            --digit;
        }
        rest -= std::uint64_t{digit} * divisor << below;
        quotient = quotient << 16 | digit;
    }
    return is_negative ? -static_cast<std::int64_t>(quotient) : static_cast<std::int64_t>(quotient);
}

/// Points of virtual time, which wraps around.
[[nodiscard]] constexpr bool is_before(std::uint64_t a, std::uint64_t b) noexcept {
    return static_cast<std::int64_t>(a - b) < 0;
}
[[nodiscard]] constexpr std::uint64_t later_of(std::uint64_t a, std::uint64_t b) noexcept {
    return is_before(a, b) ? b : a;
}

/// What a Tournament, whose keys are short, orders by: steps of about a microsecond, for six days.
inline constexpr std::uint64_t virtual_step = 1024;
[[nodiscard]] constexpr std::uint64_t key_of(std::uint64_t virtual_time) noexcept {
    return virtual_time / virtual_step;
}

/// Of a difference of virtual times, for people.
[[nodiscard]] constexpr std::int64_t in_microseconds(std::uint64_t time) noexcept {
    return static_cast<std::int64_t>(time) / 1000;
}

}  // namespace kidney::sched
