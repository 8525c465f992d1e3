/// What free memory is made of: how much of it lies in whole blocks of each order. From the rows of
/// a policy that tells them (`FreeRows`), or of any map of frames.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "mm/frames/aligned_runs.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

/// Counts aligned groups of 2^max_order frames; no block reaches beyond one.
class FreeBlocks {
public:
    static constexpr std::uint32_t group_frames = max_order.frames();
    using Rows = std::array<std::uint32_t, group_frames / row_bits>;  ///< a bit a frame, 1 is free

    /// Cost: O(frames of a group / 32).
    void add(const Rows& rows) noexcept {
        std::uint32_t whole = 0;  // rows that are free from end to end
        for (std::size_t i = 0; i < rows.size(); ++i) {
            for (unsigned k = 0; k < row_order; ++k) {
                frames_[k] += blocks(rows[i], k) << k;
            }
            whole |= rows[i] == ~0U ? 1U << i : 0U;
        }
        for (unsigned k = row_order; k <= max_order.value(); ++k) {
            frames_[k] += blocks(whole, k - row_order) << k;
        }
    }
    /// All of a span of a policy, at one moment if nobody else is inside.
    template <FreeRows A>
    void add(const A& frames, FrameRange span) noexcept {
        const auto next_group = [](std::uint32_t frame) {
            return frame / group_frames * group_frames + group_frames;
        };
        for (std::uint32_t at = span.first.value(); at < span.end().value(); at = next_group(at)) {
            const std::uint32_t group = at / group_frames * group_frames;
            const std::uint32_t end = std::min(next_group(at), span.end().value());
            Rows rows{};
            for (std::uint32_t row = at / row_bits * row_bits; row < end; row += row_bits) {
                rows[(row - group) / row_bits] = frames.free_row(FrameNumber(row));
            }
            add(rows);
        }
    }

    /// Free frames that lie in a free block of this order at a multiple of its size.
    [[nodiscard]] std::uint32_t frames(FrameOrder order) const noexcept {
        return frames_[order.value()];
    }
    /// Permille of what is free that is of no use to who wants a block of this order: 0 if all is
    /// whole, 1000 if there is none. (Gorman and Whitcroft call it the unusable free space index.)
    [[nodiscard]] std::uint32_t unusable(FrameOrder order) const noexcept {
        const std::uint64_t free = frames_[0];
        return free == 0 ? 0 : static_cast<std::uint32_t>(1000 * (free - frames(order)) / free);
    }

private:
    [[nodiscard]] static std::uint32_t blocks(std::uint32_t word, unsigned order) noexcept {
        return static_cast<std::uint32_t>(std::popcount(run_starts(word, order)));
    }
    std::array<std::uint32_t, max_order.value() + 1> frames_{};
};

}  // namespace kidney::mm
