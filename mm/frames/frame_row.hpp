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
    /// Is there a live block of exactly this place and size? One comparison for all that could be
    /// wrong: frees come in random order, and a branch for each would be mispredicted half the
    /// time.
    [[nodiscard]] constexpr bool is_live(unsigned first, unsigned order) const noexcept {
        const std::uint32_t mask = run_mask(first, order);
        const std::uint32_t not_aligned = first & ((1U << order) - 1);
        const std::uint32_t not_taken = open & mask;
        const std::uint32_t not_one_block = (mark & mask) ^ 1U << first;
        // A longer block may only start here if this start is aligned for it; then the next unit is
        // one of its later ones. (The unit behind the last one is 0 here, which is no later one.)
        const unsigned next = (first + (1U << order)) % row_bits;
        const std::uint32_t is_longer = ~(open | mark) >> next & ~(first >> order) & 1U;
        return (not_aligned | not_taken | not_one_block | is_longer) == 0;
    }
};

}  // namespace kidney::mm
