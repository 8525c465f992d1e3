/// Frames without a lock: the two levels of LLFree, with the rows of a 32-bit machine.
///
/// Any number of CPUs are inside at once. Each change is one atomic operation on one word, and the
/// words are such that whatever two CPUs do, one of them gets what it wanted:
///   rows      one bit for each frame, 32 to a word: who clears a bit has the frame
///   regions   16 bits for each 512 frames: how many are free, and whether the region is handed out
///             as a whole. Two regions share a word, so that one operation takes 1024 frames
/// A CPU first takes its frames off a region's count, then looks for them in the rows: what the
/// count has granted is there. So that CPUs do not meet, each reserves a region for each order and
/// leaves it when it has no more; the next one is found by sets: for single frames of regions of
/// about equal fullness, for blocks of those whose longest free run is of one order.
/// The sets are hints: who finds a region in the wrong one puts it right, and before a request is
/// refused all regions have been looked at.
///
/// The rows, and which regions are handed out as a whole, are the truth. After a crash recover()
/// counts again, and all that is lost is what was being handed out or returned at that moment.
///
/// Source: Wrenger, Rommel, Halbuer, Dietrich, Lohmann, "LLFree: Scalable and Optionally-Persistent
/// Page-Frame Allocation", USENIX ATC 2023. There a CPU reserves trees of many regions, which
/// scatters blocks of mixed orders; here single regions, cut ones before whole ones. Their guard
/// takes one bit a frame and believes the order that free() is told; the second bit here proves it
/// (F6). Cost: three atomic operations a call while the reserved region lasts, then O(regions /
/// 32). Metadata: 2.1 bits per frame.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/hal/per_cpu.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "mm/frames/aligned_runs.hpp"
#include "mm/frames/llfree_regions.hpp"
#include "mm/frames/llfree_rows.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

namespace kidney::mm {

/// Concurrency: any number of CPUs, except for attach(), recover() and add_region(). `Cpu` says
/// which one this is; a thread may move meanwhile.
template <class Cpu>
    requires hal::CpuIdentity<Cpu> && hal::AtomicsProvider<Cpu>
class LlFreeAllocator {
public:
    static constexpr const char* name = "llfree";
    static constexpr bool is_shared = true;

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        const unsigned k = order.value();
        const std::uint32_t block = k < region_order         ? take_part(k)
                                    : k <= max_order.value() ? take_whole(k)
                                                             : none;
        if (block == none) {
            return fail(Errc::no_memory);
        }
        balances_.mine().fetch_add(0U - order.frames(), std::memory_order_relaxed);
        return FrameNumber(base_ + block);
    }

    void free(FrameNumber first, FrameOrder order) noexcept {
        const unsigned k = order.value();
        const std::uint32_t block = first.value() - base_;
        KIDNEY_INVARIANT(block < regions_.count() * region_frames && k <= max_order.value() &&
                             block % order.frames() == 0,
                         "frames: freed block is not live");
        if (k < region_order) {
            const unsigned run = rows_.give_back(block, k);
            regions_.give_back(block / region_frames, order.frames(), run);
        } else {
            give_back_whole(block / region_frames, k);
        }
        balances_.mine().fetch_add(order.frames(), std::memory_order_relaxed);
    }

    /// Single frames of one row, by two operations for all of them.
    [[nodiscard]] std::size_t take_some(std::span<FrameNumber> out) noexcept {
        Word& place = places_.mine().row[0];
        const std::uint32_t row = place.load(std::memory_order_relaxed);
        std::size_t count = row == none ? 0 : take_of_region(row, out);
        if (count == 0 && !out.empty()) {
            if (const Result<FrameNumber> frame = allocate(FrameOrder(0))) {
                out[count++] = *frame;
            }
        }
        return count;
    }
    void give_back_some(std::span<const FrameNumber> in) noexcept {
        while (!in.empty()) {
            const std::uint32_t row = (in.front().value() - base_) / row_bits;
            KIDNEY_INVARIANT(row < regions_.count() * rows_per_region,
                             "frames: freed block is not live");
            std::uint32_t frames = 0;
            std::uint32_t count = 0;
            for (; count < in.size() && (in[count].value() - base_) / row_bits == row; ++count) {
                const std::uint32_t bit = 1U << (in[count].value() - base_) % row_bits;
                KIDNEY_INVARIANT((frames & bit) == 0, "frames: freed block is not live");
                frames |= bit;
            }
            const unsigned run = rows_.give_back_singles(row, frames);
            regions_.give_back(row / rows_per_region, count, run);
            balances_.mine().fetch_add(count, std::memory_order_relaxed);
            in = in.subspan(count);
        }
    }

    /// Exact when nobody is inside. Cost: one load for each CPU.
    [[nodiscard]] std::size_t free_frames() const noexcept {
        std::uint32_t sum = 0;
        balances_.for_each(
            [&](const Word& balance) { sum += balance.load(std::memory_order_relaxed); });
        return sum;
    }

    /// Free frames of a region that is handed out as a whole are not: it counts none.
    [[nodiscard]] std::uint32_t free_row(FrameNumber frame) const noexcept {
        const std::uint32_t row = (frame.value() - base_) / row_bits;
        return regions_[row / rows_per_region].free() == 0 ? 0 : rows_.free(row);
    }

    // --- Where the books are kept ---

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return LlFreeRows<Cpu>::metadata_bytes(2 * pairs_of(span)) +
               LlFreeRegions<Cpu>::metadata_bytes(pairs_of(span));
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        use(span, metadata, false);
    }
    void add_region(FrameRange region) noexcept {
        const std::uint32_t from = region.first.value() - base_;
        KIDNEY_INVARIANT(from + region.count <= regions_.count() * region_frames,
                         "frames: region outside of the attached span");
        for (std::uint32_t f = from; f < from + region.count; ++f) {
            rows_.add(f);
            regions_.give_back(f / region_frames, 1, region_order - 1);
        }
        balances_.mine().fetch_add(region.count, std::memory_order_relaxed);
    }
    /// Takes over the books of an allocator that has come to an end in the middle of its work: what
    /// its rows call live stays so, everything else is counted again.
    void recover(FrameRange span, std::span<std::byte> metadata) noexcept {
        use(span, metadata, true);
        std::uint32_t sum = 0;
        for (std::uint32_t region = 0; region < regions_.count(); ++region) {
            std::uint32_t free = rows_.free_in(region);
            regions_.change(region, [&](Region r) {
                if (r.is_live_as(region_order) || r.is_live_as(max_order.value())) {
                    free = 0;
                    return std::optional(r);
                }
                const unsigned run = rows_.longest_run_in(region);
                return std::optional(r.with_free(free).with_run(run).with_reserved(false));
            });
            sum += free;
        }
        regions_.list_all();
        balances_.mine().fetch_add(sum, std::memory_order_relaxed);
    }

private:
    using Region = LlFreeRegion;
    using Word = typename LlFreeRegions<Cpu>::Word;
    static constexpr std::uint32_t none = ~0U;

    /// The rows where this CPU takes blocks of each order, in regions reserved for it: blocks of
    /// one size leave no gaps.
    struct Places {
        Word row[region_order]{none, none, none, none, none, none, none, none, none};
    };

    // --- Blocks of less than a region ---

    std::uint32_t take_part(unsigned k) noexcept {
        Word& place = places_.mine().row[k];
        std::uint32_t row = place.load(std::memory_order_relaxed);
        if (row != none) {
            const std::uint32_t block = take_in(row / rows_per_region, row, k, false);
            if (block != none) [[likely]] {
                if (block / row_bits != row) {
                    // Not a store: another thread of this CPU may have put another region here.
                    place.compare_exchange_strong(row, block / row_bits, std::memory_order_relaxed);
                }
                return block;
            }
        }
        return take_elsewhere(k, place);
    }
    /// Of a region that is cut already. For single frames one that is half empty, because it lasts
    /// longer; for blocks one whose longest run is just long enough. An untouched one only if there
    /// is no other; but before regions that have only few frames left.
    [[gnu::noinline]] std::uint32_t take_elsewhere(unsigned k, Word& place) noexcept {
        constexpr unsigned tries = 2;
        std::uint32_t block = none;
        const auto try_region = [&](std::uint32_t region) {
            block = take_in(region, region * rows_per_region, k, true);
            return block != none;
        };
        bool found = false;
        const unsigned first = k == 0 ? 1 : Region::run_set(k);
        const unsigned end = k == 0 ? Region::untouched : Region::sets;
        for (unsigned set = first; !found && set < end; ++set) {
            found = regions_.visit(set, tries, try_region);
        }
        found = found || regions_.visit_untouched(tries, try_region) ||
                (k == 0 && regions_.visit(0, tries, try_region));
        if (found) {
            const std::uint32_t left = place.exchange(block / row_bits, std::memory_order_relaxed);
            if (left != none) {
                const std::uint32_t region = left / rows_per_region;
                const unsigned run = rows_.longest_run_in(region);
                regions_.change(region, [&](Region r) {
                    return std::optional(
                        (r.free() == 0 ? r : r.with_run(run)).with_reserved(false));
                });
            }
            return block;
        }
        // Those that others have reserved, and whatever the sets do not tell.
        for (std::uint32_t region = 0; block == none && region < regions_.count(); ++region) {
            block = take_in(region, region * rows_per_region, k, false);
        }
        return block;
    }
    /// Takes a block off the count of a region, and then finds it; `row` is where to look first.
    std::uint32_t take_in(std::uint32_t region, std::uint32_t row, unsigned k,
                          bool reserve) noexcept {
        const std::uint32_t frames = 1U << k;
        const bool is_granted = regions_.change(region, [&](Region r) -> std::optional<Region> {
            if (r.free() < frames || (reserve && r.is_reserved())) {
                return std::nullopt;
            }
            return r.with_free(r.free() - frames).with_reserved(r.is_reserved() || reserve);
        });
        if (!is_granted) {
            return none;
        }
        std::uint32_t block = rows_.take(row, k);
        while (k == 0 && block == none) {
            block = rows_.take(row, k);  // it is there; others are faster
        }
        if (block == none) {
            // Others shall not look here in vain, too.
            const unsigned run = rows_.longest_run_in(region);
            regions_.change(region, [&](Region r) {
                return std::optional(r.with_free(r.free() + frames)
                                         .with_run(run)
                                         .with_reserved(r.is_reserved() && !reserve));
            });
        }
        return block;
    }
    /// What the next row of this region has, and no more than there is room for.
    std::size_t take_of_region(std::uint32_t row, std::span<FrameNumber> out) noexcept {
        const std::uint32_t region = row / rows_per_region;
        for (std::uint32_t i = 0; i < rows_per_region; ++i) {
            const std::uint32_t at = region * rows_per_region + (row + i) % rows_per_region;
            std::uint32_t granted = static_cast<std::uint32_t>(
                std::min<std::size_t>(rows_.free_in_row(at), out.size()));
            if (granted == 0) {
                continue;
            }
            regions_.change(region, [&](Region r) {
                granted = std::min(granted, r.free());
                return std::optional(r.with_free(r.free() - granted));
            });
            std::uint32_t taken = rows_.take_singles(at, granted);
            const auto count = static_cast<std::uint32_t>(std::popcount(taken));
            if (count != granted) {
                regions_.give_back(region, granted - count, 0);
            }
            for (std::size_t n = 0; taken != 0; taken &= taken - 1) {
                out[n++] = FrameNumber(base_ + at * row_bits +
                                       static_cast<unsigned>(std::countr_zero(taken)));
            }
            if (count != 0) {
                balances_.mine().fetch_add(0U - count, std::memory_order_relaxed);
                return count;
            }
        }
        return 0;
    }

    // --- Whole regions, and pairs of them ---

    std::uint32_t take_whole(unsigned k) noexcept {
        std::uint32_t region = none;
        const auto take = [&](std::uint32_t r) {
            const bool is_taken = k == region_order ? take_region(r) : take_pair(r / 2);
            region = is_taken ? r & ~(k - region_order) : none;
            return is_taken;
        };
        const bool found = k == region_order ? regions_.visit_untouched(none, take)
                                             : regions_.visit(Region::untouched, none, take);
        if (!found) {
            for (std::uint32_t r = 0; r < regions_.count() && !take(r); ++r) {
            }
        }
        return region == none ? none : region * region_frames;
    }
    bool take_region(std::uint32_t region) noexcept {
        return regions_.change(region, [](Region r) -> std::optional<Region> {
            if (r.free() != region_frames) {
                return std::nullopt;
            }
            return r.taken_as(region_order);
        });
    }
    bool take_pair(std::uint32_t pair) noexcept {
        return regions_.change_pair(
            pair, [](Region a, Region b) -> std::optional<typename LlFreeRegions<Cpu>::Pair> {
                if (a.free() != region_frames || b.free() != region_frames) {
                    return std::nullopt;
                }
                return {{a.taken_as(max_order.value()), b.taken_as(max_order.value())}};
            });
    }
    void give_back_whole(std::uint32_t region, unsigned k) noexcept {
        const bool was_live = regions_.change_pair(
            region / 2,
            [&](Region a, Region b) -> std::optional<typename LlFreeRegions<Cpu>::Pair> {
                if (!(region % 2 == 0 ? a : b).is_live_as(k)) {
                    return std::nullopt;
                }
                if (k > region_order) {
                    return {{a.freed(), b.freed()}};
                }
                return region % 2 == 0 ? typename LlFreeRegions<Cpu>::Pair{a.freed(), b}
                                       : typename LlFreeRegions<Cpu>::Pair{a, b.freed()};
            });
        KIDNEY_INVARIANT(was_live, "frames: freed block is not live");
    }

    [[nodiscard]] static std::uint32_t pairs_of(FrameRange span) noexcept {
        constexpr std::uint32_t pair = max_order.frames();
        return (span.end().value() + pair - 1) / pair - span.first.value() / pair;
    }
    void use(FrameRange span, std::span<std::byte> metadata, bool keep) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "frames: metadata too small");
        const std::uint32_t pairs = pairs_of(span);
        base_ = span.first.value() & ~(max_order.frames() - 1);
        rows_.attach(metadata.data(), 2 * pairs, keep);
        regions_.attach(metadata.data() + LlFreeRows<Cpu>::metadata_bytes(2 * pairs), pairs, keep);
        balances_.for_each([](Word& balance) { balance.store(0, std::memory_order_relaxed); });
        places_.for_each([](Places& places) {
            for (Word& row : places.row) {
                row.store(none, std::memory_order_relaxed);
            }
        });
    }

    LlFreeRows<Cpu> rows_;
    LlFreeRegions<Cpu> regions_;
    std::uint32_t base_ = 0;  ///< frame at position 0, a multiple of the largest block
    hal::PerCpu<Places, Cpu> places_;
    hal::PerCpu<Word, Cpu> balances_;  ///< freed less taken by each CPU, modulo 2^32
};

/// The slot's entry: it needs the atomics of its world.
struct LlFree {
    static constexpr const char* name = "llfree";
    template <class Cpu>
    using For = LlFreeAllocator<Cpu>;
};

}  // namespace kidney::mm
