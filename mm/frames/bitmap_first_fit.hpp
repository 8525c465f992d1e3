/// First fit over a bitmap: every block comes from the lowest address where it fits.
///
/// The plainest honest placement. Blocks cluster at low addresses, which leaves long runs free at
/// the high end. What is not plain is the search: a byte for each row of 32 frames and a tree over
/// the 4 MiB chunks tell where a block fits, so nothing scans the bitmap from the start.
/// Cost: O(log chunks). Metadata: 2.3 bits per frame.
#pragma once

#include "mm/frames/frame_states.hpp"
#include "mm/frames/level_tree.hpp"

#include <bit>

namespace kidney::mm {

class BitmapFirstFit {
public:
    static constexpr const char* name = "bitmap_first_fit";

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return FrameStates::chunks_of(span) * rows_per_chunk *
               (sizeof(FrameRow) + sizeof(std::uint8_t));
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "frames: metadata too small");
        auto* rows = reinterpret_cast<FrameRow*>(metadata.data());
        states_.attach(span, rows);
        levels_ = reinterpret_cast<std::uint8_t*>(rows + states_.row_count());
        for (std::uint32_t row = 0; row < states_.row_count(); ++row) {
            levels_[row] = 0;
        }
        tree_ = LevelTree{};
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
            refresh_row(row);
        }
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return free_; }

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        const unsigned k = order.value();
        KIDNEY_ASSERT(order <= max_order);
        const std::uint32_t chunk = tree_.find(k + 1);
        if (chunk == LevelTree::none) {
            return fail(Errc::no_memory);
        }
        std::uint32_t row = chunk * rows_per_chunk;
        unsigned first = 0;
        if (k < row_order) {
            while (levels_[row] <= k) {
                ++row;
            }
            first = lowest(run_starts(states_.row(row).free(), k));
        } else {
            row += lowest(run_starts(whole_rows(chunk), k - row_order));
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
    /// run_level() of a row without a taken frame.
    static constexpr unsigned whole = row_order + 1;

    [[nodiscard]] static unsigned lowest(std::uint32_t word) noexcept {
        return static_cast<unsigned>(std::countr_zero(word));
    }
    /// Which of a chunk's rows are wholly free.
    [[nodiscard]] std::uint32_t whole_rows(std::uint32_t chunk) const noexcept {
        std::uint32_t rows = 0;
        for (unsigned i = 0; i < rows_per_chunk; ++i) {
            rows |= (levels_[chunk * rows_per_chunk + i] == whole ? 1U : 0U) << i;
        }
        return rows;
    }
    /// The rows of a block have changed.
    void refresh(std::uint32_t row, unsigned order) noexcept {
        if (order <= row_order) {
            return refresh_row(row);
        }
        const std::uint8_t level = states_.row(row).free() == 0 ? 0 : whole;
        for (std::uint32_t i = 0; i < 1U << (order - row_order); ++i) {
            levels_[row + i] = level;
        }
        refresh_chunk(row / rows_per_chunk);
    }
    void refresh_row(std::uint32_t row) noexcept {
        const unsigned before = levels_[row];
        const unsigned level = run_level(states_.row(row).free());
        levels_[row] = static_cast<std::uint8_t>(level);
        // Most changes leave the chunk's largest block alone; a whole row may join others.
        const unsigned matters = std::min(tree_.level(row / rows_per_chunk), whole);
        if (level != before && (level >= matters || before >= matters)) {
            refresh_chunk(row / rows_per_chunk);
        }
    }
    void refresh_chunk(std::uint32_t chunk) noexcept {
        unsigned level = 0;
        for (unsigned i = 0; i < rows_per_chunk; ++i) {
            level = std::max<unsigned>(level, levels_[chunk * rows_per_chunk + i]);
        }
        tree_.set(chunk, level == whole ? row_order + run_level(whole_rows(chunk)) : level);
    }

    FrameStates states_;
    std::uint8_t* levels_ = nullptr;  ///< run_level() of each row
    std::size_t free_ = 0;
    LevelTree tree_;
};

static_assert(FrameAllocator<BitmapFirstFit>);

}  // namespace kidney::mm
