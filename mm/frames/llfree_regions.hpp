/// The upper level of LLFree: what is known of each 512 frames, and sets of regions by fullness.
///
/// Everything changes by one atomic operation on one word; a lost race is repeated with what the
/// winner has left. The sets are hints: where two CPUs meet, a region may end up in the wrong one
/// or in none, until its fullness changes the next time. Cost: O(1). Memory: 0.07 bits per frame.
#pragma once

#include "kidney/hal/cpu.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "mm/frames/aligned_runs.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>

namespace kidney::mm {

static_assert(max_order.value() == region_order + 1, "the largest block is a pair of regions");

/// One region, in 16 bits. A value; it changes in LlFreeRegions.
class LlFreeRegion {
public:
    /// By 32 free frames each: those from which single frames are taken.
    static constexpr unsigned fullness_sets = 16;
    static constexpr unsigned untouched = fullness_sets;  ///< the set of those with all frames free
    /// By the order of the longest free run, from 1 on: those from which blocks are taken.
    static constexpr unsigned run_set(unsigned order) noexcept { return untouched + order; }
    static constexpr unsigned sets = untouched + region_order;
    static constexpr unsigned in_no_set = sets;

    constexpr LlFreeRegion() noexcept = default;
    explicit constexpr LlFreeRegion(std::uint32_t bits) noexcept : bits_(bits & 0xFFFF) {}
    [[nodiscard]] constexpr std::uint32_t bits() const noexcept { return bits_; }

    /// Free frames that no one has been granted.
    [[nodiscard]] constexpr std::uint32_t free() const noexcept { return bits_ & free_mask; }
    /// Order of the longest free run, as it was known last; it may be shorter now.
    [[nodiscard]] constexpr unsigned run() const noexcept { return bits_ / run_unit & 15; }
    /// Handed out as one block of this order?
    [[nodiscard]] constexpr bool is_live_as(unsigned order) const noexcept {
        return run() == live_as(order);
    }
    [[nodiscard]] constexpr bool is_reserved() const noexcept { return (bits_ & reserved) != 0; }
    /// The sets in which others look for it.
    [[nodiscard]] constexpr unsigned set_by_fullness() const noexcept {
        return is_reserved() || free() == 0 ? in_no_set
                                            : (free() - 1) / (region_frames / fullness_sets) +
                                                  (free() == region_frames ? 1 : 0);
    }
    [[nodiscard]] constexpr unsigned set_by_run() const noexcept {
        return is_reserved() || free() == 0 || free() == region_frames || run() == 0
                   ? in_no_set
                   : run_set(run());
    }

    [[nodiscard]] constexpr LlFreeRegion with_free(std::uint32_t frames) const noexcept {
        return LlFreeRegion((bits_ & ~free_mask) | frames);
    }
    [[nodiscard]] constexpr LlFreeRegion with_run(unsigned order) const noexcept {
        return LlFreeRegion((bits_ & ~(15 * run_unit)) | order * run_unit);
    }
    /// All of its frames, as one block or a half of one.
    [[nodiscard]] constexpr LlFreeRegion taken_as(unsigned order) const noexcept {
        return with_free(0).with_run(live_as(order));
    }
    [[nodiscard]] constexpr LlFreeRegion freed() const noexcept {
        return with_free(region_frames).with_run(region_order - 1);
    }
    [[nodiscard]] constexpr LlFreeRegion with_reserved(bool is) const noexcept {
        return LlFreeRegion((bits_ & ~reserved) | (is ? reserved : 0));
    }

private:
    static constexpr std::uint32_t free_mask = 0x3FF;
    static constexpr std::uint32_t run_unit = 0x400;
    static constexpr std::uint32_t reserved = 0x4000;
    /// No run in a region that is handed out as a whole is longer than it.
    [[nodiscard]] static constexpr unsigned live_as(unsigned order) noexcept { return order + 1; }
    static_assert(region_frames <= free_mask);

    std::uint32_t bits_ = 0;
};

/// All of them. Concurrency: any number of CPUs; attach() alone is for one.
template <hal::AtomicsProvider Cpu>
class LlFreeRegions {
public:
    using Word = typename Cpu::template Atomic<std::uint32_t>;
    using Region = LlFreeRegion;
    static constexpr std::uint32_t none = ~0U;

    [[nodiscard]] static constexpr std::size_t metadata_bytes(std::uint32_t pairs) noexcept {
        return (pairs + Region::sets * words_of(pairs)) * sizeof(Word);
    }
    /// Of so many pairs of regions, each without a free frame. With `keep`, as the memory says.
    void attach(std::byte* metadata, std::uint32_t pairs, bool keep) noexcept {
        pair_count_ = pairs;
        pairs_ = reinterpret_cast<Word*>(metadata);
        sets_ = pairs_ + pairs;
        for (std::uint32_t i = 0; !keep && i < pairs; ++i) {
            ::new (static_cast<void*>(&pairs_[i])) Word(0U);
        }
        for (std::uint32_t i = 0; i < Region::sets * words_of(pairs); ++i) {
            ::new (static_cast<void*>(&sets_[i])) Word(0U);
        }
    }
    [[nodiscard]] std::uint32_t count() const noexcept { return 2 * pair_count_; }
    [[nodiscard]] Region operator[](std::uint32_t region) const noexcept {
        return Region(pairs_[region / 2].load(std::memory_order_acquire) >> shift_of(region));
    }

    /// Makes a region what `next` says of what it is; nothing, and false, if that is nothing.
    template <class F>
    bool change(std::uint32_t region, F&& next) noexcept {
        return change_pair(region / 2, [&](Region first, Region second) -> std::optional<Pair> {
            const std::optional<Region> now = next(region % 2 == 0 ? first : second);
            if (!now) {
                return std::nullopt;
            }
            return region % 2 == 0 ? Pair{*now, second} : Pair{first, *now};
        });
    }
    struct Pair {
        Region first, second;
    };
    /// The same for two regions at once: `next(first, second)`.
    template <class F>
    bool change_pair(std::uint32_t pair, F&& next) noexcept {
        // acquire / release: whoever is granted frames sees what their last owner did.
        std::uint32_t before = pairs_[pair].load(std::memory_order_acquire);
        for (;;) {
            const Pair old{Region(before), Region(before >> 16)};
            const std::optional<Pair> now = next(old.first, old.second);
            if (!now) {
                return false;
            }
            const std::uint32_t after = now->first.bits() | now->second.bits() << 16;
            if (pairs_[pair].compare_exchange_strong(before, after, std::memory_order_acq_rel))
                [[likely]] {
                relist(2 * pair, old.first, now->first);
                relist(2 * pair + 1, old.second, now->second);
                return true;
            }
        }
    }
    /// So many frames more are free, and make a run of this order.
    void give_back(std::uint32_t region, std::uint32_t frames, unsigned run) noexcept {
        change(region, [&](Region r) {
            return std::optional(r.with_free(r.free() + frames).with_run(std::max(r.run(), run)));
        });
    }

    /// Calls visit(region) for those in a set until one call is true, or `most` were not. Those
    /// that are in the wrong set are put right.
    template <class F>
    bool visit(unsigned set, unsigned most, F&& visit) noexcept {
        return visit_some(set, most, [](std::uint32_t members) { return members; }, visit);
    }
    /// The same for untouched regions, first those whose neighbour is not: so the largest blocks
    /// last.
    template <class F>
    bool visit_untouched(unsigned most, F&& visit) noexcept {
        const auto single = [](std::uint32_t members) {
            const std::uint32_t pairs = run_starts(members, 1);
            return members & ~(pairs | pairs << 1);
        };
        return visit_some(Region::untouched, most, single, visit) ||
               LlFreeRegions::visit(Region::untouched, most, visit);
    }
    /// Puts every region into its set. For one CPU.
    void list_all() noexcept {
        for (std::uint32_t region = 0; region < count(); ++region) {
            relist(region, Region(), (*this)[region]);
        }
    }

private:
    template <class Choose, class F>
    bool visit_some(unsigned set, unsigned most, Choose&& choose, F&& visit) noexcept {
        for (std::uint32_t w = 0; w < words_of(pair_count_); ++w) {
            std::uint32_t left = choose(word_of(set, w * row_bits).load(std::memory_order_relaxed));
            for (; left != 0; left &= left - 1) {
                const std::uint32_t region =
                    w * row_bits + static_cast<unsigned>(std::countr_zero(left));
                const Region r = (*this)[region];
                const unsigned actual =
                    set <= Region::untouched ? r.set_by_fullness() : r.set_by_run();
                if (actual != set) {
                    move(region, set, actual);
                } else if (visit(region)) {
                    return true;
                } else if (--most == 0) {
                    return false;
                }
            }
        }
        return false;
    }
    [[nodiscard]] static constexpr std::uint32_t words_of(std::uint32_t pairs) noexcept {
        return (2 * pairs + row_bits - 1) / row_bits;
    }
    [[nodiscard]] static constexpr unsigned shift_of(std::uint32_t region) noexcept {
        return region % 2 * 16;
    }
    void relist(std::uint32_t region, Region from, Region to) noexcept {
        if (from.bits() != to.bits()) {
            move(region, from.set_by_fullness(), to.set_by_fullness());
            move(region, from.set_by_run(), to.set_by_run());
        }
    }
    // Out of the old set first: if two CPUs move a region at once, it is in one too many, not too
    // few. relaxed: hints.
    void move(std::uint32_t region, unsigned from, unsigned to) noexcept {
        if (from == to) [[likely]] {
            return;
        }
        const std::uint32_t bit = 1U << region % row_bits;
        if (from != Region::in_no_set) {
            word_of(from, region).fetch_and(~bit, std::memory_order_relaxed);
        }
        if (to != Region::in_no_set) {
            word_of(to, region).fetch_or(bit, std::memory_order_relaxed);
        }
    }
    [[nodiscard]] Word& word_of(unsigned set, std::uint32_t region) noexcept {
        return sets_[set * words_of(pair_count_) + region / row_bits];
    }

    Word* pairs_ = nullptr;  ///< two regions each, the first in the low half
    Word* sets_ = nullptr;   ///< a bit for each region, set after set
    std::uint32_t pair_count_ = 0;
};

}  // namespace kidney::mm
