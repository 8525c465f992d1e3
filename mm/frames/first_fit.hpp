/// First fit over a bitmap: every block comes from the lowest address where it fits.
///
/// The plainest honest placement. Blocks cluster at low addresses, which leaves long runs free at
/// the high end. What is not plain is where to look, because starting at the low end each time
/// would walk over all that is taken. `with_[k]` are the rows where a block of order k *may* start:
/// free() puts in what it makes possible, and a search that finds nothing in a row takes that out.
/// So a set may promise too much, never too little, and each vain look is paid for by the free()
/// that caused it.
///
/// Theory: first fit needs little more memory than best fit for a given load, often less, as small
/// holes gather at the low end alone (Knuth, The Art of Computer Programming, volume 1, 2.5;
/// Wilson et al., Dynamic Storage Allocation, 1995). Cost: O(1) amortised. Metadata: 2.4 bits per
/// frame.
#pragma once

#include "mm/frames/frame_map.hpp"
#include "mm/frames/row_set.hpp"

namespace kidney::mm {

class FirstFit {
public:
    static constexpr const char* name = "first_fit";

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        const unsigned k = order.value();
        if (k > max_order.value()) {
            return fail(Errc::no_memory);
        }
        for (std::uint32_t row; (row = with_[k].first()) != RowSet::none; with_[k].erase(row)) {
            const std::uint32_t block = map_.find(k, row, row + 1);
            if (block != FrameMap::none) {
                unfile(block, k);
                return map_.take(block, k);
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
        with_.attach(span, metadata.data() + FrameMap::metadata_bytes(span));
    }
    void add_region(FrameRange region) noexcept {
        map_.add(region, [&](std::uint32_t block, unsigned k) { file(block, k); });
    }

private:
    /// The rows of a chunk where a block of this order can start.
    [[nodiscard]] static constexpr std::uint32_t aligned_rows(unsigned order) noexcept {
        return order <= row_order ? ~0U : run_starts(~0U, order - row_order);
    }
    /// This block is free now. Others may start in each of its rows, and it may have completed
    /// longer ones.
    void file(std::uint32_t block, unsigned order) noexcept {
        const std::uint32_t rows = FrameMap::rows_of(block, order);
        for (unsigned k = 0; k <= order; ++k) {
            with_[k].insert(block / frames_per_chunk, rows & aligned_rows(k));
        }
        for (unsigned k = order; k < max_order.value() && map_.is_free(block ^ 1U << k, k);) {
            block &= ~(1U << k);
            with_[++k].insert(block / row_bits);
        }
    }

    /// This block will be taken. Of more than a row nothing is left to look at.
    void unfile(std::uint32_t block, unsigned order) noexcept {
        for (unsigned k = 0; order >= row_order && k <= order; ++k) {
            with_[k].erase(block / frames_per_chunk, FrameMap::rows_of(block, order));
        }
    }

    FrameMap map_;
    RowSets with_;  ///< [k]: rows where a free block of order k may start
};

static_assert(FrameAllocator<FirstFit>);

}  // namespace kidney::mm
