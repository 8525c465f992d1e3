/// The regions of one address space, disjoint and sorted by address.
///
/// An intrusive red-black tree over objects from the heap, with the last hit remembered, because
/// faults come in runs. Knows nothing about pages. Concurrency: none.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/mm/make.hpp"
#include "kidney/mm/object_allocator.hpp"
#include "mm/region.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>

namespace kidney::mm {

template <ObjectAllocator Heap>
class RegionMap {
    struct StartOf {
        using type = VirtAddr;
        VirtAddr operator()(const Region& region) const noexcept { return region.range.start; }
    };
    using Set = boost::intrusive::set<Region, boost::intrusive::key_of_value<StartOf>>;

public:
    using iterator = typename Set::iterator;

    explicit RegionMap(Heap& heap) noexcept : heap_(heap) {}
    RegionMap(const RegionMap&) = delete;
    RegionMap& operator=(const RegionMap&) = delete;
    ~RegionMap() {
        while (!set_.empty()) {
            erase(set_.begin());
        }
    }

    [[nodiscard]] iterator begin() noexcept { return set_.begin(); }
    [[nodiscard]] iterator end() noexcept { return set_.end(); }
    [[nodiscard]] std::size_t size() const noexcept { return set_.size(); }

    /// The region that contains an address, or nullptr.
    [[nodiscard]] Region* find(VirtAddr address) noexcept {
        if (recent_ != nullptr && recent_->range.contains(address)) {
            return recent_;
        }
        const iterator next = set_.upper_bound(address);
        if (next == set_.begin()) {
            return nullptr;
        }
        Region& candidate = *std::prev(next);
        if (!candidate.range.contains(address)) {
            return nullptr;
        }
        recent_ = &candidate;
        return recent_;
    }
    /// The first region that ends after an address: the one containing it, or the next.
    [[nodiscard]] iterator first_after(VirtAddr address) noexcept {
        const iterator next = set_.upper_bound(address);
        if (next != set_.begin() && std::prev(next)->range.contains(address)) {
            return std::prev(next);
        }
        return next;
    }

    /// Does no region claim any part of the range?
    [[nodiscard]] bool is_free(VirtRange range) noexcept {
        const iterator next = first_after(range.start);
        return next == set_.end() || next->reserved_start() >= range.end();
    }

    /// The highest free place of this size in [lowest, ceiling), or address 0.
    [[nodiscard]] VirtAddr find_gap(std::uint32_t size, VirtAddr lowest,
                                    VirtAddr ceiling) noexcept {
        for (iterator at = set_.end(); at != set_.begin();) {
            --at;
            if (at->range.end() <= ceiling && ceiling - at->range.end() >= size) {
                break;
            }
            if (at->reserved_start() < ceiling) {
                ceiling = at->reserved_start();
            }
        }
        return ceiling > lowest && ceiling - lowest >= size ? ceiling - size : VirtAddr(0);
    }

    /// Adds a region in a free place, or widens its neighbours. Errors: no_memory.
    [[nodiscard]] Status insert(VirtRange range, const RegionTraits& traits) noexcept {
        if (!join(range, traits)) {
            set_.insert(*TRY(make<Region>(heap_, range, traits)));
        }
        return {};
    }

    /// Gives a region another place, which is free or overlaps nothing but the region itself.
    /// Allocates nothing; the region may become one with its new neighbours.
    void relocate(Region& region, VirtRange range, const RegionTraits& traits) noexcept {
        set_.erase(set_.iterator_to(region));
        recent_ = nullptr;
        if (join(range, traits)) {
            destroy(heap_, &region);
        } else {
            region.range = range;
            region.traits = traits;
            set_.insert(region);
        }
    }

    /// Makes `at` a boundary: a region across it becomes two that mean the same. Errors: no_memory.
    [[nodiscard]] Status split(VirtAddr at) noexcept {
        Region* const left = find(at);
        if (left == nullptr || left->range.start == at) {
            return {};
        }
        Region* const right =
            TRY(make<Region>(heap_, VirtRange{at, left->range.end() - at}, left->traits));
        right->traits.source_page = left->source_page(at);
        // What lies above a boundary has no room to grow into.
        right->traits.lowest = VirtAddr(0);
        left->range.size = at - left->range.start;
        set_.insert(*right);
        return {};
    }

    iterator erase(iterator at) noexcept {
        Region& region = *at;
        if (recent_ == &region) {
            recent_ = nullptr;
        }
        const iterator next = set_.erase(at);
        destroy(heap_, &region);
        return next;
    }

private:
    /// Makes a free range part of the neighbours that mean the same. False: there are none.
    [[nodiscard]] bool join(VirtRange range, const RegionTraits& traits) noexcept {
        const iterator next = set_.upper_bound(range.start);
        Region* const before = next == set_.begin() ? nullptr : &*std::prev(next);
        if (before != nullptr && joins(before->range, before->traits, range, traits)) {
            before->range.size += range.size;
            if (next != set_.end() &&
                joins(before->range, before->traits, next->range, next->traits)) {
                before->range.size += next->range.size;
                erase(next);
            }
            return true;
        }
        if (next != set_.end() && joins(range, traits, next->range, next->traits)) {
            // Moving the key keeps the order: nothing lies in between.
            next->range = {range.start, range.size + next->range.size};
            next->traits.source_page = traits.source_page;
            return true;
        }
        return false;
    }

    Heap& heap_;
    Set set_;
    Region* recent_ = nullptr;  ///< what find() found last
};

}  // namespace kidney::mm
