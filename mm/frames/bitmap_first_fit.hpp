/// First fit over a bitmap: every block comes from the lowest address where it fits.
///
/// The plainest honest placement. Blocks cluster at low addresses, which leaves long runs free at
/// the high end. What is not plain is the search: a set of chunks per order, and a set of rows per
/// order in each chunk, tell where a block fits, so nothing scans the bitmap.
/// Cost: O(1) for up to 32 frames, then O(frames / 32). Metadata: 2.2 bits per frame.
#pragma once

#include "mm/frames/chunk_index.hpp"
#include "mm/frames/frame_states.hpp"

#include <array>
#include <bit>

namespace kidney::mm {

class BitmapFirstFit {
public:
    static constexpr const char* name = "bitmap_first_fit";

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return FrameStates::chunks_of(span) * (rows_per_chunk * sizeof(FrameRow) + sizeof(Chunk));
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "frames: metadata too small");
        auto* rows = reinterpret_cast<FrameRow*>(metadata.data());
        states_.attach(span, rows);
        chunks_ = reinterpret_cast<Chunk*>(rows + states_.row_count());
        for (std::uint32_t i = 0; i < FrameStates::chunks_of(span); ++i) {
            chunks_[i] = Chunk{};
        }
        with_ = {};
        free_ = 0;
    }
    void add_region(FrameRange region) noexcept {
        if (region.count == 0) {
            return;
        }
        states_.add(region);
        free_ += region.count;
        const std::uint32_t first = states_.index_of(region.first);
        for (std::uint32_t row = first / row_bits; row <= (first + region.count - 1) / row_bits;
             ++row) {
            refresh(row, 0);
        }
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return free_; }

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        const unsigned k = order.value();
        KIDNEY_ASSERT(order <= max_order);
        if (with_[k].is_empty()) {
            return fail(Errc::no_memory);
        }
        const std::uint32_t chunk = with_[k].first();
        const Chunk& c = chunks_[chunk];
        std::uint32_t row = chunk * rows_per_chunk;
        unsigned first = 0;
        if (k < row_order) {
            row += lowest(c.rows_with[k]);
            first = lowest(run_starts(states_.row(row).free(), k));
        } else {
            row += lowest(run_starts(c.rows_with[row_order], k - row_order));
        }
        states_.take(row * row_bits + first, k);
        refresh(row, k);
        free_ -= order.frames();
        return states_.frame(row * row_bits + first);
    }

    void free(FrameNumber first, FrameOrder order) noexcept {
        const std::uint32_t index = states_.index_of(first);
        states_.give_back(index, order.value());
        free_ += order.frames();
        refresh(index / row_bits, order.value());
    }

private:
    struct Chunk {
        /// rows_with[k]: the rows with a free block of order k. Each is a subset of the one before;
        /// the last one are the rows that are wholly free.
        std::array<std::uint32_t, row_order + 1> rows_with{};
        std::uint32_t level = 0;  ///< one more than the order of the chunk's largest block; 0: none

        [[nodiscard]] unsigned compute_level() const noexcept {
            unsigned level_of_rows = 0;
            for (unsigned k = 0; k < row_order; ++k) {
                level_of_rows += rows_with[k] != 0 ? 1 : 0;
            }
            return level_of_rows + run_level(rows_with[row_order]);
        }
    };

    [[nodiscard]] static unsigned lowest(std::uint32_t word) noexcept {
        return static_cast<unsigned>(std::countr_zero(word));
    }
    /// The rows of a block have changed, all in the same way.
    void refresh(std::uint32_t row, unsigned order) noexcept {
        const std::uint32_t chunk = row / rows_per_chunk;
        const std::uint32_t rows =
            run_mask(row % rows_per_chunk, order > row_order ? order - row_order : 0);
        const unsigned level_of_row = run_level(states_.row(row).free());
        Chunk& c = chunks_[chunk];
        for (unsigned k = 0; k <= row_order; ++k) {
            c.rows_with[k] = (c.rows_with[k] & ~rows) | (k < level_of_row ? rows : 0);
        }
        const unsigned level = c.compute_level();
        for (; c.level < level; ++c.level) {
            with_[c.level].insert(chunk);
        }
        for (; c.level > level; --c.level) {
            with_[c.level - 1].erase(chunk);
        }
    }

    FrameStates states_;
    Chunk* chunks_ = nullptr;
    std::size_t free_ = 0;
    std::array<ChunkSet, max_order.value() + 1> with_{};  ///< [k]: chunks with a block of order k
};

static_assert(FrameAllocator<BitmapFirstFit>);

}  // namespace kidney::mm
