/// Sizes that the slab heap rounds to: four steps per doubling, about 10 % average waste.
///
/// 16 32 48 64 | 80 96 112 128 | 160 192 224 256 | ... | 1280 1536 1792 2048
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kidney::mm::size_classes {

inline constexpr std::size_t granule = 16;    ///< smallest object, and every object's alignment
inline constexpr std::size_t largest = 2048;  ///< beyond it: whole frames
inline constexpr std::size_t count = 24;

/// The class of an object of `bytes`, 1 <= bytes <= largest.
[[nodiscard]] constexpr std::size_t index_of(std::size_t bytes) noexcept {
    const auto units = static_cast<std::uint32_t>((bytes - 1) / granule);
    if (units < 4) {
        return units;
    }
    // Four classes per power of two: the two bits below the leading one pick the step.
    const auto shift = static_cast<unsigned>(std::bit_width(units)) - 3;
    return shift * 4 + (units >> shift);
}

[[nodiscard]] constexpr std::size_t bytes_of(std::size_t index) noexcept {
    if (index < 4) {
        return (index + 1) * granule;
    }
    const std::size_t shift = index / 4 - 1;
    return (index % 4 + 5) * granule << shift;
}

static_assert([] {
    for (std::size_t bytes = 1; bytes <= largest; ++bytes) {
        const std::size_t index = index_of(bytes);
        if (index >= count || bytes_of(index) < bytes ||
            (index > 0 && bytes_of(index - 1) >= bytes)) {
            return false;
        }
    }
    return index_of(largest) == count - 1;
}());

}  // namespace kidney::mm::size_classes
