/// Which frames are in use, and how much of what is free lies in whole blocks of each order. A map
/// of the laboratory's own: it believes no allocator.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/mm/frame_allocator.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kidney::lab {

inline constexpr unsigned orders = mm::max_order.value() + 1;
using ByOrder = std::array<std::uint32_t, orders>;

/// Of a span that starts at frame 0, all of it in use at first. Cost of a change: O(orders + frames
/// of the block).
class FreeMap {
public:
    explicit FreeMap(std::uint32_t frames) {
        for (unsigned k = 0; k < orders; ++k) {
            used_[k].assign(frames >> k, 1U << k);
        }
    }

    void take(FrameNumber first, FrameOrder order) { change(first, order, true); }
    void give_back(FrameNumber first, FrameOrder order) { change(first, order, false); }
    void give_back(FrameRange range) {
        for (std::uint32_t i = 0; i < range.count; ++i) {
            give_back(range.first + i, FrameOrder(0));
        }
    }

    /// Is any frame of the block in use, or outside the span?
    [[nodiscard]] bool overlaps(FrameNumber first, FrameOrder order) const {
        const unsigned k = order.value();
        const std::uint32_t block = first.value() >> k;
        return block << k != first.value() || block >= used_[k].size() || used_[k][block] != 0;
    }

    [[nodiscard]] std::uint32_t frames() const {
        return static_cast<std::uint32_t>(used_[0].size());
    }
    [[nodiscard]] std::uint32_t free() const noexcept { return free_; }
    /// Free frames that lie in a free block of this order at a multiple of its size.
    [[nodiscard]] const ByOrder& whole() const noexcept { return whole_; }
    /// Frames in use of the `frames` from `first` on.
    [[nodiscard]] std::uint32_t used(std::uint32_t first, std::uint32_t frames) const {
        std::uint32_t sum = 0;
        for (std::uint32_t i = first; i < first + frames; ++i) {
            sum += used_[0][i];
        }
        return sum;
    }

private:
    void change(FrameNumber first, FrameOrder order, bool is_taken) {
        const auto moved = [&](std::uint32_t frames) { return is_taken ? frames : 0U - frames; };
        for (unsigned k = 0; k < orders; ++k) {
            // The smaller blocks that it consists of; then the larger ones that it is a part of.
            const std::uint32_t from = first.value() >> k;
            const std::uint32_t blocks = k < order.value() ? order.frames() >> k : 1;
            const std::uint32_t frames = std::min(1U << k, order.frames());
            for (std::uint32_t i = from; i < from + blocks && i < used_[k].size(); ++i) {
                const bool was_free = used_[k][i] == 0;
                used_[k][i] += moved(frames);
                if (was_free != (used_[k][i] == 0)) {
                    whole_[k] -= moved(1U << k);
                }
            }
        }
        free_ -= moved(order.frames());
    }

    std::array<std::vector<std::uint32_t>, orders> used_;  ///< frames in use, by order and block
    ByOrder whole_{};
    std::uint32_t free_ = 0;
};

}  // namespace kidney::lab
