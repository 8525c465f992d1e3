/// The states of all frames of a span, two bits each (frame_row.hpp), for blocks of any order.
///
/// Bookkeeping only; which frames to take is the policy's business. Cost: O(1) for up to 32 frames,
/// then O(frames / 32).
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "mm/frames/frame_row.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

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
            rows_[at / row_bits].add(mask);
            at += count;
        }
    }

    [[nodiscard]] std::uint32_t row_count() const noexcept { return row_count_; }
    [[nodiscard]] FrameRow& row(std::uint32_t index) const noexcept { return rows_[index]; }
    [[nodiscard]] FrameNumber frame(std::uint32_t index) const noexcept {
        return FrameNumber(base_ + index);
    }
    /// Position of a frame in the rows; an invariant failure if it has none.
    [[nodiscard]] std::uint32_t index_of(FrameNumber f) const noexcept {
        const std::uint32_t index = f.value() - base_;
        KIDNEY_INVARIANT(index < row_count_ * row_bits, "frames: frame outside of the span");
        return index;
    }

    /// Free -> live. The block is free and aligned.
    void take(std::uint32_t index, unsigned order) noexcept {
        FrameRow* const r = &rows_[index / row_bits];
        r->take(index % row_bits, std::min(order, row_order));
        for (std::uint32_t i = 1; i < rows_of(order); ++i) {
            r[i] = later_row;
        }
    }

    /// Live -> free, after proving that exactly this block is live (F6).
    void give_back(std::uint32_t index, unsigned order) noexcept {
        KIDNEY_INVARIANT(order <= row_order || is_live(index, order),
                         "frames: freed block is not live");
        if (order >= row_order) {
            KIDNEY_INVARIANT(!continues(index, order), "frames: freed block is not live");
        }
        FrameRow* const r = &rows_[index / row_bits];
        r->give_back(index % row_bits, std::min(order, row_order));
        for (std::uint32_t i = 1; i < rows_of(order); ++i) {
            r[i] = {~0U, 0};
        }
    }

private:
    static constexpr FrameRow later_row{0, 0};
    [[nodiscard]] static constexpr std::uint32_t rows_of(unsigned order) noexcept {
        return order <= row_order ? 1 : 1U << (order - row_order);
    }
    /// Of a block longer than a row: is it live, as far as its own rows tell?
    [[nodiscard]] bool is_live(std::uint32_t index, unsigned order) const noexcept {
        if (order > max_order.value() || (index & ((1U << order) - 1)) != 0) {
            return false;
        }
        const FrameRow* const r = &rows_[index / row_bits];
        for (std::uint32_t i = 1; i < rows_of(order); ++i) {
            if ((r[i].open | r[i].mark) != 0) {
                return false;
            }
        }
        return true;
    }
    /// Does a block of at least a row go on behind its alleged end?
    [[nodiscard]] bool continues(std::uint32_t index, unsigned order) const noexcept {
        // Only if its start is aligned for a longer one; then the next row exists.
        if ((index & (1U << order)) != 0 || order == max_order.value()) {
            return false;
        }
        const FrameRow& next = rows_[(index + (1U << order)) / row_bits];
        return (next.open | next.mark) == 0;
    }

    FrameRow* rows_ = nullptr;
    std::uint32_t row_count_ = 0;
    std::uint32_t base_ = 0;  ///< first frame of rows_[0]: multiple of frames_per_chunk
};

}  // namespace kidney::mm
