/// Best fit over a bitmap: a block is cut from the smallest free block that is large enough.
///
/// As all sizes are powers of two, this is a buddy system whose lists are sorted by address and
/// whose merging is left to the bitmap. A free block is *maximal* if its buddy is not free, or not
/// wholly. `maximal_[k]` are the rows where one of order k *may* start: free() puts in what its
/// block has grown to, cutting puts in the other halves, and a search that finds no such block in a
/// row takes that out. So a set may promise too much, never too little, and nobody has to look for
/// a buddy's entry when two become one.
///
/// Theory: large blocks stay whole while memory fills, and its danger elsewhere, remainders too
/// small to be of use, does not exist with powers of two (Knuth, The Art of Computer Programming,
/// volume 1, 2.5). But where blocks are replaced one by one it reuses the hole just made, so what
/// lives never gathers, as it does with first fit. Cost: O(1) amortised. Metadata: 2.4 bits per
/// frame.
#pragma once

#include "mm/frames/frame_map.hpp"
#include "mm/frames/row_set.hpp"

namespace kidney::mm {

class BestFit {
public:
    static constexpr const char* name = "best_fit";

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        for (unsigned k = order.value(); k <= max_order.value(); ++k) {
            const std::uint32_t block = find(k);
            if (block != FrameMap::none) {
                while (k > order.value()) {
                    --k;
                    maximal_[k].insert((block + (1U << k)) / row_bits);
                }
                return map_.take(block, order.value());
            }
        }
        return fail(Errc::no_memory);
    }
    void free(FrameNumber first, FrameOrder order) noexcept {
        file(map_.give_back(first, order.value()), order.value());
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return map_.free_frames(); }
    [[nodiscard]] std::uint32_t free_row(FrameNumber frame) const noexcept {
        return map_.free_row(frame);
    }

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return FrameMap::metadata_bytes(span) + RowSets::metadata_bytes(span);
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "frames: metadata too small");
        map_.attach(span, metadata.data());
        maximal_.attach(span, metadata.data() + FrameMap::metadata_bytes(span));
    }
    void add_region(FrameRange region) noexcept {
        map_.add(region, [&](std::uint32_t block, unsigned k) { file(block, k); });
    }

private:
    /// A maximal free block of this order, or FrameMap::none.
    [[nodiscard]] std::uint32_t find(unsigned k) noexcept {
        for (std::uint32_t row; (row = maximal_[k].first()) != RowSet::none;
             maximal_[k].erase(row)) {
            const std::uint32_t block = map_.find_maximal(k, row);
            if (block != FrameMap::none) {
                return block;
            }
        }
        return FrameMap::none;
    }
    /// This block is free now.
    void file(std::uint32_t block, unsigned k) noexcept {
        for (; k < max_order.value() && map_.is_free(block ^ 1U << k, k); ++k) {
            block &= ~(1U << k);
        }
        maximal_[k].insert(block / row_bits);
    }

    FrameMap map_;
    RowSets maximal_;  ///< [k]: rows where a maximal block of order k may start
};

static_assert(FrameAllocator<BestFit>);

}  // namespace kidney::mm
