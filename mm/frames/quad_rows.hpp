/// The state of every frame, exact enough to catch every wrong free (law F6), in 1.25 bits each.
///
/// A bitmap tells free frames from taken ones. It cannot tell a single frame from the middle of a
/// block, and a second bit for each frame, as in frame_row.hpp, says more than there is to say:
/// four frames, a *quad*, can be 16 combinations of free and single frames, and only 12 other
/// things. So one bit for each quad says that its four bits are a code and not frames:
///
///   0x0  two live pairs
///   0x1  the first quad of a block of order 2; 0x2: of 3; 0x3: of 4; 0xC: of at least a row
///   0x4  one live pair, the first; the low two bits are the second two frames: 1 is free, as ever
///   0x8  the second; the low two bits are the first two frames
///   0xD  a later quad of a block
///   0xE  absent: a hole in the memory map
///
/// None of them is 0xF: four free frames look like it in the word itself.
/// Where only single frames live, which is nearly everywhere, no quad is coded and a row of 32
/// frames is one plain word. (No code could do with less than 1.18 bits: N(0) = 2 states of a
/// frame, N(k + 1) = N(k)^2 + 1 of twice as many, 38 bits for 32.) A hole that ends inside of a
/// quad leaves frames that look taken; `ragged` remembers the rows with such ends. Cost: O(1) for
/// up to 32 frames, then O(frames / 32).
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "mm/frames/aligned_runs.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

/// The frames that are missing in rows that are not missing as a whole.
class RaggedRows {
public:
    struct Row {
        std::uint32_t row;
        std::uint32_t absent;
    };
    /// Any map of up to 8192 frames; in larger ones so many ends that do not lie between rows.
    [[nodiscard]] static constexpr std::uint32_t capacity_for(std::uint32_t rows) noexcept {
        return std::min(rows, 256U);
    }
    void attach(Row* rows, std::uint32_t capacity) noexcept {
        rows_ = rows;
        capacity_ = capacity;
        count_ = 0;
    }
    [[nodiscard]] std::uint32_t absent(std::uint32_t row) const noexcept {
        const Row* const at = find(row);
        return at != rows_ + count_ && at->row == row ? at->absent : 0;
    }
    void set(std::uint32_t row, std::uint32_t absent) noexcept {
        Row* const at = find(row);
        Row* const end = rows_ + count_;
        if (at != end && at->row == row) {
            at->absent = absent;
            if (absent == 0) {
                std::move(at + 1, end, at);
                --count_;
            }
        } else if (absent != 0) {
            KIDNEY_INVARIANT(count_ < capacity_, "frames: memory in too many ragged pieces");
            std::move_backward(at, end, end + 1);
            *at = {row, absent};
            ++count_;
        }
    }

private:
    [[nodiscard]] Row* find(std::uint32_t row) const noexcept {
        return std::lower_bound(rows_, rows_ + count_, row,
                                [](const Row& r, std::uint32_t wanted) { return r.row < wanted; });
    }
    Row* rows_ = nullptr;  ///< sorted
    std::uint32_t capacity_ = 0;
    std::uint32_t count_ = 0;
};

class QuadRows {
public:
    [[nodiscard]] static constexpr std::size_t metadata_bytes(std::uint32_t rows) noexcept {
        return RaggedRows::capacity_for(rows) * sizeof(RaggedRows::Row) +
               rows * (sizeof(std::uint32_t) + sizeof(std::uint8_t));
    }
    /// Every frame is absent.
    void attach(std::uint32_t rows, std::byte* metadata) noexcept {
        auto* const ragged = reinterpret_cast<RaggedRows::Row*>(metadata);
        ragged_.attach(ragged, RaggedRows::capacity_for(rows));
        words_ = reinterpret_cast<std::uint32_t*>(ragged + RaggedRows::capacity_for(rows));
        coded_ = reinterpret_cast<std::uint8_t*>(words_ + rows);
        std::fill_n(words_, rows, absent_row);
        std::fill_n(coded_, rows, all_coded);
    }
    /// Absent frames of a row become free. Returns whether frames of it are still missing.
    bool add(std::uint32_t row, std::uint32_t frames) noexcept {
        const bool is_new = words_[row] == absent_row && coded_[row] == all_coded;
        const std::uint32_t absent = is_new ? ~0U : ragged_.absent(row);
        KIDNEY_INVARIANT((absent & frames) == frames, "frames: region added twice");
        if (is_new) {
            words_[row] = 0;
            coded_[row] = 0;
        }
        for (std::uint32_t left = frames; left != 0; left &= left - 1) {
            words_[row] |= 1U << place(row, static_cast<unsigned>(std::countr_zero(left)));
        }
        ragged_.set(row, absent & ~frames);
        return absent != frames;
    }

    /// The free frames of a row.
    [[nodiscard]] std::uint32_t free(std::uint32_t row) const noexcept {
        return coded_[row] == 0 ? words_[row] : decoded(words_[row], coded_[row]);
    }

    [[nodiscard]] bool is_whole(std::uint32_t row) const noexcept { return words_[row] == ~0U; }

    /// Which rows of the region that starts with this one have a free block of this order, up to a
    /// row, as bits. All are looked at: that takes no branches, which rows mispredict.
    [[nodiscard]] std::uint32_t rows_with(std::uint32_t row, unsigned order) const noexcept {
        switch (order) {
            case 1:
                return rows_with_run<1>(row);
            case 2:
                return rows_with_run<2>(row);
            case 3:
                return rows_with_run<3>(row);
            case 4:
                return rows_with_run<4>(row);
            default:
                return rows_with_run<row_order>(row);
        }
    }
    /// Order of the largest free block of the region that starts with this row.
    [[nodiscard]] unsigned largest_in(std::uint32_t row) const noexcept {
        std::uint32_t quads = 0;
        std::uint32_t eights = 0;
        std::uint32_t halves = 0;
        for (std::uint32_t i = 0; i < rows_per_region; ++i) {
            const std::uint32_t of_two = run_starts(words_[row + i], 2);
            const std::uint32_t of_three = join_runs(of_two, 2);
            quads |= of_two;
            eights |= of_three;
            halves |= join_runs(of_three, 3);
        }
        if (const std::uint32_t whole = rows_with_run<row_order>(row); whole != 0) {
            return row_order + longest_run(whole);
        }
        return quads == 0 ? (rows_with_run<1>(row) != 0 ? 1 : 0)
                          : 2 + (eights != 0 ? 1 : 0) + (halves != 0 ? 1 : 0);
    }
    /// How many frames from this one on are free, or are not; no more than `most`.
    [[nodiscard]] std::uint32_t run(std::uint32_t index, bool is_free,
                                    std::uint32_t most) const noexcept {
        std::uint32_t length = 0;
        while (length < most) {
            const unsigned bit = (index + length) % row_bits;
            const std::uint32_t row = free((index + length) / row_bits);
            const auto here =
                static_cast<unsigned>(std::countr_zero((is_free ? ~row : row) >> bit));
            length += std::min(here, row_bits - bit);
            if (here < row_bits - bit) {
                break;
            }
        }
        return std::min(length, most);
    }

    /// Free -> live: each of these frames of a row by itself.
    void take_singles(std::uint32_t row, std::uint32_t frames) noexcept {
        if (coded_[row] == 0) {
            words_[row] &= ~frames;
            return;
        }
        for (; frames != 0; frames &= frames - 1) {
            words_[row] &= ~(1U << place(row, static_cast<unsigned>(std::countr_zero(frames))));
        }
    }
    /// Free -> live: a block, which is free.
    void take(std::uint32_t index, unsigned order) noexcept {
        const std::uint32_t row = index / row_bits;
        const unsigned bit = index % row_bits;
        if (order == 0) {
            words_[row] &= ~(1U << place(row, bit));
        } else if (order == 1) {
            take_pair(row, bit);
        } else {
            const std::uint32_t frames = run_mask(bit, std::min(order, row_order));
            words_[row] = (words_[row] & ~frames) | block_code(bit, order);
            coded_[row] |= quads(bit, order);
            for (std::uint32_t i = 1; i < rows_of(order); ++i) {
                words_[row + i] = later_row;
                coded_[row + i] = all_coded;
            }
        }
    }

    /// Live -> free: a block of which is_live() is true.
    void give_back(std::uint32_t index, unsigned order) noexcept {
        const std::uint32_t row = index / row_bits;
        const unsigned bit = index % row_bits;
        if (order == 0) {
            words_[row] |= 1U << place(row, bit);
        } else if (order == 1) {
            give_back_pair(row, bit);
        } else {
            words_[row] |= run_mask(bit, std::min(order, row_order));
            coded_[row] &= static_cast<std::uint8_t>(~quads(bit, order));
            for (std::uint32_t i = 1; i < rows_of(order); ++i) {
                words_[row + i] = ~0U;
                coded_[row + i] = 0;
            }
        }
    }
    /// Live -> free: each of these frames of a row by itself, after looking whether it is live.
    void give_back_singles(std::uint32_t row, std::uint32_t frames, bool is_ragged) noexcept {
        if (coded_[row] == 0 && !is_ragged) [[likely]] {
            KIDNEY_INVARIANT((words_[row] & frames) == 0, "frames: freed block is not live");
            words_[row] |= frames;
            return;
        }
        for (; frames != 0; frames &= frames - 1) {
            const std::uint32_t index =
                row * row_bits + static_cast<unsigned>(std::countr_zero(frames));
            KIDNEY_INVARIANT(is_live(index, 0, is_ragged), "frames: freed block is not live");
            give_back(index, 0);
        }
    }
    /// Is there a live block of exactly this place and order? `is_ragged`: frames may be missing in
    /// its row (add() said so).
    [[nodiscard]] bool is_live(std::uint32_t index, unsigned order, bool is_ragged) const noexcept {
        const std::uint32_t row = index / row_bits;
        const unsigned bit = index % row_bits;
        if (order == 0) {
            if (is_ragged && (ragged_.absent(row) >> bit & 1U) != 0) [[unlikely]] {
                return false;
            }
            return (words_[row] >> place(row, bit) & 1U) == 0 &&
                   (!is_coded(row, bit) || pair_beside(bit) == (quad(row, bit) & ~3U));
        }
        if (order == 1) {
            const std::uint32_t code = quad(row, bit);
            return (bit & 1) == 0 && is_coded(row, bit) &&
                   (code == two_pairs || (code & ~3U) == pair_at(bit));
        }
        return is_live_block(index, order);
    }

private:
    static constexpr std::uint8_t all_coded = 0xFF;
    static constexpr std::uint32_t absent_row = 0xEEEE'EEEE;
    static constexpr std::uint32_t later_row = 0xDDDD'DDDD;
    static constexpr std::uint32_t first_pair = 0x4;
    static constexpr std::uint32_t second_pair = 0x8;
    static constexpr std::uint32_t two_pairs = 0;
    static constexpr std::uint32_t row_or_more = 0xC;

    [[nodiscard]] static constexpr std::uint32_t rows_of(unsigned order) noexcept {
        return order <= row_order ? 1 : 1U << (order - row_order);
    }
    /// The quads of a block in its first row.
    [[nodiscard]] static constexpr std::uint8_t quads(unsigned bit, unsigned order) noexcept {
        return static_cast<std::uint8_t>(
            run_mask(bit / 4, std::max(std::min(order, row_order), 2U) - 2));
    }
    /// What the first row of a block of order 2 or more looks like.
    [[nodiscard]] static constexpr std::uint32_t block_code(unsigned bit, unsigned order) noexcept {
        const std::uint32_t first = order < row_order ? order - 1 : row_or_more;
        return ((later_row & ~0xFU) | first) << bit & run_mask(bit, std::min(order, row_order));
    }
    [[nodiscard]] static constexpr std::uint32_t decoded(std::uint32_t word,
                                                         std::uint32_t coded) noexcept {
        // One bit for each quad, in the lowest of its four.
        coded = (coded | coded << 12) & 0x000F'000F;
        coded = (coded | coded << 6) & 0x0303'0303;
        coded = (coded | coded << 3) & 0x1111'1111;
        const std::uint32_t pair = (word >> 3 ^ word >> 2) & coded;
        const std::uint32_t second = word >> 3 & pair;
        return (word & ~(coded * 15)) | (word & second * 3) | (word & (pair ^ second) * 3) << 2;
    }

    template <unsigned Order>
    [[nodiscard]] std::uint32_t rows_with_run(std::uint32_t row) const noexcept {
        std::uint32_t rows = 0;
        for (std::uint32_t i = 0; i < rows_per_region; ++i) {
            // No code is four ones: what is longer than a pair shows in the word as it is.
            const std::uint32_t word =
                Order < 2 ? decoded(words_[row + i], coded_[row + i]) : words_[row + i];
            rows |= (run_starts(word, Order) != 0 ? 1U : 0U) << i;
        }
        return rows;
    }

    [[nodiscard]] bool is_coded(std::uint32_t row, unsigned bit) const noexcept {
        return (coded_[row] >> bit / 4 & 1U) != 0;
    }
    /// The bit that says whether a frame is free: its own, or the lower two of a coded quad.
    [[nodiscard]] unsigned place(std::uint32_t row, unsigned bit) const noexcept {
        return bit & ~((coded_[row] >> bit / 4 & 1U) << 1);
    }
    [[nodiscard]] std::uint32_t quad(std::uint32_t row, unsigned bit) const noexcept {
        return words_[row] >> (bit & ~3U) & 15;
    }
    void set_quad(std::uint32_t row, unsigned bit, std::uint32_t value, bool is_code) noexcept {
        words_[row] = (words_[row] & ~(15U << (bit & ~3U))) | value << (bit & ~3U);
        const auto mask = static_cast<std::uint8_t>(1U << bit / 4);
        coded_[row] = static_cast<std::uint8_t>((coded_[row] & ~mask) | (is_code ? mask : 0));
    }

    /// The code of a quad in which the pair with this frame, or the other one, is a live block, but
    /// for the two single frames.
    [[nodiscard]] static constexpr std::uint32_t pair_at(unsigned bit) noexcept {
        return (bit & 2) != 0 ? second_pair : first_pair;
    }
    [[nodiscard]] static constexpr std::uint32_t pair_beside(unsigned bit) noexcept {
        return pair_at(bit ^ 2);
    }
    void take_pair(std::uint32_t row, unsigned bit) noexcept {
        if (is_coded(row, bit)) {
            set_quad(row, bit, two_pairs, true);
        } else {
            set_quad(row, bit, pair_at(bit) | (quad(row, bit) >> (2 - (bit & 2)) & 3), true);
        }
    }
    void give_back_pair(std::uint32_t row, unsigned bit) noexcept {
        const std::uint32_t code = quad(row, bit);
        if (code == two_pairs) {
            set_quad(row, bit, pair_beside(bit) | 3, true);
        } else {
            set_quad(row, bit, 3U << (bit & 2) | (code & 3) << (2 - (bit & 2)), false);
        }
    }
    [[nodiscard]] bool is_live_block(std::uint32_t index, unsigned order) const noexcept {
        const std::uint32_t row = index / row_bits;
        const unsigned bit = index % row_bits;
        if (order > max_order.value() || (index & ((1U << order) - 1)) != 0 ||
            (words_[row] & run_mask(bit, std::min(order, row_order))) != block_code(bit, order) ||
            (coded_[row] & quads(bit, order)) != quads(bit, order)) {
            return false;
        }
        for (std::uint32_t i = 1; i < rows_of(order); ++i) {
            if (!is_later(row + i)) {
                return false;
            }
        }
        // A longer one goes on in the next row, which exists if this one is aligned for it.
        return order < row_order || order == max_order.value() || (index & (1U << order)) != 0 ||
               !is_later(row + rows_of(order));
    }
    [[nodiscard]] bool is_later(std::uint32_t row) const noexcept {
        return words_[row] == later_row && coded_[row] == all_coded;
    }
    std::uint32_t* words_ = nullptr;  ///< of each row: its frames, 1 is free, or codes
    std::uint8_t* coded_ = nullptr;   ///< of each row: the quads that are codes
    RaggedRows ragged_;
};

}  // namespace kidney::mm
