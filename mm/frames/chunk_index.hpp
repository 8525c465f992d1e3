/// Sets of 4 MiB chunks, and which chunks have a largest free block of a given order.
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

/// A bitmap of two levels.
class ChunkSet {
public:
    [[nodiscard]] bool is_empty() const noexcept { return summary_ == 0; }
    /// The first chunk; there must be one.
    [[nodiscard]] std::uint32_t first() const noexcept {
        const auto word = static_cast<unsigned>(std::countr_zero(summary_));
        return word * row_bits + static_cast<unsigned>(std::countr_zero(chunks_[word]));
    }
    void insert(std::uint32_t chunk) noexcept {
        chunks_[chunk / row_bits] |= 1U << chunk % row_bits;
        summary_ |= 1U << chunk / row_bits;
    }
    /// No branch: what is left is anybody's guess.
    void erase(std::uint32_t chunk) noexcept {
        const std::uint32_t left = chunks_[chunk / row_bits] & ~(1U << chunk % row_bits);
        chunks_[chunk / row_bits] = left;
        summary_ &= ~((left == 0 ? 1U : 0U) << chunk / row_bits);
    }
    void put(std::uint32_t chunk, bool is_in) noexcept { is_in ? insert(chunk) : erase(chunk); }

private:
    static constexpr unsigned words = (1U << 20) / max_order.frames() / row_bits;
    static_assert(words <= row_bits);

    std::uint32_t summary_ = 0;  ///< bit w: chunks_[w] is not zero
    std::array<std::uint32_t, words> chunks_{};
};

/// Every chunk is in the set of its level: one more than the order of its largest block; 0: none.
class ChunkIndex {
public:
    static constexpr std::uint32_t none = ~0U;  ///< find(): no chunk

    /// The first chunk whose largest block is the smallest one of at least `order`; or `none`.
    [[nodiscard]] std::uint32_t find(unsigned order) const noexcept {
        const std::uint32_t fitting = levels_ >> (order + 1) << (order + 1);
        return fitting == 0 ? none
                            : of_level_[static_cast<unsigned>(std::countr_zero(fitting))].first();
    }
    /// Would find(order) answer `chunk`, if that had this level (of more than `order`)?
    [[nodiscard]] bool is_best(std::uint32_t chunk, unsigned level, unsigned order) const noexcept {
        const std::uint32_t fitting = levels_ >> (order + 1) << (order + 1);
        const auto best = static_cast<unsigned>(std::countr_zero(fitting));
        return level < best || (level == best && chunk <= of_level_[best].first());
    }
    void move(std::uint32_t chunk, unsigned from, unsigned to) noexcept {
        of_level_[from].erase(chunk);
        levels_ &= ~((of_level_[from].is_empty() ? 1U : 0U) << from);
        of_level_[to].insert(chunk);
        levels_ |= 1U << to;
    }

private:
    std::uint32_t levels_ = 0;  ///< bit l: of_level_[l] is not empty
    std::array<ChunkSet, max_order.value() + 2> of_level_{};
};

}  // namespace kidney::mm
