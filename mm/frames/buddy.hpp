/// A buddy system without lists: free blocks are aligned runs of ones in a bitmap tree.
///
/// Three levels, each a word that the level above summarises:
///   row    32 frames: one bit per frame (frame_states.hpp); orders 0..5 are runs in it
///   chunk  32 rows:   for each order, which rows have it as their largest block; orders 5..10 are
///                     runs of wholly free rows
///   index  all chunks: for each order, which chunks have it as their largest block
/// Splitting and merging are implicit: taking half a block clears its bits, a freed buddy completes
/// the run. So there is no cascade of list operations, and 2.3 bits per frame are all it needs.
///
/// Placement: every order comes from the chunk, then the row, whose largest block is the smallest
/// that fits, so whole 4 MiB chunks are broken last and half-used ones fill up. Order 0 makes this
/// choice once for up to 32 frames: it works on one *current row*, which is hidden from the
/// summaries, so most single-frame calls touch one word and no summary.
/// Cost: O(max order), a few dozen instructions; order 0 mostly fewer than ten.
#pragma once

#include "mm/frames/chunk_index.hpp"
#include "mm/frames/frame_states.hpp"

#include <array>
#include <bit>

namespace kidney::mm {

class BuddyAllocator {
public:
    static constexpr const char* name = "buddy";

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return FrameStates::chunks_of(span) * (rows_per_chunk * sizeof(FrameRow) + sizeof(Chunk));
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "frames: metadata too small");
        auto* rows = reinterpret_cast<FrameRow*>(metadata.data());
        states_.attach(span, rows);
        chunks_ = reinterpret_cast<Chunk*>(rows + states_.row_count());
        chunk_count_ = FrameStates::chunks_of(span);
        for (std::uint32_t i = 0; i < chunk_count_; ++i) {
            chunks_[i] = Chunk{};
        }
        index_ = ChunkIndex{};
        current_ = no_row;
        free_ = 0;
    }
    void add_region(FrameRange region) noexcept {
        if (region.count == 0) {
            return;
        }
        show_current();
        states_.add(region);
        free_ += region.count;
        const std::uint32_t first = states_.index_of(region.first);
        const std::uint32_t last = first + region.count - 1;
        for (std::uint32_t row = first / row_bits; row <= last / row_bits; ++row) {
            refresh(row);
        }
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return free_; }

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        const unsigned k = order.value();
        KIDNEY_ASSERT(order <= max_order);
        if (k == 0 && current_ != no_row) {
            if (const std::uint32_t word = states_.row(current_).free(); word != 0) [[likely]] {
                return take_from_current(word);
            }
        }
        unsigned chunk = index_.find(k);
        if (chunk == ChunkIndex::none) {
            // What the current row hides may be what completes a block.
            show_current();
            chunk = index_.find(k);
            if (chunk == ChunkIndex::none) {
                return fail(Errc::no_memory);
            }
        }
        if (k == 0) {
            show_current();
            current_ = chunk * rows_per_chunk + chunks_[chunk].best_row(0);
            hide(current_);
            return take_from_current(states_.row(current_).free());
        }
        return take(chunk, k);
    }

    void free(FrameNumber first, FrameOrder order) noexcept {
        const std::uint32_t index = states_.index_of(first);
        const std::uint32_t row = index / row_bits;
        states_.give_back(index, order.value());
        free_ += order.frames();
        if (order.value() > row_order) {
            const std::uint32_t chunk = row / rows_per_chunk;
            chunks_[chunk].rows[row_order] |=
                run_mask(row % rows_per_chunk, order.value() - row_order);
            refresh_chunk(chunk);
        } else if (row != current_) {
            refresh(row);
        }
    }

private:
    static constexpr std::uint32_t no_row = ~0U;

    /// Summary of 32 rows.
    struct Chunk {
        /// rows[k]: rows whose largest free block has order k. A full or hidden row is in none.
        std::array<std::uint32_t, row_order + 1> rows{};
        std::uint32_t largest = ChunkIndex::empty;  ///< order of the chunk's largest block

        /// Row with the smallest largest block of at least this order; there must be one.
        [[nodiscard]] unsigned best_row(unsigned order) const noexcept {
            while (rows[order] == 0) {
                ++order;
            }
            return static_cast<unsigned>(std::countr_zero(rows[order]));
        }
        [[nodiscard]] std::uint32_t compute_largest() const noexcept {
            if (rows[row_order] != 0) {
                return row_order + longest_run(rows[row_order]);
            }
            for (unsigned k = row_order; k-- > 0;) {
                if (rows[k] != 0) {
                    return k;
                }
            }
            return ChunkIndex::empty;
        }
    };

    [[nodiscard]] FrameNumber take_from_current(std::uint32_t word) noexcept {
        FrameRow& row = states_.row(current_);
        const std::uint32_t lowest = word & -word;
        row.open ^= lowest;
        row.mark |= lowest;
        --free_;
        return states_.frame(current_ * row_bits + static_cast<unsigned>(std::countr_zero(lowest)));
    }

    [[nodiscard]] FrameNumber take(std::uint32_t chunk, unsigned order) noexcept {
        Chunk& c = chunks_[chunk];
        std::uint32_t index = chunk * frames_per_chunk;
        if (order > row_order) {
            const unsigned row = best_run(c.rows[row_order], order - row_order);
            index += row * row_bits;
            states_.take(index, order);
            c.rows[row_order] &= ~run_mask(row, order - row_order);
            refresh_chunk(chunk);
        } else {
            const std::uint32_t row = chunk * rows_per_chunk + c.best_row(order);
            index = row * row_bits + best_run(states_.row(row).free(), order);
            states_.take(index, order);
            refresh(row);
        }
        free_ -= 1U << order;
        return states_.frame(index);
    }

    /// Makes the summaries agree with a row's bits.
    void refresh(std::uint32_t row) noexcept {
        const std::uint32_t word = states_.row(row).free();
        const unsigned largest = word == 0 ? row_order + 1 : longest_run(word);
        Chunk& c = chunks_[row / rows_per_chunk];
        const std::uint32_t bit = 1U << row % rows_per_chunk;
        if (largest <= row_order && (c.rows[largest] & bit) != 0) {
            return;
        }
        for (std::uint32_t& rows : c.rows) {
            rows &= ~bit;
        }
        if (largest <= row_order) {
            c.rows[largest] |= bit;
        }
        refresh_chunk(row / rows_per_chunk);
    }
    void refresh_chunk(std::uint32_t chunk) noexcept {
        Chunk& c = chunks_[chunk];
        if (const std::uint32_t largest = c.compute_largest(); largest != c.largest) {
            index_.move(chunk, c.largest, largest);
            c.largest = largest;
        }
    }

    void hide(std::uint32_t row) noexcept {
        Chunk& c = chunks_[row / rows_per_chunk];
        for (std::uint32_t& rows : c.rows) {
            rows &= ~(1U << row % rows_per_chunk);
        }
        refresh_chunk(row / rows_per_chunk);
    }
    void show_current() noexcept {
        if (current_ != no_row) {
            const std::uint32_t row = current_;
            current_ = no_row;
            refresh(row);
        }
    }

    FrameStates states_;
    Chunk* chunks_ = nullptr;
    std::uint32_t chunk_count_ = 0;
    std::uint32_t current_ = no_row;  ///< row that serves order 0; hidden from the summaries
    std::size_t free_ = 0;
    ChunkIndex index_;
};

static_assert(FrameAllocator<BuddyAllocator>);

}  // namespace kidney::mm
