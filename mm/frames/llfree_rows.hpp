/// The lower level of LLFree: which frames are free, in rows of 32, and taking them from each
/// other.
///
/// Who clears a bit by one atomic operation has the frame. Cost: O(1) for up to 32 frames of a
/// given row, else as many rows as a region has. Memory: 2 bits per frame.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/hal/cpu.hpp"
#include "mm/frames/aligned_runs.hpp"
#include "mm/frames/llfree_regions.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

namespace kidney::mm {

/// Concurrency: any number of CPUs; attach() and add() are for one.
template <hal::AtomicsProvider Cpu>
class LlFreeRows {
public:
    using Word = typename Cpu::template Atomic<std::uint32_t>;
    static constexpr std::uint32_t none = ~0U;

    [[nodiscard]] static constexpr std::size_t metadata_bytes(std::uint32_t regions) noexcept {
        return std::size_t{regions} * rows_per_region * sizeof(Row);
    }
    /// Of so many regions, all frames absent. With `keep`, as the memory says.
    void attach(std::byte* metadata, std::uint32_t regions, bool keep) noexcept {
        rows_ = reinterpret_cast<Row*>(metadata);
        for (std::uint32_t i = 0; !keep && i < regions * rows_per_region; ++i) {
            ::new (static_cast<void*>(&rows_[i])) Row;
        }
    }
    /// Absent -> free.
    void add(std::uint32_t frame) noexcept {
        Row& row = rows_[frame / row_bits];
        const std::uint32_t bit = 1U << frame % row_bits;
        const std::uint32_t before = row.later.fetch_and(~bit, std::memory_order_relaxed);
        KIDNEY_INVARIANT((before & row.open.load(std::memory_order_relaxed) & bit) != 0,
                         "frames: region added twice");
    }
    [[nodiscard]] std::uint32_t free_in(std::uint32_t region) const noexcept {
        std::uint32_t free = 0;
        for (std::uint32_t row = 0; row < rows_per_region; ++row) {
            free += static_cast<std::uint32_t>(
                std::popcount(rows_[region * rows_per_region + row].free()));
        }
        return free;
    }
    /// Takes a free block of a region, if there is one: its first frame, or `none`. `row` says
    /// which region, and where to look first.
    std::uint32_t take(std::uint32_t row, unsigned k) noexcept {
        return k <= row_order ? take_in_row(row, k) : take_rows(row / rows_per_region, k);
    }
    [[nodiscard]] std::uint32_t free(std::uint32_t row) const noexcept { return rows_[row].free(); }
    [[nodiscard]] std::uint32_t free_in_row(std::uint32_t row) const noexcept {
        return static_cast<std::uint32_t>(std::popcount(rows_[row].free()));
    }
    /// Takes up to `most` single frames of a row: those whose bits are in the answer.
    std::uint32_t take_singles(std::uint32_t row, std::uint32_t most) noexcept {
        for (;;) {
            std::uint32_t wanted = rows_[row].free();
            while (static_cast<std::uint32_t>(std::popcount(wanted)) > most) {
                wanted &= ~std::bit_floor(wanted);
            }
            if (wanted == 0 || rows_[row].take(wanted)) {
                return wanted;
            }
        }
    }
    /// Single frames of a row: live -> free, as give_back() does.
    unsigned give_back_singles(std::uint32_t row, std::uint32_t frames) noexcept {
        Row& r = rows_[row];
        KIDNEY_INVARIANT((r.open.load(std::memory_order_relaxed) & frames) == 0 &&
                             (r.later.load(std::memory_order_relaxed) & frames) == 0 &&
                             r.continued(frames << 1) == 0,
                         "frames: freed block is not live");
        return open_again(row, frames);
    }
    /// Live -> free, after proving that exactly this block is live (F6).
    /// Returns the order of a run that this makes.
    unsigned give_back(std::uint32_t block, unsigned k) noexcept {
        Row* const row = &rows_[block / row_bits];
        const std::uint32_t rows = k <= row_order ? 1 : 1U << (k - row_order);
        const unsigned bit = block % row_bits;
        const std::uint32_t frames = run_mask(bit, std::min(k, row_order));
        bool is_live =
            (row->open.load(std::memory_order_relaxed) & frames) == 0 &&
            (row->later.load(std::memory_order_relaxed) & frames) == (frames & (frames - 1));
        for (std::uint32_t i = 1; i < rows; ++i) {
            is_live = is_live && row[i].continued(~0U) == ~0U;
        }
        // Does it go on behind its alleged end? Only if it starts where a longer one may.
        const std::uint32_t end = block + (1U << k);
        if ((block & 1U << k) == 0 && end % region_frames != 0) {
            is_live = is_live && rows_[end / row_bits].continued(1U << end % row_bits) == 0;
        }
        KIDNEY_INVARIANT(is_live, "frames: freed block is not live");
        if (k != 0 && k < row_order) {
            row->later.fetch_and(~frames, std::memory_order_relaxed);
        }
        // release: whoever takes them next comes after all that was done with them.
        if (k < row_order) {
            return open_again(block / row_bits, frames);
        }
        for (std::uint32_t i = 0; i < rows; ++i) {
            row[i].later.store(0, std::memory_order_relaxed);
            row[i].open.store(~0U, std::memory_order_release);
        }
        return run_of_rows(block / row_bits);
    }
    /// Order of the longest free run in the rows of a region.
    [[nodiscard]] unsigned longest_run_in(std::uint32_t region) const noexcept {
        const Row* const rows = &rows_[region * rows_per_region];
        std::uint32_t whole = 0;
        std::uint32_t starts[row_order]{};  // of runs of each order, in any row
        for (std::uint32_t i = 0; i < rows_per_region; ++i) {
            std::uint32_t free = rows[i].free();
            whole |= (free == ~0U ? 1U : 0U) << i;
            for (unsigned k = 0; k < row_order - 1; ++k) {
                free = join_runs(free, k);
                starts[k + 1] |= free;
            }
        }
        if (whole != 0) {
            return std::min(row_order + longest_run(whole), region_order - 1);
        }
        unsigned longest = 0;
        for (unsigned k = 1; k < row_order; ++k) {
            longest += starts[k] != 0 ? 1 : 0;
        }
        return longest;
    }

private:
    /// | open | later | the frame is                                   |
    /// |------|-------|------------------------------------------------|
    /// |  1   |   0   | free                                           |
    /// |  0   |   0   | the first of a live block                      |
    /// |  0   |   1   | a later one of a live block                    |
    /// |  1   |   1   | absent: a hole in the memory map               |
    /// `open` is what CPUs compete for; bits of `later` belong to the owner of the frame. So a
    /// single frame is taken and proved without a change of `later`. Rows of regions that are
    /// handed out as a whole say free.
    struct Row {
        Word open{~0U};
        Word later{~0U};

        [[nodiscard]] std::uint32_t free() const noexcept {
            return open.load(std::memory_order_acquire) & ~later.load(std::memory_order_relaxed);
        }
        /// Takes these frames, if all of them are free.
        bool take(std::uint32_t frames) noexcept {
            std::uint32_t before = open.load(std::memory_order_acquire);
            while ((before & frames) == frames) {
                if (open.compare_exchange_strong(before, before & ~frames,
                                                 std::memory_order_acq_rel)) [[likely]] {
                    return true;
                }
            }
            return false;
        }
        /// Are these later frames of a live block?
        [[nodiscard]] std::uint32_t continued(std::uint32_t frames) const noexcept {
            return ~open.load(std::memory_order_relaxed) & later.load(std::memory_order_relaxed) &
                   frames;
        }
    };

    /// Returns the order of a run that this makes.
    unsigned open_again(std::uint32_t row, std::uint32_t frames) noexcept {
        Row& r = rows_[row];
        const std::uint32_t before = r.open.fetch_or(frames, std::memory_order_acq_rel);
        KIDNEY_INVARIANT((before & frames) == 0, "frames: freed block is not live");
        const std::uint32_t free = (before | frames) & ~r.later.load(std::memory_order_relaxed);
        return free == ~0U ? run_of_rows(row) : longest_run(free);
    }
    /// Up to 32 frames, from one row of a region.
    std::uint32_t take_in_row(std::uint32_t first, unsigned k) noexcept {
        const std::uint32_t region = first / rows_per_region * rows_per_region;
        for (std::uint32_t i = 0; i < rows_per_region; ++i) {
            const std::uint32_t at = region + (first + i) % rows_per_region;
            Row& row = rows_[at];
            std::uint32_t free = row.free();
            while (true) {
                const std::uint32_t starts = k == 0 ? free : run_starts(free, k);
                if (starts == 0) {
                    break;
                }
                const unsigned bit =
                    k == 0 ? static_cast<unsigned>(std::countr_zero(free)) : best_run(free, k);
                const std::uint32_t frames = run_mask(bit, k);
                if (row.take(frames)) [[likely]] {
                    if (k != 0) {
                        row.later.fetch_or(frames & (frames - 1), std::memory_order_relaxed);
                    }
                    return at * row_bits + bit;
                }
                free = row.free();
            }
        }
        return none;
    }
    /// Whole rows of a region.
    std::uint32_t take_rows(std::uint32_t region, unsigned k) noexcept {
        const std::uint32_t rows = 1U << (k - row_order);
        for (std::uint32_t at = region * rows_per_region; at < (region + 1) * rows_per_region;
             at += rows) {
            std::uint32_t taken = 0;
            while (taken < rows && rows_[at + taken].free() == ~0U && rows_[at + taken].take(~0U)) {
                ++taken;
            }
            if (taken == rows) {
                for (std::uint32_t i = 0; i < rows; ++i) {
                    rows_[at + i].later.store(i == 0 ? ~1U : ~0U, std::memory_order_relaxed);
                }
                return at * row_bits;
            }
            for (std::uint32_t i = 0; i < taken; ++i) {
                rows_[at + i].open.store(~0U, std::memory_order_release);
            }
        }
        return none;
    }
    /// Order of the longest free run within its region that has this row, which is free.
    [[nodiscard]] unsigned run_of_rows(std::uint32_t row) const noexcept {
        unsigned k = row_order;
        for (std::uint32_t rows = 1; k < region_order - 1; rows *= 2, ++k) {
            row &= ~(rows - 1);
            for (std::uint32_t buddy = row ^ rows, i = 0; i < rows; ++i) {
                if (rows_[buddy + i].free() != ~0U) {
                    return k;
                }
            }
        }
        return k;
    }

    Row* rows_ = nullptr;
};

}  // namespace kidney::mm
