/// Sets of rows (32 frames each) that know their first member: three levels of bits.
///
/// A bit of an upper level says that the word below it is not empty, so whatever the size of
/// memory, the first member is found in three steps. A word of the lowest level is a chunk (4 MiB).
/// Covers 2^20 frames, all that 32-bit physical addresses can name. Cost: O(1). Memory, from the
/// caller: one bit for each row.
#pragma once

#include "mm/frames/frame_states.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

class RowSet {
public:
    static constexpr std::uint32_t none = ~0U;

    /// Makes the set empty. `chunks`: a word for each chunk.
    void attach(std::uint32_t* chunks, std::uint32_t count) noexcept {
        chunks_ = chunks;
        std::fill_n(chunks_, count, 0U);
        middle_ = {};
        top_ = 0;
    }
    /// The first member, or `none`.
    [[nodiscard]] std::uint32_t first() const noexcept {
        if (top_ == 0) {
            return none;
        }
        std::uint32_t at = static_cast<unsigned>(std::countr_zero(top_));
        at = at * row_bits + static_cast<unsigned>(std::countr_zero(middle_[at]));
        return at * row_bits + static_cast<unsigned>(std::countr_zero(chunks_[at]));
    }
    void insert(std::uint32_t row) noexcept { insert(row / row_bits, 1U << row % row_bits); }
    /// Those rows of a chunk.
    void insert(std::uint32_t chunk, std::uint32_t rows) noexcept {
        if ((rows & ~chunks_[chunk]) != 0) {
            chunks_[chunk] |= rows;
            middle_[chunk / row_bits] |= 1U << chunk % row_bits;
            top_ |= 1U << chunk / row_bits;
        }
    }
    void erase(std::uint32_t row) noexcept { erase(row / row_bits, 1U << row % row_bits); }
    void erase(std::uint32_t chunk, std::uint32_t rows) noexcept {
        chunks_[chunk] &= ~rows;
        if (chunks_[chunk] != 0) {
            return;
        }
        middle_[chunk / row_bits] &= ~(1U << chunk % row_bits);
        if (middle_[chunk / row_bits] == 0) {
            top_ &= ~(1U << chunk / row_bits);
        }
    }

private:
    static constexpr std::uint32_t max_chunks = (1U << 20) / frames_per_chunk;
    static_assert(max_chunks <= row_bits * row_bits);

    std::uint32_t top_ = 0;                                      ///< words of middle_
    std::array<std::uint32_t, max_chunks / row_bits> middle_{};  ///< chunks
    std::uint32_t* chunks_ = nullptr;                            ///< rows
};

/// A set for each order of block.
class RowSets {
public:
    [[nodiscard]] static constexpr std::size_t metadata_bytes(FrameRange span) noexcept {
        return std::size_t{orders} * FrameStates::chunks_of(span) * sizeof(std::uint32_t);
    }
    /// Makes all of them empty.
    void attach(FrameRange span, std::byte* metadata) noexcept {
        const std::uint32_t chunks = FrameStates::chunks_of(span);
        auto* words = reinterpret_cast<std::uint32_t*>(metadata);
        for (RowSet& set : sets_) {
            set.attach(words, chunks);
            words += chunks;
        }
    }
    [[nodiscard]] RowSet& operator[](unsigned order) noexcept { return sets_[order]; }

private:
    static constexpr unsigned orders = max_order.value() + 1;

    std::array<RowSet, orders> sets_{};
};

}  // namespace kidney::mm
