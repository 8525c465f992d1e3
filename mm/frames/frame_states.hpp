/// Two bits for every frame: enough to find free runs *and* to catch every wrong free (law F6).
///
/// | open | mark | the frame is                                            |
/// |------|------|---------------------------------------------------------|
/// |  1   |  0   | free                                                    |
/// |  0   |  1   | the first of a live block                               |
/// |  0   |  0   | a later one of a live block                             |
/// |  1   |  1   | absent: a hole in the memory map, or beyond its end     |
///
/// A block's order is not stored: it reaches up to the next frame that is not "a later one".
/// Bookkeeping only; which frames to take is the policy's business. Cost: O(1) for up to 32 frames,
/// then O(frames / 32).
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "mm/frames/aligned_runs.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

/// The states of 32 frames.
struct FrameRow {
    std::uint32_t open;
    std::uint32_t mark;
    [[nodiscard]] constexpr std::uint32_t free() const noexcept { return open & ~mark; }
};

inline constexpr unsigned rows_per_chunk = 1U << (max_order.value() - row_order);
inline constexpr std::uint32_t frames_per_chunk = max_order.frames();
static_assert(rows_per_chunk == row_bits,
              "a chunk's rows fill one word, so both levels fold alike");

class FrameStates {
public:
    /// Chunks (aligned groups of 2^max_order frames) that `span` touches.
    [[nodiscard]] static constexpr std::uint32_t chunks_of(FrameRange span) noexcept {
        return (span.end().value() + frames_per_chunk - 1) / frames_per_chunk -
               span.first.value() / frames_per_chunk;
    }

    /// Every frame is absent. `rows` has rows_per_chunk entries for each chunk of the span.
    void attach(FrameRange span, FrameRow* rows) noexcept {
        base_ = span.first.value() / frames_per_chunk * frames_per_chunk;
        row_count_ = chunks_of(span) * rows_per_chunk;
        rows_ = rows;
        for (std::uint32_t i = 0; i < row_count_; ++i) {
            rows_[i] = {~0U, ~0U};
        }
    }

    /// Absent frames of `region` become free.
    void add(FrameRange region) noexcept {
        std::uint32_t at = region.first.value() - base_;
        const std::uint32_t end = at + region.count;
        KIDNEY_INVARIANT(region.first.value() >= base_ && end <= row_count_ * row_bits,
                         "frames: region outside of the attached span");
        while (at < end) {
            const std::uint32_t bit = at % row_bits;
            const std::uint32_t count = std::min(row_bits - bit, end - at);
            const std::uint32_t mask = (~0U >> (row_bits - count)) << bit;
            FrameRow& r = rows_[at / row_bits];
            KIDNEY_INVARIANT((r.open & r.mark & mask) == mask, "frames: region added twice");
            r.mark &= ~mask;
            at += count;
        }
    }

    [[nodiscard]] std::uint32_t row_count() const noexcept { return row_count_; }
    [[nodiscard]] FrameRow& row(std::uint32_t index) noexcept { return rows_[index]; }
    [[nodiscard]] FrameNumber frame(std::uint32_t index) const noexcept {
        return FrameNumber(base_ + index);
    }
    /// Position of a frame in the rows; an invariant failure if it has none.
    [[nodiscard]] std::uint32_t index_of(FrameNumber f) const noexcept {
        const std::uint32_t index = f.value() - base_;
        KIDNEY_INVARIANT(index < row_count_ * row_bits, "frames: frame outside of the span");
        return index;
    }

    /// Free -> live. The block must be free and aligned.
    void take(std::uint32_t index, unsigned order) noexcept {
        FrameRow* r = &rows_[index / row_bits];
        if (order <= row_order) {
            r->open &= ~run_mask(index % row_bits, order);
        } else {
            for (std::uint32_t i = 0; i < 1U << (order - row_order); ++i) {
                r[i].open = 0;
            }
        }
        r->mark |= 1U << index % row_bits;
    }

    /// Live -> free, after proving that exactly this block is live (F6).
    void give_back(std::uint32_t index, unsigned order) noexcept {
        KIDNEY_INVARIANT(is_live(index, order), "frames: freed block is not live");
        FrameRow* r = &rows_[index / row_bits];
        r->mark &= ~(1U << index % row_bits);
        if (order <= row_order) {
            r->open |= run_mask(index % row_bits, order);
        } else {
            for (std::uint32_t i = 0; i < 1U << (order - row_order); ++i) {
                r[i].open = ~0U;
            }
        }
    }

    /// Is there a live block of exactly this place and size?
    [[nodiscard]] bool is_live(std::uint32_t index, unsigned order) const noexcept {
        const std::uint32_t bit = index % row_bits;
        if ((index & ((1U << order) - 1)) != 0) {
            return false;
        }
        const FrameRow* r = &rows_[index / row_bits];
        const std::uint32_t mask = run_mask(bit, std::min(order, row_order));
        if ((r->open & mask) != 0 || (r->mark & mask) != 1U << bit) {
            return false;
        }
        for (std::uint32_t i = 1; order > row_order && i < 1U << (order - row_order); ++i) {
            if ((r[i].open | r[i].mark) != 0) {
                return false;
            }
        }
        // A longer block may only start here if this start is aligned for it; then the next frame
        // would be one of its later ones.
        const std::uint32_t next = index + (1U << order);
        if ((index & (1U << order)) != 0 || order == max_order.value()) {
            return true;
        }
        const FrameRow& n = rows_[next / row_bits];
        return ((n.open | n.mark) >> next % row_bits & 1U) != 0;
    }

private:
    FrameRow* rows_ = nullptr;
    std::uint32_t row_count_ = 0;
    std::uint32_t base_ = 0;  ///< first frame of rows_[0]: multiple of frames_per_chunk
};

}  // namespace kidney::mm
