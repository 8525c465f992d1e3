/// Aligned runs of ones in a 32-bit word: the arithmetic under the bitmap allocators.
///
/// Bit i says "unit i is free". A buddy block of 2^k units is a run of 2^k ones that starts at a
/// multiple of 2^k, so freed buddies merge by themselves: no lists, no merge cascade. The same
/// functions serve frames in a row (one bit per frame) and rows in a chunk (one bit per free row).
#pragma once

#include <bit>
#include <cstdint>

namespace kidney::mm {

inline constexpr unsigned row_order = 5;  ///< 2^5 bits in a word
inline constexpr unsigned row_bits = 1U << row_order;
inline constexpr unsigned region_order = 9;  ///< 2^9 frames, 2 MiB: what some policies count by
inline constexpr std::uint32_t region_frames = 1U << region_order;
inline constexpr std::uint32_t rows_per_region = region_frames / row_bits;

/// From the starts of aligned runs of 2^order ones to those of 2^(order + 1).
[[nodiscard]] constexpr std::uint32_t join_runs(std::uint32_t starts, unsigned order) noexcept {
    constexpr std::uint32_t aligned[] = {0x5555'5555, 0x1111'1111, 0x0101'0101, 0x0001'0001, 1};
    return starts & starts >> (1U << order) & aligned[order];
}

/// Bits at which an aligned run of 2^order ones starts.
[[nodiscard]] constexpr std::uint32_t run_starts(std::uint32_t word, unsigned order) noexcept {
    for (unsigned k = 0; k < order; ++k) {
        word = join_runs(word, k);
    }
    return word;
}

/// Order of the longest aligned run, 0 if there is none. No branches: words are random, and
/// a mispredicted branch costs more than all five steps.
[[nodiscard]] constexpr unsigned longest_run(std::uint32_t word) noexcept {
    unsigned order = 0;
    for (unsigned k = 0; k < row_order; ++k) {
        word = join_runs(word, k);
        order += word != 0 ? 1 : 0;
    }
    return order;
}

/// 0 for a word without ones, else one more than the order of its longest aligned run.
[[nodiscard]] constexpr unsigned run_level(std::uint32_t word) noexcept {
    return (word != 0 ? 1U : 0U) + longest_run(word);
}

/// A mask of 2^order ones from bit `first`.
[[nodiscard]] constexpr std::uint32_t run_mask(unsigned first, unsigned order) noexcept {
    constexpr std::uint32_t ones[] = {0x1, 0x3, 0xF, 0xFF, 0xFFFF, 0xFFFF'FFFF};
    return ones[order] << first;
}

/// Where aligned runs of 2^order ones start.
struct RunStarts {
    std::uint32_t all;     ///< halves of longer runs, too
    std::uint32_t single;  ///< those whose buddy is not free
};
/// All orders are computed, because a loop up to `order` mispredicts.
[[nodiscard]] constexpr RunStarts find_runs(std::uint32_t word, unsigned order) noexcept {
    std::uint32_t starts[row_order + 2] = {word};
    for (unsigned k = 0; k < row_order; ++k) {
        starts[k + 1] = join_runs(starts[k], k);
    }
    starts[row_order + 1] = 0;
    const std::uint32_t longer = starts[order + 1];
    // A shift by a whole word is undefined; no run is longer than one, so `longer` is 0 there.
    const std::uint32_t second_halves = longer << (1U << order) % row_bits;
    return {starts[order], starts[order] & ~(longer | second_halves)};
}

/// Start of an aligned run of 2^order ones: rather one whose buddy is taken than half of a longer
/// run. There must be one.
[[nodiscard]] constexpr unsigned best_run(std::uint32_t word, unsigned order) noexcept {
    const auto [all, single] = find_runs(word, order);
    return static_cast<unsigned>(std::countr_zero(single != 0 ? single : all));
}

static_assert(run_starts(0b1111'0110, 1) == 0b0101'0000);
static_assert(longest_run(0b1111'0110) == 2 && longest_run(~0U) == 5 && longest_run(2) == 0);
static_assert(best_run(0b1111'0100, 0) == 2 && best_run(0b1111'0000, 0) == 4);

}  // namespace kidney::mm
