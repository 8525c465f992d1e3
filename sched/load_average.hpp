/// The load of the machine over the last 1, 5 and 15 minutes, as uptime(1) shows it.
#pragma once

#include "kidney/core/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::sched {

/// How many threads ran or could have run, averaged with weights that fall by 1/e per period:
/// each sample moves the average by 1 - exp(-interval / period) towards itself. Fixed point.
/// Concurrency: none.
class LoadAverage {
public:
    static constexpr Duration interval = Duration::seconds(5);
    static constexpr unsigned fraction_bits = 16;
    static constexpr std::size_t periods = 3;

    /// Every `interval`.
    constexpr void sample(std::uint32_t active) noexcept {
        for (std::size_t i = 0; i < periods; ++i) {
            const std::uint64_t target = std::uint64_t{active} << fraction_bits;
            // Rounded to the nearest: always down, and a steady load would never be reached.
            values_[i] = static_cast<std::uint32_t>(
                (values_[i] * keep[i] + target * (one - keep[i]) + one / 2) >> fraction_bits);
        }
    }
    /// With `fraction_bits` bits behind the point; 0 is the shortest period.
    [[nodiscard]] constexpr std::uint32_t value(std::size_t period) const noexcept {
        return values_[period];
    }
    /// In hundredths, rounded.
    [[nodiscard]] constexpr std::uint32_t hundredths(std::size_t period) const noexcept {
        return static_cast<std::uint32_t>((std::uint64_t{values_[period]} * 100 + one / 2) >>
                                          fraction_bits);
    }

private:
    static constexpr std::uint64_t one = std::uint64_t{1} << fraction_bits;
    /// 2^16 * exp(-5/60), exp(-5/300), exp(-5/900).
    static constexpr std::array<std::uint64_t, periods> keep{60296, 64453, 65173};

    std::array<std::uint32_t, periods> values_{};
};

}  // namespace kidney::sched
