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
/// other free frame, or next to none for longer blocks (mm/magazines.hpp asks).
///
/// The largest free block of a region is known as a bound only (region_books.hpp). Before a whole
/// region is broken, those are looked at in which something may have merged.
///
/// Ranges of any length are what is left of this: first fit, the short ones beside what is taken.
///
/// Theory: "fullest first" is best fit, where the request is a frame and the hole a region; it
/// keeps the number of regions in use as low as first fit does (Knuth, The Art of Computer
/// Programming, volume 1, 2.5), and needs no order of addresses. Cost: O(1); a few instructions for
/// a frame in a batch, at most 16 words for a block. Metadata: 1.3 bits per frame and 3 KiB.
#pragma once

#include "kidney/mm/frame_allocator.hpp"
#include "mm/frames/quad_rows.hpp"
#include "mm/frames/region_books.hpp"

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
        take(block, k);
        return FrameNumber(base_ + block);
    }

    void free(FrameNumber first, FrameOrder order) noexcept {
        const unsigned k = order.value();
        const std::uint32_t block = index_of(first);
        std::uint32_t region = block / region_frames;
        KIDNEY_INVARIANT(rows_.is_live(block, k, books_.is_ragged(region)),
                         "frames: freed block is not live");
        rows_.give_back(block, k);
        for (const std::uint32_t end = region + regions_of(k); region < end; ++region) {
            books_.got_back(region, std::min(1U << k, region_frames), k);
        }
    }

    /// Single frames, as many as there are.
    [[nodiscard]] std::size_t take_some(std::span<FrameNumber> out) noexcept {
        std::size_t taken = 0;
        while (taken < out.size() && books_.by_free().filled_from(1) != 0) {
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
            rows_.give_back_singles(row, together, books_.is_ragged(region));
            books_.got_back_singles(region, count);
        }
    }

    /// Where such a range lies nobody knows: first fit. A short one breaks no whole region if there
    /// is another.
    [[nodiscard]] Result<FrameNumber> take_range(std::uint32_t count,
                                                 FrameOrder alignment) noexcept {
        std::uint32_t at = count < region_frames ? find_range(count, alignment, true) : none;
        if (at == none) {
            at = find_range(count, alignment, false);
        }
        if (at == none) {
            return fail(Errc::no_memory);
        }
        for_each_block({FrameNumber(at), count}, [&](FrameNumber first, FrameOrder order) {
            take(first.value(), order.value());
        });
        return FrameNumber(base_ + at);
    }
    /// Would this block, if it were given back, be among the first to be handed out again? A single
    /// frame, if its region has no other that is free, or is the one that they come from just now.
    [[nodiscard]] bool reuse_at_once(FrameNumber first, FrameOrder order) const noexcept {
        const std::uint32_t region = (first.value() - base_) / region_frames;
        if (order != FrameOrder(0)) {
            return books_.may_be_crowded(region, order.value());
        }
        // relaxed: a hint, asked while others may be inside.
        return region == source_.load(std::memory_order_relaxed) || books_.may_be_full(region);
    }

    [[nodiscard]] std::size_t free_frames() const noexcept { return books_.free_frames(); }
    [[nodiscard]] std::uint32_t free_row(FrameNumber frame) const noexcept {
        return rows_.free((frame.value() - base_) / row_bits);
    }

    // --- Where the books are kept ---

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        const std::uint32_t regions = regions_in(span);
        return QuadRows::metadata_bytes(regions * rows_per_region) +
               RegionBooks::metadata_bytes(regions);
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "frames: metadata too small");
        near_.fill(none / row_bits);
        source_.store(none, std::memory_order_relaxed);
        base_ = span.first.value() & ~(max_order.frames() - 1);
        const std::uint32_t regions = regions_in(span);
        rows_.attach(regions * rows_per_region, metadata.data());
        books_.attach(regions,
                      metadata.data() + QuadRows::metadata_bytes(regions * rows_per_region));
    }
    void add_region(FrameRange range) noexcept {
        std::uint32_t at = range.first.value() - base_;
        const std::uint32_t end = at + range.count;
        KIDNEY_INVARIANT(range.count == 0 || (range.first.value() >= base_ &&
                                              end <= books_.count() * region_frames),
                         "frames: region outside of the attached span");
        while (at < end) {
            const std::uint32_t bit = at % row_bits;
            const std::uint32_t count = std::min(row_bits - bit, end - at);
            const std::uint32_t region = at / region_frames;
            if (rows_.add(at / row_bits, ~0U >> (row_bits - count) << bit)) {
                books_.set_ragged(region);
            }
            books_.got_back(region, count, 0);
            at += count;
        }
    }

private:
    static constexpr std::uint32_t none = ~0U;

    [[nodiscard]] static constexpr std::uint32_t regions_of(unsigned order) noexcept {
        return order <= region_order ? 1 : 1U << (order - region_order);
    }
    /// From the start of the first block of the largest order to the end of the last.
    [[nodiscard]] static constexpr std::uint32_t regions_in(FrameRange span) noexcept {
        const std::uint32_t mask = max_order.frames() - 1;
        return (((span.end().value() + mask) & ~mask) - (span.first.value() & ~mask)) /
               region_frames;
    }
    [[nodiscard]] std::uint32_t index_of(FrameNumber frame) const noexcept {
        const std::uint32_t index = frame.value() - base_;
        KIDNEY_INVARIANT(index < books_.count() * region_frames,
                         "frames: frame outside of the span");
        return index;
    }

    void take(std::uint32_t block, unsigned order) noexcept {
        rows_.take(block, order);
        const std::uint32_t first = block / region_frames;
        for (std::uint32_t region = first; region < first + regions_of(order); ++region) {
            books_.took(region, std::min(1U << order, region_frames));
        }
    }

    // --- The rule ---

    /// Of the regions in which frames are free, one of the fullest. There must be one.
    [[nodiscard]] std::uint32_t fullest() const noexcept {
        const auto set = static_cast<unsigned>(std::countr_zero(books_.by_free().filled_from(1)));
        return set == RegionBooks::whole ? find_whole(region_order) / region_frames
                                         : books_.by_free()[set].first();
    }
    /// Single frames of a region, row by row.
    [[nodiscard]] std::size_t take_from(std::uint32_t region, std::span<FrameNumber> out) noexcept {
        const std::size_t most = std::min<std::size_t>(out.size(), books_.free_in(region));
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
        books_.took(region, taken);
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
            const std::uint32_t free = row < books_.count() * rows_per_region ? rows_.free(row) : 0;
            const auto [all, single] = find_runs(free, order);
            return all == 0
                       ? none
                       : row * row_bits +
                             static_cast<unsigned>(std::countr_zero(single != 0 ? single : all));
        }
        const std::uint32_t count = 1U << (order - row_order);
        row += count;
        if (row % rows_per_region == 0 || row >= books_.count() * rows_per_region) {
            return none;
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            if (!rows_.is_whole(row + i)) {
                return none;
            }
        }
        near_[order] = row;
        return row * row_bits;
    }
    [[nodiscard]] std::uint32_t search(unsigned order) noexcept {
        for (;;) {
            std::uint32_t region;
            if (const std::uint32_t fitting = books_.by_level().filled_from(order); fitting != 0) {
                region =
                    books_.by_level()[static_cast<unsigned>(std::countr_zero(fitting))].first();
            } else if (!books_.stale().is_empty()) {
                settle(books_.stale().first());
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
    void settle(std::uint32_t region) noexcept {
        books_.settle(region, rows_.largest_in(region * rows_per_region));
    }
    /// If it is the last one of the region, nobody shall look for another.
    [[nodiscard]] std::uint32_t find_in(std::uint32_t region, unsigned order) noexcept {
        const std::uint32_t first = region * rows_per_region;
        const std::uint32_t rows = rows_.rows_with(first, order);
        if (order >= row_order) {
            const auto [all, single] = find_runs(rows, order - row_order);
            if ((all & (all - 1)) == 0) {
                books_.settle(region, order - 1);
            }
            const std::uint32_t best = single != 0 ? single : all;
            return all == 0 ? none
                            : (first + static_cast<unsigned>(std::countr_zero(best))) * row_bits;
        }
        if (rows == 0) {
            return none;
        }
        const std::uint32_t row = first + static_cast<unsigned>(std::countr_zero(rows));
        const auto [all, single] = find_runs(rows_.free(row), order);
        if (((rows & (rows - 1)) | (all & (all - 1))) == 0) {
            books_.settle(region, order - 1);
        }
        return row * row_bits + static_cast<unsigned>(std::countr_zero(single != 0 ? single : all));
    }
    /// A whole region, rather one whose buddy is not whole; or two.
    [[nodiscard]] std::uint32_t find_whole(unsigned order) const noexcept {
        std::uint32_t other = none;
        if (order > max_order.value() || books_.by_free().filled_from(RegionBooks::whole) == 0) {
            return none;
        }
        for (std::uint32_t word = books_.by_free()[RegionBooks::whole].first() / row_bits;
             word < RegionSet::words; ++word) {
            const std::uint32_t regions = books_.by_free()[RegionBooks::whole].word(word);
            if (regions == 0) {
                continue;
            }
            const auto [all, single] = find_runs(regions, order - region_order);
            if (single != 0 && order == region_order) {
                return (word * row_bits + static_cast<unsigned>(std::countr_zero(single))) *
                       region_frames;
            }
            if (all != 0 && other == none) {
                other = (word * row_bits + static_cast<unsigned>(std::countr_zero(all))) *
                        region_frames;
            }
        }
        return other;
    }

    /// A free range, or none. `spares_whole`: none that takes a part of a whole region.
    [[nodiscard]] std::uint32_t find_range(std::uint32_t count, FrameOrder alignment,
                                           bool spares_whole) const noexcept {
        const auto is_spared = [&](std::uint32_t at) {
            return spares_whole && books_.is_whole(at / region_frames);
        };
        const std::uint32_t mask = alignment.frames() - 1;
        const std::uint32_t end = books_.count() * region_frames;
        for (std::uint32_t at = 0;;) {
            at = ((base_ + at + mask) & ~mask) - base_;
            if (at >= end || end - at < count) {
                return none;
            }
            if (is_spared(at)) {
                at = (at / region_frames + 1) * region_frames;
                continue;
            }
            const std::uint32_t run = rows_.run(at, true, count);
            if (run == count && !is_spared(at + count - 1)) {
                return at;
            }
            at += run;
            at += rows_.run(at, false, end - at);
        }
    }

    QuadRows rows_;
    RegionBooks books_;
    std::array<std::uint32_t, region_order> near_{};  ///< by order: row where one was found last
    std::uint32_t base_ = 0;  ///< frame at position 0, a multiple of the largest block
    std::atomic<std::uint32_t> source_{none};  ///< region that single frames were taken from last
};

static_assert(FrameBatches<FullestRegion> && FrameRanges<FullestRegion> &&
              FreeRows<FullestRegion> && ReuseHint<FullestRegion>);

}  // namespace kidney::mm
