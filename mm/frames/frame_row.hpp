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
    /// Is there a live block of exactly this place and size: a first unit, then 2^order - 1 later
    /// ones, then anything else? One comparison for all that could be wrong, because frees come in
    /// random order, and a branch for each question would be mispredicted.
    [[nodiscard]] constexpr bool is_live(unsigned first, unsigned order) const noexcept {
        const std::uint32_t block = run_mask(0, order);
        const std::uint32_t not_first = ~(mark & ~open) >> first & 1U;
        const std::uint32_t later = ~(open | mark) >> first;  // no unit behind the last one is
        const std::uint32_t wrong = (later ^ (block & ~1U)) & (block << 1 | 1U);
        return (wrong | not_first) == 0;
    }
};

}  // namespace kidney::mm
