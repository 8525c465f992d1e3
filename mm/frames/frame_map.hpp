/// A bitmap of frames that can be searched: where is a free block of this order?
///
/// The states of frames (frame_states.hpp), and a bit for each row that is free as a whole, so that
/// long blocks are found as short ones are: as aligned runs of ones in a word, of frames in a row,
/// or of whole rows in a chunk. Which block to take is the policy's business. Cost: O(1) for up to
/// 32 frames, then O(frames / 32); a search looks at one word for each row, or chunk, that it
/// passes. Memory: 2.03 bits per frame.
#pragma once

#include "mm/frames/frame_states.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

class FrameMap {
public:
    static constexpr std::uint32_t none = ~0U;  ///< no such block

    [[nodiscard]] static constexpr std::size_t metadata_bytes(FrameRange span) noexcept {
        return FrameStates::chunks_of(span) *
               (rows_per_chunk * sizeof(FrameRow) + sizeof(std::uint32_t));
    }
    /// Every frame is absent.
    void attach(FrameRange span, std::byte* metadata) noexcept {
        auto* const rows = reinterpret_cast<FrameRow*>(metadata);
        states_.attach(span, rows);
        whole_ = reinterpret_cast<std::uint32_t*>(rows + states_.row_count());
        std::fill_n(whole_, FrameStates::chunks_of(span), 0U);
        free_ = 0;
    }
    /// Absent frames become free. Calls f(block, order) for the largest aligned blocks among them.
    template <class F>
    void add(FrameRange region, F&& f) noexcept {
        states_.add(region);
        free_ += region.count;
        std::uint32_t at = region.count == 0 ? 0 : states_.index_of(region.first);
        for (std::uint32_t left = region.count; left != 0;) {
            const auto aligned = static_cast<unsigned>(std::countr_zero(at | max_order.frames()));
            const unsigned k = std::min(aligned, static_cast<unsigned>(std::bit_width(left)) - 1);
            note_whole(at, k);
            f(at, k);
            at += 1U << k;
            left -= 1U << k;
        }
    }

    [[nodiscard]] std::uint32_t row_count() const noexcept { return states_.row_count(); }
    [[nodiscard]] std::size_t free_frames() const noexcept { return free_; }
    [[nodiscard]] std::uint32_t free_row(FrameNumber frame) const noexcept {
        return states_.row(states_.index_of(frame) / row_bits).free();
    }

    /// The first free block of this order that starts in the rows [from, to), or `none`.
    [[nodiscard]] std::uint32_t find(unsigned order, std::uint32_t from,
                                     std::uint32_t to) const noexcept {
        if (order > max_order.value()) {
            return none;
        }
        if (order < row_order) {
            for (std::uint32_t row = from; row < to; ++row) {
                if (const std::uint32_t starts = run_starts(states_.row(row).free(), order)) {
                    return row * row_bits + lowest(starts);
                }
            }
            return none;
        }
        for (std::uint32_t row = from; row < to;
             row = (row / rows_per_chunk + 1) * rows_per_chunk) {
            const std::uint32_t starts =
                run_starts(whole_[row / rows_per_chunk], order - row_order) >> row % rows_per_chunk;
            if (starts != 0 && row + lowest(starts) < to) {
                return (row + lowest(starts)) * row_bits;
            }
        }
        return none;
    }
    /// A free block of this order in the row, or the one that starts with it, that is no half of
    /// a longer one: its buddy is taken, at least in part. Or `none`.
    [[nodiscard]] std::uint32_t find_maximal(unsigned order, std::uint32_t row) const noexcept {
        if (order < row_order) {
            const std::uint32_t starts = find_runs(states_.row(row).free(), order).single;
            return starts == 0 ? none : row * row_bits + lowest(starts);
        }
        const std::uint32_t starts =
            find_runs(whole_[row / rows_per_chunk], order - row_order).single;
        return (starts >> row % rows_per_chunk & 1U) == 0 ? none : row * row_bits;
    }
    [[nodiscard]] bool is_free(std::uint32_t block, unsigned order) const noexcept {
        const std::uint32_t row = block / row_bits;
        const std::uint32_t run = order < row_order
                                      ? run_mask(block % row_bits, order)
                                      : run_mask(row % rows_per_chunk, order - row_order);
        const std::uint32_t word =
            order < row_order ? states_.row(row).free() : whole_[row / rows_per_chunk];
        return (word & run) == run;
    }

    /// Free -> live. The block is free and aligned.
    FrameNumber take(std::uint32_t block, unsigned order) noexcept {
        states_.take(block, order);
        whole_[block / frames_per_chunk] &= ~rows_of(block, order);
        free_ -= 1U << order;
        return states_.frame(block);
    }
    /// Live -> free, after proving that exactly this block is live (F6). Returns where it lies.
    std::uint32_t give_back(FrameNumber first, unsigned order) noexcept {
        const std::uint32_t block = states_.index_of(first);
        states_.give_back(block, order);
        free_ += 1U << order;
        note_whole(block, order);
        return block;
    }

    /// The rows of a block, as bits in the word of its chunk.
    [[nodiscard]] static constexpr std::uint32_t rows_of(std::uint32_t block,
                                                         unsigned order) noexcept {
        return run_mask(block / row_bits % rows_per_chunk,
                        order > row_order ? order - row_order : 0);
    }

private:
    [[nodiscard]] static unsigned lowest(std::uint32_t word) noexcept {
        return static_cast<unsigned>(std::countr_zero(word));
    }
    /// The block is free now, and its row with it perhaps.
    void note_whole(std::uint32_t block, unsigned order) noexcept {
        if (states_.row(block / row_bits).free() == ~0U) {
            whole_[block / frames_per_chunk] |= rows_of(block, order);
        }
    }

    FrameStates states_;
    std::uint32_t* whole_ = nullptr;  ///< of each chunk: rows that are free as a whole
    std::size_t free_ = 0;
};

}  // namespace kidney::mm
