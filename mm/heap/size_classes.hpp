/// Sizes that the slab heap rounds to: four steps per doubling, about 10 % average waste.
///
/// 16 32 48 64 | 80 96 112 128 | 160 192 224 256 | ... | 2560 3072 3584 4096
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kidney::mm::size_classes {

inline constexpr std::size_t granule = 16;    ///< smallest object, and every object's alignment
inline constexpr std::size_t largest = 4096;  ///< beyond it: whole frames
inline constexpr std::size_t count = 28;

[[nodiscard]] constexpr std::size_t bytes_of(std::size_t index) noexcept {
    if (index < 4) {
        return (index + 1) * granule;
    }
    const std::size_t shift = index / 4 - 1;
    return (index % 4 + 5) * granule << shift;
}

namespace detail {
/// The class for each number of granules. WHY a table: one load, where the bits of the size would
/// take eight dependent instructions; and the compiler folds it where the size is a constant.
inline constexpr auto index_table = [] {
    std::array<std::uint8_t, largest / granule + 1> table{};
    std::size_t index = 0;
    for (std::size_t units = 0; units < table.size(); ++units) {
        index += units * granule > bytes_of(index) ? 1 : 0;
        table[units] = static_cast<std::uint8_t>(index);
    }
    return table;
}();
}  // namespace detail

/// The class of an object of `bytes`, at most `largest`.
[[nodiscard]] constexpr std::size_t index_of(std::size_t bytes) noexcept {
    return detail::index_table[(bytes + granule - 1) / granule];
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
