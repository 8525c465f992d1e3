/// The first 4 MiB chunk with a large enough free block: a tree of maxima.
///
/// Every node knows the highest level below it, so the leftmost chunk of at least some level is ten
/// steps down. Levels are one more than the order of a chunk's largest block; 0: none. Fixed size,
/// for 2^20 frames: all that 32-bit physical addresses can name.
#pragma once

#include "kidney/mm/frame_allocator.hpp"

#include <array>
#include <cstdint>

namespace kidney::mm {

class LevelTree {
public:
    static constexpr std::uint32_t chunks = (1U << 20) / max_order.frames();
    static constexpr std::uint32_t none = ~0U;

    void set(std::uint32_t chunk, unsigned level) noexcept {
        std::uint32_t node = chunks + chunk;
        highest_[node] = static_cast<std::uint8_t>(level);
        while (node > 1) {
            node /= 2;
            const std::uint8_t left = highest_[2 * node];
            const std::uint8_t right = highest_[2 * node + 1];
            const std::uint8_t highest = left > right ? left : right;
            if (highest_[node] == highest) {
                return;
            }
            highest_[node] = highest;
        }
    }
    [[nodiscard]] unsigned level(std::uint32_t chunk) const noexcept {
        return highest_[chunks + chunk];
    }
    /// The first chunk of at least `level`, or none.
    [[nodiscard]] std::uint32_t find(unsigned level) const noexcept {
        if (highest_[1] < level) {
            return none;
        }
        std::uint32_t node = 1;
        while (node < chunks) {
            node = 2 * node + (highest_[2 * node] < level ? 1 : 0);
        }
        return node - chunks;
    }

private:
    /// Node n has the children 2n and 2n + 1; the root is 1, the chunks are the last row.
    std::array<std::uint8_t, std::size_t{2} * chunks> highest_{};
};

}  // namespace kidney::mm
