/// Which 4 MiB chunks have a largest free block of a given order: a two-level bitmap per order.
///
/// Fixed size, for 2^20 frames: all that 32-bit physical addresses can name. Every operation is
/// O(1).
#pragma once

#include "kidney/mm/frame_allocator.hpp"
#include "mm/frames/aligned_runs.hpp"

#include <array>
#include <bit>
#include <cstdint>

namespace kidney::mm {

class ChunkIndex {
public:
    static constexpr unsigned none = ~0U;  ///< find(): no chunk

    /// The first chunk whose largest block is the smallest one of at least `order`; or `none`.
    [[nodiscard]] unsigned find(unsigned order) const noexcept {
        const std::uint32_t fitting = orders_ >> order << order;
        if (fitting == 0) {
            return none;
        }
        const Level& level = levels_[static_cast<unsigned>(std::countr_zero(fitting))];
        const auto word = static_cast<unsigned>(std::countr_zero(level.summary));
        return word * row_bits + static_cast<unsigned>(std::countr_zero(level.chunks[word]));
    }

    /// Levels are one more than an order; 0: the chunk has no block.
    void move(std::uint32_t chunk, unsigned from, unsigned to) noexcept {
        const std::uint32_t word = chunk / row_bits;
        const std::uint32_t bit = 1U << chunk % row_bits;
        if (from != 0) {
            Level& level = levels_[from - 1];
            if ((level.chunks[word] &= ~bit) == 0 && (level.summary &= ~(1U << word)) == 0) {
                orders_ &= ~(1U << (from - 1));
            }
        }
        if (to != 0) {
            levels_[to - 1].chunks[word] |= bit;
            levels_[to - 1].summary |= 1U << word;
            orders_ |= 1U << (to - 1);
        }
    }

private:
    struct Level {
        std::uint32_t summary = 0;  ///< bit w: chunks[w] is not zero
        std::array<std::uint32_t, (1U << 20) / max_order.frames() / row_bits> chunks{};
    };
    std::uint32_t orders_ = 0;  ///< bit k: levels_[k] has a chunk
    std::array<Level, max_order.value() + 1> levels_{};
};

}  // namespace kidney::mm
