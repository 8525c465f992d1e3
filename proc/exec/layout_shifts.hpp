/// How far the parts of a program lie from their usual places: address space layout randomisation.
///
///     stack_top     |            first stack: down by `stack` pages' worth, its words by `words`
///     mmap_ceiling  |            mappings, and the dynamic loader: down by `mappings`
///         ...
///     end of image  |            heap (brk): up by `heap`
///     image         |            position-independent program: up by `image`
///
/// Pure: lots in, distances out. The amounts are those of Linux on i386, as its documentation of
/// randomize_va_space and its mmap_rnd_bits say: few, because the space is small. What is linked to
/// a fixed address stays there.
#pragma once

#include "kidney/core/address.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::proc {

/// What /proc/sys/kernel/randomize_va_space holds.
enum class Randomisation : std::uint8_t { none, without_heap, all };

/// Bytes each; whole pages but for `words`, which is a multiple of 16.
struct LayoutShifts {
    std::uint32_t stack = 0;
    std::uint32_t words = 0;
    std::uint32_t mappings = 0;
    std::uint32_t image = 0;
    std::uint32_t heap = 0;
    friend constexpr bool operator==(const LayoutShifts&, const LayoutShifts&) noexcept = default;
};

inline constexpr std::size_t layout_lots = 5;  ///< random words that a layout takes

/// No shift is larger. Each is drawn from as many places as fit, all alike.
inline constexpr LayoutShifts largest_shifts{.stack = (1U << 23) - page_size,
                                             .words = 8192 - 16,
                                             .mappings = (1U << 20) - page_size,
                                             .image = (1U << 20) - page_size,
                                             .heap = (1U << 25) - page_size};

[[nodiscard]] constexpr LayoutShifts draw_layout(
    Randomisation how, std::span<const std::uint32_t, layout_lots> lots) noexcept {
    if (how == Randomisation::none) {
        return {};
    }
    // The largest and the granule are such that a mask takes every place equally often.
    constexpr LayoutShifts most = largest_shifts;
    return {.stack = lots[0] & most.stack,
            .words = lots[1] & most.words,
            .mappings = lots[2] & most.mappings,
            .image = lots[3] & most.image,
            .heap = how == Randomisation::all ? lots[4] & most.heap : 0};
}

}  // namespace kidney::proc
