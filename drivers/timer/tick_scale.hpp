/// Conversion between a counter's ticks and nanoseconds: one multiplication and a shift, because a
/// 32-bit processor has no cheap 64-bit division and the clock is read all the time.
#pragma once

#include "kidney/core/assert.hpp"

#include <cstdint>

namespace kidney::drivers {

/// value * factor / 2^shift, with factor normalised to use all its 32 bits: the relative error is
/// below 2^-31. Results past 64 bits wrap; at 1 GHz that is after 584 years.
class TickScale {
public:
    constexpr TickScale() noexcept = default;

    /// The scale `numerator / denominator`. Both at most 2^40 and not zero, the quotient below
    /// 2^32.
    [[nodiscard]] static constexpr TickScale ratio(std::uint64_t numerator,
                                                   std::uint64_t denominator) noexcept {
        KIDNEY_INVARIANT(numerator != 0 && denominator != 0, "tick scale of a stopped counter");
        // Long division, one quotient bit per step, until the factor is full.
        std::uint64_t factor = numerator / denominator;
        std::uint64_t rest = numerator % denominator;
        std::uint32_t shift = 0;
        while (factor < (1ULL << 31) && shift < 63) {
            rest <<= 1;
            factor <<= 1;
            if (rest >= denominator) {
                rest -= denominator;
                factor |= 1;
            }
            ++shift;
        }
        TickScale s;
        s.factor_ = static_cast<std::uint32_t>(factor);
        s.shift_ = shift;
        return s;
    }
    /// Nanoseconds of a counter that runs at `hertz`.
    [[nodiscard]] static constexpr TickScale nanoseconds(std::uint64_t hertz) noexcept {
        return ratio(1'000'000'000, hertz);
    }
    /// Ticks at `hertz` of a time in nanoseconds.
    [[nodiscard]] static constexpr TickScale ticks(std::uint64_t hertz) noexcept {
        return ratio(hertz, 1'000'000'000);
    }

    [[nodiscard]] constexpr std::uint64_t operator()(std::uint64_t value) const noexcept {
        const std::uint64_t low = (value & 0xffff'ffff) * factor_;
        const std::uint64_t high = (value >> 32) * factor_ + (low >> 32);  // bits 32 and up
        if (shift_ >= 32) {
            return high >> (shift_ - 32);
        }
        return high << (32 - shift_) | (low & 0xffff'ffff) >> shift_;
    }

private:
    std::uint32_t factor_ = 0;  ///< 0: everything converts to 0, until calibrated
    std::uint32_t shift_ = 0;
};

}  // namespace kidney::drivers
