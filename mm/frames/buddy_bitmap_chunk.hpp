/// What the buddy system knows about 4 MiB: which rows are whole, and what the cut ones promise.
///
/// A plain record; who changes what, and when, is in buddy_bitmap.hpp. Cost: O(1). 36 bytes, 0.28
/// bits per frame.
#pragma once

#include "mm/frames/frame_row.hpp"
#include "mm/frames/frame_states.hpp"

#include <array>
#include <bit>
#include <cstdint>

namespace kidney::mm {

struct BuddyChunk {
    /// Its rows as units. Free: a whole row. Live: part of a block of order >= 5, or cut.
    FrameRow rows;
    /// cut[k], a set of rows: the cut ones that promise a free block of at least order k. Each set
    /// is a subset of the one before. cut[0] is exact, but for the current row, which is in none.
    std::array<std::uint32_t, row_order> cut{};
    std::uint32_t stale = 0;  ///< a set of rows: the cut ones that could promise more
    /// One more than the order of the largest block promised; 0 if that is a single frame or none.
    std::uint32_t level = 0;

    /// The free frames of a row, of whose own frames `frames` are free. Those of a long block are
    /// left as they were when it was taken.
    [[nodiscard]] std::uint32_t free(std::uint32_t row, std::uint32_t frames) const noexcept {
        const bool is_own = ((rows.free() | stale) >> row % row_bits & 1U) != 0;
        return frames != ~0U || is_own ? frames : 0;
    }
    /// The cut row `bit` has a block of this order, besides what is known.
    void promise_also(std::uint32_t bit, unsigned order) noexcept {
        for (unsigned k = 0; k <= order; ++k) {
            cut[k] |= bit;
        }
    }
    /// The cut row `bit` has a block of every order below `orders`, as far as is known.
    void promise(std::uint32_t bit, unsigned orders) noexcept {
        for (unsigned k = 0; k < row_order; ++k) {
            cut[k] = (cut[k] & ~bit) | (k < orders ? bit : 0);
        }
    }
    /// Of the cut rows with a block of at least this order, one whose largest block is smallest; or
    /// rows_per_chunk. Looks at all orders: a loop that ends early mispredicts.
    [[nodiscard]] unsigned best_cut(unsigned order) const noexcept {
        std::uint32_t best = 0;
        for (unsigned k = row_order; k-- > 0;) {
            const std::uint32_t longer = k + 1 < row_order ? cut[k + 1] : 0;
            const std::uint32_t exactly = k >= order ? cut[k] & ~longer : 0;
            best = exactly != 0 ? exactly : best;
        }
        return static_cast<unsigned>(std::countr_zero(best));
    }
    [[nodiscard]] std::uint32_t compute_level() const noexcept {
        const std::uint32_t whole = rows.free();
        std::uint32_t level_of_cut = 0;
        for (unsigned k = 1; k < row_order; ++k) {
            level_of_cut = cut[k] != 0 ? k + 1 : level_of_cut;
        }
        return whole != 0 ? row_order + run_level(whole) : level_of_cut;
    }
};
static_assert(row_bits == rows_per_chunk, "countr_zero(0) is rows_per_chunk");

}  // namespace kidney::mm
