/// Sets of 2 MiB regions (512 frames): which of them have a property, in order of address, and a
/// family of such sets that knows which are not empty.
///
/// Fixed size, for 2^20 frames: all that 32-bit physical addresses can name. Every operation is
/// O(1).
#pragma once

#include "mm/frames/aligned_runs.hpp"

#include <array>
#include <bit>
#include <cstdint>

namespace kidney::mm {

/// A bitmap of two levels.
class RegionSet {
public:
    static constexpr std::uint32_t words = (1U << 20) / region_frames / row_bits;

    [[nodiscard]] bool is_empty() const noexcept { return (summary_[0] | summary_[1]) == 0; }
    /// The lowest region; there must be one.
    [[nodiscard]] std::uint32_t first() const noexcept {
        const std::uint32_t upper = summary_[0] == 0 ? 1 : 0;
        const std::uint32_t word =
            upper * row_bits + static_cast<unsigned>(std::countr_zero(summary_[upper]));
        return word * row_bits + static_cast<unsigned>(std::countr_zero(words_[word]));
    }
    [[nodiscard]] std::uint32_t word(std::uint32_t index) const noexcept { return words_[index]; }
    void insert(std::uint32_t region) noexcept {
        const std::uint32_t word = region / row_bits;
        words_[word] |= 1U << region % row_bits;
        summary_[word / row_bits] |= 1U << word % row_bits;
    }
    /// No branch: what is left is anybody's guess.
    void erase(std::uint32_t region) noexcept {
        const std::uint32_t word = region / row_bits;
        const std::uint32_t left = words_[word] & ~(1U << region % row_bits);
        words_[word] = left;
        summary_[word / row_bits] &= ~((left == 0 ? 1U : 0U) << word % row_bits);
    }

private:
    static_assert(words == 2 * row_bits);
    std::array<std::uint32_t, 2> summary_{};  ///< bit w: words_[w] is not zero
    std::array<std::uint32_t, words> words_{};
};

/// Sets 1 to Last; a region is in at most one of them. Set 0 is that of the others, and not kept.
template <unsigned Last>
class RegionSets {
public:
    /// Those from `set` on that are not empty, as bits.
    [[nodiscard]] std::uint32_t filled_from(unsigned set) const noexcept {
        return filled_ >> set << set;
    }
    [[nodiscard]] const RegionSet& operator[](unsigned set) const noexcept {
        return sets_[set - 1];
    }
    void move(std::uint32_t region, unsigned from, unsigned to) noexcept {
        if (from != 0) {
            sets_[from - 1].erase(region);
            filled_ &= ~((sets_[from - 1].is_empty() ? 1U : 0U) << from);
        }
        if (to != 0) {
            sets_[to - 1].insert(region);
            filled_ |= 1U << to;
        }
    }

private:
    std::uint32_t filled_ = 0;
    std::array<RegionSet, Last> sets_{};
};

}  // namespace kidney::mm
