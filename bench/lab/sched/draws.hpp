/// Random times, the same on every machine: integers only.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace kidney::lab {

/// An xorshift64* generator; each task has one of its own, so that what one task draws does not
/// depend on when another one runs.
class Lots {
public:
    Lots(std::uint64_t seed, std::uint64_t stream) noexcept {
        // splitmix64: neighbouring seeds give states that have nothing in common.
        std::uint64_t z = seed + (stream + 1) * 0x9E37'79B9'7F4A'7C15U;
        z = (z ^ z >> 30) * 0xBF58'476D'1CE4'E5B9U;
        z = (z ^ z >> 27) * 0x94D0'49BB'1331'11EBU;
        state_ = (z ^ z >> 31) | 1U;
    }
    [[nodiscard]] std::uint32_t next() noexcept {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return static_cast<std::uint32_t>(state_ * 0x2545'F491'4F6C'DD1DU >> 32);
    }
    /// 0 to `n` - 1.
    [[nodiscard]] std::uint64_t below(std::uint64_t n) noexcept {
        const std::uint64_t high = next();
        const std::uint64_t lot = high << 32 | next();
        return n == 0 ? 0 : lot % n;
    }

private:
    std::uint64_t state_;
};

inline constexpr unsigned log_bits = 32;  ///< behind the point, of logarithms below

/// Bits of log2(mantissa / 2^31), and the mantissa of what is left.
struct LogFraction {
    std::uint64_t mantissa;  ///< in [1, 2), with 31 bits behind the point
    std::uint64_t bits = 0;

    /// One bit after the other, by squaring.
    [[nodiscard]] constexpr LogFraction after(unsigned rounds) const noexcept {
        LogFraction f = *this;
        for (; rounds != 0; --rounds) {
            f.mantissa = f.mantissa * f.mantissa >> 31;
            const std::uint64_t bit = f.mantissa >> 32;  // a lot: no branch on it
            f.mantissa >>= bit;
            f.bits = f.bits << 1 | bit;
        }
        return f;
    }
    [[nodiscard]] static constexpr LogFraction of(std::uint64_t x) noexcept {
        return {.mantissa = x << (33 - static_cast<unsigned>(std::bit_width(x))) >> 1};
    }
};
/// -log2(x / 2^32) of 1 <= x <= 2^32.
[[nodiscard]] constexpr std::uint64_t minus_log2(std::uint64_t x) noexcept {
    const auto whole = static_cast<std::uint64_t>(std::bit_width(x) - 1);
    return ((32 - whole) << log_bits) - LogFraction::of(x).after(log_bits).bits;
}
static_assert(minus_log2(std::uint64_t{1} << 32) == 0);
static_assert(minus_log2(std::uint64_t{1} << 29) == std::uint64_t{3} << log_bits);

/// The least mantissa of which 16 more rounds give a bit that is not zero.
inline constexpr std::uint64_t least_with_bits = [] {
    std::uint64_t least = std::uint64_t{1} << 32;
    for (std::uint64_t step = std::uint64_t{1} << 30; step != 0; step /= 2) {
        least = LogFraction{.mantissa = least - step}.after(16).bits != 0 ? least - step : least;
    }
    return least;
}();
/// minus_log2(x) >> 16, in half the rounds: of the lower half only counts whether it is zero.
[[nodiscard]] constexpr std::uint64_t short_minus_log2(std::uint64_t x) noexcept {
    const auto whole = static_cast<std::uint64_t>(std::bit_width(x) - 1);
    const LogFraction upper = LogFraction::of(x).after(16);
    return ((32 - whole) << 16) - upper.bits - (upper.mantissa >= least_with_bits ? 1 : 0);
}
static_assert([] {
    for (std::uint64_t x = 1; x <= std::uint64_t{1} << 32; x = x * 9 / 8 + 1) {
        for (const std::uint64_t y : {x, std::bit_ceil(x), std::bit_ceil(x) - 1}) {
            if (y != 0 && short_minus_log2(y) != minus_log2(y) >> 16) {
                return false;
            }
        }
    }
    return true;
}());

[[nodiscard]] constexpr std::uint64_t square_root(std::uint64_t x) noexcept {
    std::uint64_t root = 0;
    for (std::uint64_t bit = std::uint64_t{1} << 31; bit != 0; bit >>= 1) {
        const std::uint64_t tried = root | bit;
        root = tried * tried <= x ? tried : root;
    }
    return root;
}

/// 2^(1/2), 2^(1/4), ... with 30 bits behind the point.
inline constexpr std::array<std::uint64_t, log_bits> roots_of_two = [] {
    std::array<std::uint64_t, log_bits> roots{};
    std::uint64_t power = std::uint64_t{2} << 30;
    for (std::uint64_t& root : roots) {
        power = square_root(power << 30);
        root = power;
    }
    return roots;
}();

/// n * 2^(log / 2^32), but at most `most`.
[[nodiscard]] constexpr std::uint64_t times_power_of_two(std::uint64_t n, std::uint64_t log,
                                                         std::uint64_t most) noexcept {
    std::uint64_t factor = std::uint64_t{1} << 30;
    for (unsigned bit = 0; bit < log_bits; ++bit) {
        if ((log >> (log_bits - 1 - bit) & 1U) != 0) {
            factor = factor * roots_of_two[bit] >> 30;
        }
    }
    const auto doublings = static_cast<unsigned>(log >> log_bits);
    // n times the factor without its lower bits if n is large: the product must fit.
    const unsigned spare = static_cast<unsigned>(std::bit_width(n)) > 32 ? 20 : 0;
    const std::uint64_t scaled = (n >> spare) * factor >> 30 << spare;
    if (doublings >= 63 || scaled > most >> doublings) {
        return most;
    }
    return scaled << doublings;
}

/// How long something takes, in nanoseconds.
struct Distribution {
    enum class Kind : std::uint8_t { constant, uniform, exponential, pareto };
    Kind kind = Kind::constant;
    std::uint64_t low = 0;    ///< constant: the value; exponential: the mean; pareto: the least
    std::uint64_t high = 0;   ///< uniform, pareto: the most
    std::uint32_t shape = 0;  ///< pareto: in hundredths

    [[nodiscard]] std::uint64_t draw(Lots& lots) const noexcept {
        switch (kind) {
            case Kind::constant:
                return low;
            case Kind::uniform:
                return low + lots.below(high - low + 1);
            case Kind::exponential: {
                // -ln u = ln 2 * -log2 u; ln 2 with 32 bits behind the point.
                const std::uint64_t log = short_minus_log2(std::uint64_t{lots.next()} + 1);
                const std::uint64_t factor = log * 2'977'044'472U >> 32;  // 16 bits
                return (low >> 16) * factor + ((low & 0xFFFFU) * factor >> 16);
            }
            case Kind::pareto: {
                const std::uint64_t log = minus_log2(std::uint64_t{lots.next()} + 1);
                return times_power_of_two(low, log * 100 / shape, high);
            }
        }
        return low;
    }
};

}  // namespace kidney::lab
