/// A buddy system without lists: free blocks are aligned runs of ones in a bitmap tree.
///
/// Two levels that work alike, each on words of 32 units with two bits per unit (frame_row.hpp):
///   row    32 frames; blocks of order 0..4 are runs of frames
///   chunk  32 rows (4 MiB); blocks of order 5..10 are runs of rows
/// A row that is cut into frames counts as live one level up; when its last frame comes back it is
/// free there again. Splitting and merging are implicit: taking half a run clears its bits, a freed
/// buddy completes the run. So there is no cascade of list operations, and 2.3 bits per frame are
/// all it needs. Above the chunks, `ChunkIndex` finds one with a large enough block.
///
/// Placement: a block comes from the chunk, then the row, whose largest free block is the smallest
/// that fits, so whole chunks are broken last and half-used ones fill up. Single frames come from
/// one *current row*, which is hidden from the summaries, so most of these calls touch one word.
/// Cost: O(1); a few dozen instructions, single frames mostly a dozen.
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
        for (std::uint32_t i = 0; i < FrameStates::chunks_of(span); ++i) {
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
        const std::uint32_t first = states_.index_of(region.first) / row_bits;
        const std::uint32_t last = (states_.index_of(region.first) + region.count - 1) / row_bits;
        for (std::uint32_t row = first; row <= last; ++row) {
            Chunk& c = chunks_[row / rows_per_chunk];
            const std::uint32_t bit = 1U << row % rows_per_chunk;
            if ((c.rows.open & c.rows.mark & bit) != 0) {
                c.rows.open &= ~bit;  // absent -> cut; refile() knows whether it is whole
            }
            for (std::uint32_t& rows : c.cut) {
                rows &= ~bit;
            }
            refile(row, 0, run_level(states_.row(row).free()));
        }
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return free_; }

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        if (order.value() == 0) {
            if (current_ != no_row) [[likely]] {
                if (const std::uint32_t word = states_.row(current_).free(); word != 0) {
                    return take_from_current(word);
                }
            }
            return next_row() ? Result<FrameNumber>(take_from_current(states_.row(current_).free()))
                              : fail(Errc::no_memory);
        }
        return allocate_block(order.value());
    }

    void free(FrameNumber first, FrameOrder order) noexcept {
        const std::uint32_t index = states_.index_of(first);
        free_ += order.frames();
        if (order.value() == 0 && index / row_bits == current_) [[likely]] {
            states_.row(current_).give_back(index % row_bits, 0);
        } else {
            free_block(index, order.value());
        }
    }

private:
    static constexpr std::uint32_t no_row = ~0U;

    struct Chunk {
        /// Its rows as units. Live: part of a block of order >= 5, or cut into frames.
        FrameRow rows;
        /// cut[l]: rows cut into frames, by run_level() of their free frames. Level 0 has the full
        /// rows, and the current one; the last level is always empty, as whole rows go up.
        std::array<std::uint32_t, row_order + 2> cut{};
        /// One more than the order of the chunk's largest block; 0: none.
        std::uint32_t level = 0;

        /// Bit l: there is a cut row of level l.
        [[nodiscard]] std::uint32_t cut_levels() const noexcept {
            std::uint32_t levels = 0;
            for (unsigned l = 1; l <= row_order; ++l) {
                levels |= (cut[l] != 0 ? 1U : 0U) << l;
            }
            return levels;
        }
        /// The first cut row with a free frame, or rows_per_chunk.
        [[nodiscard]] unsigned any_cut() const noexcept {
            std::uint32_t rows_with_room = 0;
            for (unsigned l = 1; l <= row_order; ++l) {
                rows_with_room |= cut[l];
            }
            return static_cast<unsigned>(std::countr_zero(rows_with_room));
        }
        /// The cut row with the smallest largest block of at least this order, or rows_per_chunk.
        [[nodiscard]] unsigned best_cut(unsigned order) const noexcept {
            const std::uint32_t fitting = cut_levels() >> (order + 1) << (order + 1);
            return fitting == 0 ? rows_per_chunk
                                : static_cast<unsigned>(std::countr_zero(
                                      cut[static_cast<unsigned>(std::countr_zero(fitting))]));
        }
        [[nodiscard]] std::uint32_t compute_level() const noexcept {
            const std::uint32_t whole = rows.free();
            const unsigned of_rows = row_order + run_level(whole);
            const auto of_frames = static_cast<unsigned>(std::bit_width(cut_levels() >> 1));
            return whole != 0 ? of_rows : of_frames;
        }
    };
    static_assert(row_bits == rows_per_chunk, "countr_zero(0) is rows_per_chunk");

    [[nodiscard]] FrameNumber take_from_current(std::uint32_t word) noexcept {
        FrameRow& row = states_.row(current_);
        const std::uint32_t lowest = word & -word;
        row.open ^= lowest;
        row.mark |= lowest;
        --free_;
        return states_.frame(current_ * row_bits + static_cast<unsigned>(std::countr_zero(lowest)));
    }

    /// Moves on to another row with free frames, in the same chunk while it has one.
    bool next_row() noexcept {
        const std::uint32_t last = current_;
        current_ = no_row;  // it is full, so no summary misses it
        std::uint32_t chunk = last / rows_per_chunk;
        unsigned row = last == no_row ? rows_per_chunk : chunks_[chunk].any_cut();
        if (row == rows_per_chunk) {
            chunk = index_.find(0);
            if (chunk == ChunkIndex::none) {
                return false;
            }
            row = chunks_[chunk].any_cut();
            if (row == rows_per_chunk) {
                row = cut_whole_row(chunk);
            }
        }
        current_ = chunk * rows_per_chunk + row;
        refile(current_, run_level(states_.row(current_).free()), 0);
        return true;
    }

    [[gnu::noinline]] Result<FrameNumber> allocate_block(unsigned order) noexcept {
        KIDNEY_ASSERT(order <= max_order.value());
        std::uint32_t chunk = index_.find(order);
        if (chunk == ChunkIndex::none) {
            // What the current row hides may be what completes a block.
            show_current();
            chunk = index_.find(order);
            if (chunk == ChunkIndex::none) {
                return fail(Errc::no_memory);
            }
        }
        free_ -= 1U << order;
        Chunk& c = chunks_[chunk];
        if (order >= row_order) {
            const unsigned row = best_run(c.rows.free(), order - row_order);
            c.rows.take(row, order - row_order);
            refresh(chunk);
            return states_.frame((chunk * rows_per_chunk + row) * row_bits);
        }
        unsigned in_chunk = c.best_cut(order);
        if (in_chunk == rows_per_chunk) {
            in_chunk = cut_whole_row(chunk);
        }
        const std::uint32_t row = chunk * rows_per_chunk + in_chunk;
        FrameRow& frames = states_.row(row);
        const unsigned before = run_level(frames.free());
        const unsigned first = best_run(frames.free(), order);
        frames.take(first, order);
        refile(row, before, run_level(frames.free()));
        return states_.frame(row * row_bits + first);
    }

    /// From here on the frames of this row are handed out. The caller refiles it.
    [[nodiscard]] unsigned cut_whole_row(std::uint32_t chunk) noexcept {
        Chunk& c = chunks_[chunk];
        const unsigned row = best_run(c.rows.free(), 0);
        c.rows.take(row, 0);
        return row;
    }

    [[gnu::noinline]] void free_block(std::uint32_t index, unsigned order) noexcept {
        if (order >= row_order) {
            return free_rows(index, order);
        }
        const std::uint32_t row = index / row_bits;
        const unsigned first = index % row_bits;
        FrameRow& frames = states_.row(row);
        const std::uint32_t before = frames.free();
        frames.give_back(first, order);
        if (order == 0 && before != 0 && (before >> (first ^ 1U) & 1U) == 0) {
            return;  // one more single frame: the row's largest block stays what it was
        }
        const unsigned level_before = run_level(before);
        const unsigned level_after = run_level(frames.free());
        if (level_after != level_before && row != current_) {
            refile(row, level_before, level_after);
        }
    }

    void free_rows(std::uint32_t index, unsigned order) noexcept {
        const std::uint32_t row = index / row_bits;
        // Rows of a live block look free from inside; a cut row does not, except the current one.
        KIDNEY_INVARIANT(index % row_bits == 0 && row != current_ && states_.row(row).free() == ~0U,
                         "frames: freed block is not live");
        chunks_[row / rows_per_chunk].rows.give_back(row % rows_per_chunk, order - row_order);
        refresh(row / rows_per_chunk);
    }

    /// The level of a cut row has changed. A row that is whole again goes up.
    void refile(std::uint32_t row, unsigned before, unsigned after) noexcept {
        Chunk& c = chunks_[row / rows_per_chunk];
        const std::uint32_t bit = 1U << row % rows_per_chunk;
        c.cut[before] &= ~bit;
        c.cut[after] |= bit;
        if (after > row_order) {
            c.cut[after] = 0;
            c.rows.open |= bit;
            c.rows.mark &= ~bit;
        }
        // Most changes leave the chunk's largest block alone; a whole row may join others.
        if (after >= std::min(c.level, row_order + 1) ||
            before >= std::min(c.level, row_order + 1)) {
            refresh(row / rows_per_chunk);
        }
    }
    void refresh(std::uint32_t chunk) noexcept {
        Chunk& c = chunks_[chunk];
        if (const std::uint32_t level = c.compute_level(); level != c.level) {
            index_.move(chunk, c.level, level);
            c.level = level;
        }
    }
    void show_current() noexcept {
        if (current_ != no_row) {
            const std::uint32_t row = current_;
            current_ = no_row;
            refile(row, 0, run_level(states_.row(row).free()));
        }
    }

    FrameStates states_;
    Chunk* chunks_ = nullptr;
    std::uint32_t current_ = no_row;  ///< row that serves order 0; hidden from the summaries
    std::size_t free_ = 0;
    ChunkIndex index_;
};

static_assert(FrameAllocator<BuddyAllocator>);

}  // namespace kidney::mm
