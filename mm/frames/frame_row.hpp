/// Two bits for each of 32 units: enough to find free runs *and* to catch every wrong free (law
/// F6).
///
/// | open | mark | the unit is                                             |
/// |------|------|---------------------------------------------------------|
/// |  1   |  0   | free                                                    |
/// |  0   |  1   | the first of a live block                               |
/// |  0   |  0   | a later one of a live block                             |
/// |  1   |  1   | absent: a hole in the memory map, or beyond its end     |
///
/// A unit is a frame, or one level up a whole row of frames. A block's order is not stored: it
/// reaches up to the next unit that is not "a later one". Cost: O(1).
#pragma once

#include "kidney/core/assert.hpp"
#include "mm/frames/aligned_runs.hpp"

#include <cstdint>

namespace kidney::mm {

struct FrameRow {
    std::uint32_t open = ~0U;
    std::uint32_t mark = ~0U;

    [[nodiscard]] constexpr std::uint32_t free() const noexcept { return open & ~mark; }

    /// Absent -> free.
    void add(std::uint32_t mask) noexcept {
        KIDNEY_INVARIANT((open & mark & mask) == mask, "frames: region added twice");
        mark &= ~mask;
    }
    /// Free -> live. The block is free.
    void take(unsigned first, unsigned order) noexcept {
        open &= ~run_mask(first, order);
        mark |= 1U << first;
    }
    /// Live -> free, after proving that exactly this block is live (F6).
    void give_back(unsigned first, unsigned order) noexcept {
        KIDNEY_INVARIANT(is_live(first, order), "frames: freed block is not live");
        open |= run_mask(first, order);
        mark &= ~(1U << first);
    }
    /// Is there a live block of exactly this place and size?
    [[nodiscard]] constexpr bool is_live(unsigned first, unsigned order) const noexcept {
        const std::uint32_t mask = run_mask(first, order);
        if ((first & ((1U << order) - 1)) != 0 || (open & mask) != 0 ||
            (mark & mask) != 1U << first) {
            return false;
        }
        // A longer block may only start here if this start is aligned for it; then the next unit
        // would be one of its later ones.
        const unsigned next = first + (1U << order);
        return (first & (1U << order)) != 0 || next == row_bits ||
               ((open | mark) >> next & 1U) != 0;
    }
};

}  // namespace kidney::mm
