/// What is known about each region of 512 frames: how many of its frames are free, and of what
/// order its largest free block may be, its *level*; and the regions in sets by both.
///
/// The level of a region that is not whole is a bound. Taking a block may lower it: that is found
/// out by a search in vain. Giving one back may raise it, by merging: the region is *stale* then,
/// until somebody looks. Cost: O(1). Metadata: 16 bits a region and 3 KiB.
#pragma once

#include "kidney/mm/frame_allocator.hpp"
#include "mm/frames/region_sets.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

class RegionBooks {
public:
    /// Sets by the number of free frames, from 1 on. Whole regions are the last one.
    static constexpr unsigned whole = 3;

    [[nodiscard]] static constexpr std::size_t metadata_bytes(std::uint32_t regions) noexcept {
        return regions * sizeof(std::uint16_t);
    }
    /// Nothing is free.
    void attach(std::uint32_t regions, std::byte* metadata) noexcept {
        by_free_ = {};
        by_level_ = {};
        stale_ = {};
        free_ = 0;
        count_ = regions;
        states_ = reinterpret_cast<std::uint16_t*>(metadata);
        std::fill_n(states_, regions, std::uint16_t{0});
    }

    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
    [[nodiscard]] std::size_t free_frames() const noexcept { return free_; }
    [[nodiscard]] std::uint32_t free_in(std::uint32_t region) const noexcept {
        return states_[region] & free_mask;
    }
    [[nodiscard]] bool is_whole(std::uint32_t region) const noexcept {
        return free_in(region) == region_frames;
    }
    /// Hints for those who ask while others may be inside: nothing is free there; or little, and as
    /// far as is known no block of this order.
    [[nodiscard]] bool may_be_full(std::uint32_t region) const noexcept {
        return (hint(region) & free_mask) == 0;
    }
    [[nodiscard]] bool may_be_crowded(std::uint32_t region, unsigned order) const noexcept {
        const std::uint32_t state = hint(region);
        return (state & free_mask) < region_frames / 8 && level_of(state) < order;
    }
    /// Rows of it have holes inside.
    [[nodiscard]] bool is_ragged(std::uint32_t region) const noexcept {
        return (states_[region] & ragged) != 0;
    }
    void set_ragged(std::uint32_t region) noexcept { set_state(region, states_[region] | ragged); }

    [[nodiscard]] const RegionSets<whole>& by_free() const noexcept { return by_free_; }
    /// Those that are not whole, by their level if it is not 0.
    [[nodiscard]] const RegionSets<region_order - 1>& by_level() const noexcept {
        return by_level_;
    }
    [[nodiscard]] const RegionSet& stale() const noexcept { return stale_; }

    void took(std::uint32_t region, std::uint32_t frames) noexcept {
        set_free(region, free_in(region) - frames);
    }
    /// Blocks of this order have become free; they may have merged.
    void got_back(std::uint32_t region, std::uint32_t frames, unsigned order) noexcept {
        set_free(region, free_in(region) + frames);
        if (is_whole(region)) {
            return;  // found by being whole
        }
        if ((states_[region] & is_stale) == 0) {
            set_state(region, states_[region] | is_stale);
            stale_.insert(region);
        }
        if (const unsigned bound = std::min(order, region_order - 1); bound > level(region)) {
            set_level(region, bound);
        }
    }
    /// The same for single frames, of which many come one after another: mostly the region is stale
    /// already, and stays in its sets.
    void got_back_singles(std::uint32_t region, std::uint32_t frames) noexcept {
        const std::uint32_t state = states_[region];
        const std::uint32_t before = state & free_mask;
        if ((state & is_stale) != 0 && set_of(before) == set_of(before + frames)) [[likely]] {
            set_state(region, state + frames);
            free_ += frames;
        } else {
            got_back(region, frames, 0);
        }
    }
    /// Somebody has looked: the largest free block is of this order.
    void settle(std::uint32_t region, unsigned order) noexcept {
        set_level(region, is_whole(region) ? 0 : order);
        set_state(region, states_[region] & ~unsigned{is_stale});
        stale_.erase(region);
    }

private:
    // A region in 16 bits.
    static constexpr std::uint16_t free_mask = 0x3FF;
    static constexpr unsigned level_shift = 10;
    static constexpr std::uint16_t level_mask = 0xF << level_shift;
    static constexpr std::uint16_t is_stale = 1U << 14;
    static constexpr std::uint16_t ragged = 1U << 15;

    static constexpr std::uint32_t free_per_set = 256;
    static_assert(whole == region_frames / free_per_set + 1);
    [[nodiscard]] static constexpr unsigned set_of(std::uint32_t free) noexcept {
        return (free + free_per_set - 1) / free_per_set + (free == region_frames ? 1 : 0);
    }

    /// 0 for a whole region, which is no matter of levels.
    [[nodiscard]] static constexpr unsigned level_of(std::uint32_t state) noexcept {
        return (state & level_mask) >> level_shift;
    }
    [[nodiscard]] unsigned level(std::uint32_t region) const noexcept {
        return level_of(states_[region]);
    }
    [[nodiscard]] std::uint32_t hint(std::uint32_t region) const noexcept {
        return std::atomic_ref(states_[region]).load(std::memory_order_relaxed);
    }
    void set_state(std::uint32_t region, std::uint32_t state) noexcept {
        // relaxed: for hint(), whose callers read no more than this.
        std::atomic_ref(states_[region])
            .store(static_cast<std::uint16_t>(state), std::memory_order_relaxed);
    }
    void set_free(std::uint32_t region, std::uint32_t count) noexcept {
        const std::uint32_t before = free_in(region);
        set_state(region, states_[region] - before + count);
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
        set_state(region, (states_[region] & ~unsigned{level_mask}) | to << level_shift);
    }

    std::uint16_t* states_ = nullptr;
    RegionSets<whole> by_free_;
    RegionSets<region_order - 1> by_level_;
    RegionSet stale_;
    std::size_t free_ = 0;
    std::uint32_t count_ = 0;
};

}  // namespace kidney::mm
