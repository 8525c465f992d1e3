/// Fullest region first: single frames come from where least is free, so that the rest stays whole.
///
/// Memory is divided into regions of 512 frames (2 MiB). Which frames are free is said by a bitmap
/// (quad_rows.hpp), where a freed buddy merges by itself. On top of that there is one number for
/// each region, how many of its frames are free, and regions are in sets by that number. So
///   single frames  come from the fullest region that has any, by whole rows of 32 at a time
///   small blocks   (2 to 256 frames) come from a region whose largest free block is the smallest
///                  that fits, and while there are more beside it, from there
///   whole regions  are the fallback of both, last of all
///
/// Why it works: where what lives is replaced at random, full regions are refilled as soon as they
/// have a hole and stay full; half-empty ones get nothing, lose what they have, and become whole.
/// A stack of free frames does the opposite: the hole that was made last is filled first, and
/// nothing ever gathers. But a stack is fast, and a per-CPU one in front of this costs nothing if
/// it keeps to the rule: reuse_at_once() says for which frames it does, those whose region has no
/// other free frame (mm/magazines.hpp asks).
///
/// The largest free block of a region, its *level*, is known as a bound only. Taking a block may
/// lower it: it is then found out by a search in vain. Giving one back may raise it, by merging:
/// the region is marked *stale* and looked at before a whole region is broken.
///
/// Theory: "fullest first" is best fit, where the request is a frame and the hole a region; it
/// keeps the number of regions in use as low as first fit does (Knuth, The Art of Computer
/// Programming, volume 1, 2.5), and needs no order of addresses. Cost: O(1); a few instructions for
/// a frame in a batch, at most 16 words for a block. Metadata: 1.3 bits per frame and 3 KiB.
#pragma once

#include "kidney/mm/frame_allocator.hpp"
#include "mm/frames/quad_rows.hpp"
#include "mm/frames/region_sets.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::mm {

class FullestRegion {
public:
    static constexpr const char* name = "fullest_region";

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        const unsigned k = order.value();
        if (k == 0) {
            FrameNumber frame;
            return take_some({&frame, 1}) != 0 ? Result<FrameNumber>(frame) : fail(Errc::no_memory);
        }
        const std::uint32_t block = k < region_order ? find_in_regions(k) : find_whole(k);
        if (block == none) {
            return fail(Errc::no_memory);
        }
        rows_.take(block, k);
        const std::uint32_t first = block / frames_per_region;
        for (std::uint32_t region = first; region < first + regions_of(k); ++region) {
            set_free(region, free_in(region) - std::min(1U << k, frames_per_region));
        }
        return FrameNumber(base_ + block);
    }

    void free(FrameNumber first, FrameOrder order) noexcept {
        const unsigned k = order.value();
        const std::uint32_t block = index_of(first);
        std::uint32_t region = block / frames_per_region;
        KIDNEY_INVARIANT(rows_.is_live(block, k, (regions_[region] & ragged) != 0),
                         "frames: freed block is not live");
        rows_.give_back(block, k);
        for (const std::uint32_t end = region + regions_of(k); region < end; ++region) {
            set_free(region, free_in(region) + std::min(1U << k, frames_per_region));
            promise(region, k);
        }
    }

    /// Single frames, as many as there are.
    [[nodiscard]] std::size_t take_some(std::span<FrameNumber> out) noexcept {
        std::size_t taken = 0;
        while (taken < out.size() && by_free_.filled_from(1) != 0) {
            taken += take_from(fullest(), out.subspan(taken));
        }
        return taken;
    }
    /// Frames of a row that come one after another are given back together.
    void give_back_some(std::span<const FrameNumber> frames) noexcept {
        for (std::size_t i = 0; i < frames.size();) {
            const std::uint32_t index = index_of(frames[i]);
            const std::uint32_t row = index / row_bits;
            std::uint32_t together = 1U << index % row_bits;
            std::uint32_t count = 1;
            for (; ++i < frames.size(); ++count) {
                const std::uint32_t next = frames[i].value() - base_;
                const std::uint32_t bit = 1U << next % row_bits;
                if (next / row_bits != row || (together & bit) != 0) {
                    break;
                }
                together |= bit;
            }
            const std::uint32_t region = row / rows_per_region;
            rows_.give_back_singles(row, together, (regions_[region] & ragged) != 0);
            set_free(region, free_in(region) + count);
            promise(region, 0);
        }
    }
    /// Would this frame, if it were given back, be among the first to be handed out again? Its
    /// region has no other free frame, or is the one that single frames come from just now.
    [[nodiscard]] bool reuse_at_once(FrameNumber frame) const noexcept {
        // relaxed: a hint, asked while others may be inside.
        const std::uint32_t region = (frame.value() - base_) / frames_per_region;
        return region == source_.load(std::memory_order_relaxed) ||
               (std::atomic_ref(regions_[region]).load(std::memory_order_relaxed) & free_mask) == 0;
    }

    [[nodiscard]] std::size_t free_frames() const noexcept { return free_; }

    // --- Where the books are kept ---

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        const std::uint32_t regions = regions_in(span);
        return QuadRows::metadata_bytes(regions * rows_per_region) +
               regions * sizeof(std::uint16_t);
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "frames: metadata too small");
        by_free_ = {};
        by_level_ = {};
        stale_ = {};
        near_.fill(none / row_bits);
        free_ = 0;
        source_.store(none, std::memory_order_relaxed);
        base_ = span.first.value() & ~(max_order.frames() - 1);
        region_count_ = regions_in(span);
        const std::uint32_t rows = region_count_ * rows_per_region;
        rows_.attach(rows, metadata.data());
        regions_ =
            reinterpret_cast<std::uint16_t*>(metadata.data() + QuadRows::metadata_bytes(rows));
        std::fill_n(regions_, region_count_, std::uint16_t{0});
    }
    void add_region(FrameRange range) noexcept {
        std::uint32_t at = range.first.value() - base_;
        const std::uint32_t end = at + range.count;
        KIDNEY_INVARIANT(range.count == 0 || (range.first.value() >= base_ &&
                                              end <= region_count_ * frames_per_region),
                         "frames: region outside of the attached span");
        while (at < end) {
            const std::uint32_t bit = at % row_bits;
            const std::uint32_t count = std::min(row_bits - bit, end - at);
            const std::uint32_t region = at / frames_per_region;
            if (rows_.add(at / row_bits, ~0U >> (row_bits - count) << bit)) {
                set_state(region, regions_[region] | ragged);
            }
            set_free(region, free_in(region) + count);
            promise(region, 0);
            at += count;
        }
    }

private:
    static constexpr std::uint32_t none = ~0U;
    static constexpr unsigned region_order = 9;
    static constexpr std::uint32_t frames_per_region = 1U << region_order;
    static constexpr std::uint32_t rows_per_region = frames_per_region / row_bits;

    // A region in 16 bits.
    static constexpr std::uint16_t free_mask = 0x3FF;  ///< how many frames are free
    static constexpr unsigned level_shift = 10;        ///< no free block is of a higher order...
    static constexpr std::uint16_t level_mask = 0xF << level_shift;
    static constexpr std::uint16_t stale = 1U << 14;   ///< ...unless something merged
    static constexpr std::uint16_t ragged = 1U << 15;  ///< rows with holes inside

    // Sets by the number of free frames. Whole regions are the last set, and so taken last.
    static constexpr std::uint32_t free_per_set = 256;
    static constexpr unsigned whole = frames_per_region / free_per_set + 1;
    [[nodiscard]] static constexpr unsigned set_of(std::uint32_t free) noexcept {
        return (free + free_per_set - 1) / free_per_set + (free == frames_per_region ? 1 : 0);
    }

    [[nodiscard]] static constexpr std::uint32_t regions_of(unsigned order) noexcept {
        return order <= region_order ? 1 : 1U << (order - region_order);
    }
    /// From the start of the first block of the largest order to the end of the last.
    [[nodiscard]] static constexpr std::uint32_t regions_in(FrameRange span) noexcept {
        const std::uint32_t mask = max_order.frames() - 1;
        return (((span.end().value() + mask) & ~mask) - (span.first.value() & ~mask)) /
               frames_per_region;
    }
    [[nodiscard]] std::uint32_t index_of(FrameNumber frame) const noexcept {
        const std::uint32_t index = frame.value() - base_;
        KIDNEY_INVARIANT(index < region_count_ * frames_per_region,
                         "frames: frame outside of the span");
        return index;
    }

    // --- What is known about a region ---

    [[nodiscard]] std::uint32_t free_in(std::uint32_t region) const noexcept {
        return regions_[region] & free_mask;
    }
    /// 0 for a whole region, which is no matter of levels.
    [[nodiscard]] unsigned level(std::uint32_t region) const noexcept {
        return (regions_[region] & level_mask) >> level_shift;
    }
    void set_state(std::uint32_t region, std::uint32_t state) noexcept {
        // relaxed: for reuse_at_once(), which reads no more than this.
        std::atomic_ref(regions_[region])
            .store(static_cast<std::uint16_t>(state), std::memory_order_relaxed);
    }
    void set_free(std::uint32_t region, std::uint32_t count) noexcept {
        const std::uint32_t before = free_in(region);
        set_state(region, regions_[region] - before + count);
        free_ += count - std::size_t{before};
        const unsigned from = set_of(before);
        const unsigned to = set_of(count);
        if (from != to) {
            by_free_.move(region, from, to);
            if (from == whole || to == whole) {
                set_level(region, to == whole ? 0 : region_order - 1);
            }
        }
    }
    void set_level(std::uint32_t region, unsigned to) noexcept {
        by_level_.move(region, level(region), to);
        set_state(region, (regions_[region] & ~unsigned{level_mask}) | to << level_shift);
    }
    /// A block of this order has become free; it may have merged.
    void promise(std::uint32_t region, unsigned order) noexcept {
        if (free_in(region) == frames_per_region) {
            return;  // found by being whole
        }
        if ((regions_[region] & stale) == 0) {
            set_state(region, regions_[region] | stale);
            stale_.insert(region);
        }
        if (const unsigned bound = std::min(order, region_order - 1); bound > level(region)) {
            set_level(region, bound);
        }
    }
    /// Looks how large the largest free block is.
    void settle(std::uint32_t region) noexcept {
        unsigned longest = 0;
        for (std::uint32_t i = 0; i < rows_per_region; ++i) {
            longest = std::max(longest, longest_run(rows_.free(region * rows_per_region + i)));
        }
        if (longest == row_order) {
            longest += longest_run(whole_rows(region));
        }
        set_level(region, free_in(region) == frames_per_region ? 0 : longest);
        set_state(region, regions_[region] & ~unsigned{stale});
        stale_.erase(region);
    }
    /// The rows of a region that are wholly free.
    [[nodiscard]] std::uint32_t whole_rows(std::uint32_t region) const noexcept {
        std::uint32_t rows = 0;
        for (std::uint32_t i = 0; i < rows_per_region; ++i) {
            rows |= (rows_.free(region * rows_per_region + i) == ~0U ? 1U : 0U) << i;
        }
        return rows;
    }

    // --- The rule ---

    /// Of the regions in which frames are free, one of the fullest. There must be one.
    [[nodiscard]] std::uint32_t fullest() const noexcept {
        const auto set = static_cast<unsigned>(std::countr_zero(by_free_.filled_from(1)));
        return set == whole ? find_whole(region_order) / frames_per_region : by_free_[set].first();
    }
    /// Single frames of a region, row by row.
    [[nodiscard]] std::size_t take_from(std::uint32_t region, std::span<FrameNumber> out) noexcept {
        const std::size_t most = std::min<std::size_t>(out.size(), free_in(region));
        std::uint32_t taken = 0;
        for (std::uint32_t row = region * rows_per_region; taken < most; ++row) {
            const std::uint32_t free = rows_.free(row);
            std::uint32_t left = free;
            const std::uint32_t first = base_ + row * row_bits;
            if (free == ~0U && most - taken >= row_bits) {
                for (std::uint32_t i = 0; i < row_bits; ++i) {
                    out[taken + i] = FrameNumber(first + i);
                }
                taken += row_bits;
                left = 0;
            }
            for (; left != 0 && taken < most; left &= left - 1) {
                out[taken++] = FrameNumber(first + static_cast<unsigned>(std::countr_zero(left)));
            }
            if (left != free) {
                rows_.take_singles(row, free ^ left);
            }
        }
        set_free(region, free_in(region) - taken);
        source_.store(region, std::memory_order_relaxed);
        return taken;
    }
    /// A free block of less than a region: where the largest is the smallest that fits.
    [[nodiscard]] std::uint32_t find_in_regions(unsigned order) noexcept {
        // Where the last one was found there is mostly another, and no need to look elsewhere.
        if (const std::uint32_t block = find_near(order); block != none) {
            return block;
        }
        const std::uint32_t block = search(order);
        near_[order] = block / row_bits;
        return block;
    }
    /// In the same row or, for longer blocks, in the rows behind.
    [[nodiscard]] std::uint32_t find_near(unsigned order) noexcept {
        std::uint32_t row = near_[order];
        if (order < row_order) {
            const std::uint32_t free = row < region_count_ * rows_per_region ? rows_.free(row) : 0;
            const auto [all, single] = find_runs(free, order);
            return all == 0
                       ? none
                       : row * row_bits +
                             static_cast<unsigned>(std::countr_zero(single != 0 ? single : all));
        }
        const std::uint32_t count = 1U << (order - row_order);
        row += count;
        if (row % rows_per_region == 0 || row >= region_count_ * rows_per_region) {
            return none;
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            if (rows_.free(row + i) != ~0U) {
                return none;
            }
        }
        near_[order] = row;
        return row * row_bits;
    }
    [[nodiscard]] std::uint32_t search(unsigned order) noexcept {
        for (;;) {
            std::uint32_t region;
            if (const std::uint32_t fitting = by_level_.filled_from(order); fitting != 0) {
                region = by_level_[static_cast<unsigned>(std::countr_zero(fitting))].first();
            } else if (!stale_.is_empty()) {
                settle(stale_.first());
                continue;
            } else {
                return find_whole(region_order);
            }
            if (const std::uint32_t block = find_in(region, order); block != none) {
                return block;
            }
            settle(region);
        }
    }
    [[nodiscard]] std::uint32_t find_in(std::uint32_t region, unsigned order) const noexcept {
        const std::uint32_t first = region * rows_per_region;
        if (order >= row_order) {
            const std::uint32_t rows = whole_rows(region);
            return run_starts(rows, order - row_order) == 0
                       ? none
                       : (first + best_run(rows, order - row_order)) * row_bits;
        }
        for (std::uint32_t row = first; row < first + rows_per_region; ++row) {
            const std::uint32_t free = rows_.free(row);
            if (run_starts(free, order) != 0) {
                return row * row_bits + best_run(free, order);
            }
        }
        return none;
    }
    /// A whole region, rather one whose buddy is not whole; or two.
    [[nodiscard]] std::uint32_t find_whole(unsigned order) const noexcept {
        std::uint32_t other = none;
        if (order > max_order.value() || by_free_.filled_from(whole) == 0) {
            return none;
        }
        for (std::uint32_t word = by_free_[whole].first() / row_bits; word < RegionSet::words;
             ++word) {
            const std::uint32_t regions = by_free_[whole].word(word);
            if (regions == 0) {
                continue;
            }
            const auto [all, single] = find_runs(regions, order - region_order);
            if (single != 0 && order == region_order) {
                return (word * row_bits + static_cast<unsigned>(std::countr_zero(single))) *
                       frames_per_region;
            }
            if (all != 0 && other == none) {
                other = (word * row_bits + static_cast<unsigned>(std::countr_zero(all))) *
                        frames_per_region;
            }
        }
        return other;
    }

    QuadRows rows_;
    std::uint16_t* regions_ = nullptr;
    RegionSets<whole> by_free_;              ///< regions with free frames, by how many
    RegionSets<region_order - 1> by_level_;  ///< regions by their level
    RegionSet stale_;
    std::array<std::uint32_t, region_order> near_{};  ///< by order: row where one was found last
    std::size_t free_ = 0;
    std::uint32_t base_ = 0;  ///< frame at position 0, a multiple of the largest block
    std::uint32_t region_count_ = 0;
    std::atomic<std::uint32_t> source_{none};  ///< region that single frames were taken from last
};

static_assert(FrameBatches<FullestRegion> && ReuseHint<FullestRegion>);

}  // namespace kidney::mm
