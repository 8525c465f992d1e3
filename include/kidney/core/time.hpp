/// Time as a value: `Instant` (nanoseconds since boot) and `Duration` (nanoseconds).
///
/// Portable code never reads a clock. It is handed an `Instant`, so a simulator can hand it any.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace kidney {

/// A signed span of time in nanoseconds; +-292 years.
class Duration {
public:
    constexpr Duration() noexcept = default;
    [[nodiscard]] static constexpr Duration nanoseconds(std::int64_t n) noexcept {
        return Duration(n);
    }
    [[nodiscard]] static constexpr Duration microseconds(std::int64_t n) noexcept {
        return Duration(n * 1000);
    }
    [[nodiscard]] static constexpr Duration milliseconds(std::int64_t n) noexcept {
        return Duration(n * 1'000'000);
    }
    [[nodiscard]] static constexpr Duration seconds(std::int64_t n) noexcept {
        return Duration(n * 1'000'000'000);
    }
    /// As good as for ever; may still be added to any Instant that the clock reaches.
    [[nodiscard]] static constexpr Duration longest() noexcept {
        return Duration(std::numeric_limits<std::int64_t>::max());
    }
    [[nodiscard]] constexpr std::int64_t count() const noexcept { return nanoseconds_; }

    friend constexpr Duration operator+(Duration a, Duration b) noexcept {
        return Duration(a.nanoseconds_ + b.nanoseconds_);
    }
    friend constexpr Duration operator-(Duration a, Duration b) noexcept {
        return Duration(a.nanoseconds_ - b.nanoseconds_);
    }
    constexpr Duration& operator+=(Duration d) noexcept {
        nanoseconds_ += d.nanoseconds_;
        return *this;
    }
    constexpr Duration& operator-=(Duration d) noexcept {
        nanoseconds_ -= d.nanoseconds_;
        return *this;
    }
    friend constexpr auto operator<=>(Duration, Duration) noexcept = default;

private:
    explicit constexpr Duration(std::int64_t n) noexcept : nanoseconds_(n) {}
    std::int64_t nanoseconds_ = 0;
};

/// A point on the monotonic clock: nanoseconds since boot.
class Instant {
public:
    constexpr Instant() noexcept = default;
    explicit constexpr Instant(std::uint64_t nanoseconds) noexcept : nanoseconds_(nanoseconds) {}
    [[nodiscard]] static constexpr Instant never() noexcept { return Instant(~std::uint64_t{0}); }
    [[nodiscard]] constexpr std::uint64_t nanoseconds() const noexcept { return nanoseconds_; }

    friend constexpr Instant operator+(Instant t, Duration d) noexcept {
        return Instant(t.nanoseconds_ + static_cast<std::uint64_t>(d.count()));
    }
    friend constexpr Instant operator-(Instant t, Duration d) noexcept {
        return Instant(t.nanoseconds_ - static_cast<std::uint64_t>(d.count()));
    }
    friend constexpr Duration operator-(Instant a, Instant b) noexcept {
        return Duration::nanoseconds(static_cast<std::int64_t>(a.nanoseconds_ - b.nanoseconds_));
    }
    friend constexpr auto operator<=>(Instant, Instant) noexcept = default;

private:
    std::uint64_t nanoseconds_ = 0;
};

/// A time of at least zero as programs are told it.
struct SplitTime {
    std::int64_t seconds = 0;
    std::uint32_t nanoseconds = 0;  ///< below a second
    friend constexpr bool operator==(const SplitTime&, const SplitTime&) noexcept = default;
};

/// A multiplication instead of a 64-bit division, which costs a 32-bit processor 100 instructions:
/// the clock is read all the time. `d` must not be negative.
[[nodiscard]] constexpr SplitTime split(Duration d) noexcept {
    constexpr std::uint32_t second = 1'000'000'000;
    constexpr std::uint64_t seconds_per_2_to_31 = (std::uint64_t{1} << 61) / second;  // times 2^30
    const auto nanoseconds = static_cast<std::uint64_t>(d.count());
    // The part below 2^31 ns is left out: up to three seconds too few, never too many. So the rest
    // fits in 32 bits, and the upper halves of both sides cancel out.
    std::uint64_t seconds = (nanoseconds >> 31) * seconds_per_2_to_31 >> 30;
    std::uint32_t rest =
        static_cast<std::uint32_t>(nanoseconds) - static_cast<std::uint32_t>(seconds) * second;
    while (rest >= second) {
        rest -= second;
        ++seconds;
    }
    return {static_cast<std::int64_t>(seconds), rest};
}

}  // namespace kidney
