/// The regions of one address space, disjoint and sorted by address.
///
/// A tree (gap_tree.hpp) of objects from the heap, with the last hit remembered, because faults
/// come in runs. Knows nothing about pages. Every operation costs O(log n), and O(1) more for each
/// region that it touches. Concurrency: none.
#pragma once

#include "kidney/mm/make.hpp"
#include "kidney/mm/object_allocator.hpp"
#include "mm/gap_tree.hpp"
#include "mm/region.hpp"
#include "mm/reverse_map.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::mm {

/// What limits are about, of all regions together, in bytes.
struct RegionTotals {
    std::uint32_t bytes = 0;
    std::uint32_t data = 0;    ///< private and writable, but for the stack
    std::uint32_t locked = 0;  ///< by mlock() and its kin
};

/// `Mappings` is a ReverseMap: it knows of every region that shows pages of a source.
template <ObjectAllocator Heap, class Mappings>
class RegionMap {
public:
    /// As many as Linux allows: each is kernel memory that a program controls.
    static constexpr std::size_t max_regions = 65'530;

    /// `owner` stands for these regions in the reverse map.
    RegionMap(Heap& heap, Mappings& mappings, MappingOwner& owner) noexcept
        : heap_(heap), mappings_(mappings), owner_(owner) {}
    RegionMap(const RegionMap&) = delete;
    RegionMap& operator=(const RegionMap&) = delete;
    ~RegionMap() {
        if (spare_ != nullptr) {
            destroy(heap_, spare_);
        }
        while (Region* const region = first()) {
            erase(*region);
        }
    }

    /// The lowest region, or nullptr; `next` leads to the others.
    [[nodiscard]] Region* first() const noexcept { return tree_.first(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] const RegionTotals& totals() const noexcept { return totals_; }

    /// The region that contains an address, or nullptr.
    [[nodiscard]] Region* find(VirtAddr address) noexcept {
        if (recent_ != nullptr && recent_->range.contains(address)) {
            return recent_;
        }
        Region* const candidate = before(tree_.upper_bound(address));
        if (candidate == nullptr || !candidate->range.contains(address)) {
            return nullptr;
        }
        recent_ = candidate;
        return recent_;
    }
    /// The first region that ends after an address: the one containing it, or the next.
    [[nodiscard]] Region* first_after(VirtAddr address) const noexcept {
        Region* const next = tree_.upper_bound(address);
        Region* const candidate = before(next);
        return candidate != nullptr && candidate->range.contains(address) ? candidate : next;
    }

    /// Does no region claim any part of the range?
    [[nodiscard]] bool is_free(VirtRange range) const noexcept {
        const Region* const next = first_after(range.start);
        return next == nullptr || next->reserved_start() >= range.end();
    }

    /// The highest free place of this size in [lowest, ceiling), or address 0.
    [[nodiscard]] VirtAddr find_gap(std::uint32_t size, VirtAddr lowest,
                                    VirtAddr ceiling) noexcept {
        return tree_.highest_gap(size, lowest, ceiling);
    }

    /// Calls `f(const Region&, VirtRange part)`, a Status, for what each region has in the range,
    /// in address order, until one fails; `f` may change the map there. Errors: those of `f`; else
    /// no_memory at the end if there are holes.
    template <class F>
    [[nodiscard]] Status for_each_part(VirtRange range, F&& f) noexcept {
        Status outcome;
        VirtAddr covered = range.start;
        while (covered < range.end()) {
            const Region* const region = first_after(covered);
            if (region == nullptr || region->range.start >= range.end()) {
                return fail(Errc::no_memory);
            }
            const VirtAddr from = std::max(region->range.start, covered);
            if (from != covered) {
                outcome = fail(Errc::no_memory);
            }
            covered = std::min(region->range.end(), range.end());
            TRY(f(*region, VirtRange{from, covered - from}));
        }
        return outcome;
    }

    /// The next insert() cannot fail, whatever is removed before. Errors: no_memory.
    [[nodiscard]] Status reserve() noexcept {
        if (size_ + 1 >= max_regions) {  // removing may make one more
            return fail(Errc::no_memory);
        }
        if (spare_ == nullptr) {
            spare_ = TRY(make<Region>(heap_, VirtRange{}, RegionTraits{}));
        }
        return {};
    }

    /// Adds a region in a free place, or widens its neighbours. It shows no page yet; or those that
    /// `model` shows are moved or copied to it in the same critical section. Errors: no_memory.
    [[nodiscard]] Status insert(VirtRange range, const RegionTraits& traits,
                                const Region* model = nullptr) noexcept {
        Region* const next = tree_.upper_bound(range.start);
        if (model == nullptr && widen_neighbour(range, traits, next)) {
            return {};
        }
        Region* const fresh = TRY(make_reserved(range, traits));
        introduce(*fresh, model);
        if (model == nullptr) {
            add(*fresh, next);
        } else {
            place(*fresh);
        }
        return {};
    }

    /// Gives a region another place, which is free but for the region itself. Allocates nothing;
    /// the region may become one with its new neighbours.
    void relocate(Region& region, VirtRange range, const RegionTraits& traits) noexcept {
        take_out(region);
        region.range = range;
        region.traits = traits;
        place(region);
    }

    /// fork: adds a copy of another map's region behind all others. The reverse map does not know
    /// it before publish(). Errors: no_memory.
    [[nodiscard]] Status append(const Region& model) noexcept {
        Region* const copy = TRY(make_region(model.range, model.traits));
        copy->traits.locked = false;  // POSIX: locks are not inherited
        copy->round = model.round;
        add(*copy, nullptr);
        return {};
    }
    /// Everything is there now, and the models are still locked: others may look for pages here.
    void publish() noexcept {
        for (Region* at = first(); at != nullptr; at = at->next) {
            introduce(*at, at);
        }
    }

    /// Moves the ends of a region into free room, or inwards. What a page shows does not change.
    void resize(Region& region, VirtRange range) noexcept {
        count(region, false);
        if (region.traits.source) {
            // In page numbers, because the start may move both ways.
            region.traits.source_page +=
                (range.start.value() >> page_shift) - (region.range.start.value() >> page_shift);
        }
        region.range = range;
        count(region, true);
        tree_.changed(region);
    }

    /// Removes what lies in the range, calling `gone(VirtRange)` for each piece. Errors: no_memory,
    /// only for a range that leaves both ends of one region, with nothing removed.
    template <class F>
    [[nodiscard]] Status remove(VirtRange range, F&& gone) noexcept {
        Region* at = first_after(range.start);
        if (at != nullptr && at->range.start < range.start && at->range.end() > range.end()) {
            TRY(split(*at, range.end()));
        }
        while (at != nullptr && at->range.start < range.end()) {
            Region* const next = at->next;
            const VirtRange whole = at->range;
            const VirtAddr from = std::max(whole.start, range.start);
            const VirtAddr to = std::min(whole.end(), range.end());
            gone(VirtRange{from, to - from});
            if (from > whole.start) {
                resize(*at, {whole.start, from - whole.start});
            } else if (to < whole.end()) {
                resize(*at, {to, whole.end() - to});
            } else {
                erase(*at);
            }
            at = next;
        }
        return {};
    }

    /// Makes both ends of the range boundaries: a region across one becomes two that mean the same.
    /// Errors: no_memory, with nothing changed.
    [[nodiscard]] Status split_at_ends(VirtRange range) noexcept {
        TRY(split_at(range.start));
        Status status = split_at(range.end());
        if (!status) {
            coalesce({range.start, page_size});
        }
        return status;
    }

    /// Calls f(RegionTraits&) for each region in the range, whose ends become boundaries first.
    /// Regions that are alike afterwards become one. Errors: no_memory, with nothing changed.
    template <class F>
    [[nodiscard]] Status change(VirtRange range, F&& f) noexcept {
        TRY(split_at_ends(range));
        for (Region* at = first_after(range.start); at != nullptr && at->range.start < range.end();
             at = at->next) {
            count(*at, false);
            f(at->traits);
            count(*at, true);
            tree_.changed(*at);
        }
        coalesce(range);
        return {};
    }

private:
    [[nodiscard]] Region* before(Region* next) const noexcept {
        return next == nullptr ? tree_.last() : next->previous;
    }
    [[nodiscard]] Result<Region*> make_region(VirtRange range,
                                              const RegionTraits& traits) noexcept {
        if (size_ == max_regions) {
            return fail(Errc::no_memory);
        }
        return make<Region>(heap_, range, traits);
    }
    [[nodiscard]] Result<Region*> make_reserved(VirtRange range,
                                                const RegionTraits& traits) noexcept {
        if (spare_ == nullptr) {
            return make_region(range, traits);
        }
        Region* const region = std::exchange(spare_, nullptr);
        region->range = range;
        region->traits = traits;
        return region;
    }
    void add(Region& region, Region* next) noexcept {
        tree_.insert_before(next, region);
        count(region, true);
        ++size_;
    }
    void take_out(Region& region) noexcept {
        recent_ = nullptr;
        tree_.erase(region);
        count(region, false);
        --size_;
    }
    void erase(Region& region) noexcept {
        take_out(region);
        end(region);
    }
    /// A region that is in no tree.
    void end(Region& region) noexcept {
        if (region.owner != nullptr) {
            mappings_.remove(*region.traits.source, region);
        }
        destroy(heap_, &region);
    }
    void introduce(Region& region, const Region* model) noexcept {
        if (PageSource* const source = region.traits.source.get()) {
            if (model == nullptr) {
                mappings_.add(*source, region, owner_);
            } else {
                mappings_.add_like(*source, region, *model, owner_);
            }
        }
    }
    void count(const Region& region, bool in) noexcept {
        const RegionTraits& traits = region.traits;
        // Unsigned: taking away is adding the negative.
        const std::uint32_t size = in ? region.range.size : 0 - region.range.size;
        totals_.bytes += size;
        totals_.data += traits.is_data() ? size : 0;
        totals_.locked += traits.locked ? size : 0;
    }

    [[nodiscard]] Status split_at(VirtAddr at) noexcept {
        Region* const region = find(at);
        return region == nullptr || region->range.start == at ? Status() : split(*region, at);
    }
    /// `at` lies within the region.
    [[nodiscard]] Status split(Region& left, VirtAddr at) noexcept {
        const VirtRange whole = left.range;
        Region* const right = TRY(make_region({at, whole.end() - at}, left.traits));
        right->traits.source_page = left.traits.source ? left.source_page(at) : 0;
        introduce(*right, &left);
        resize(left, {whole.start, at - whole.start});
        add(*right, left.next);
        return {};
    }

    /// Makes a free range below `next`, with no pages in it, part of a neighbour that means the
    /// same. False: there is none.
    [[nodiscard]] bool widen_neighbour(VirtRange range, const RegionTraits& traits,
                                       Region* next) noexcept {
        Region* const previous = before(next);
        if (previous != nullptr && joins(previous->range, previous->traits, range, traits)) {
            resize(*previous, {previous->range.start, previous->range.size + range.size});
            if (next != nullptr) {
                join(*previous, *next);
            }
            return true;
        }
        if (next != nullptr && joins(range, traits, next->range, next->traits)) {
            resize(*next, {range.start, range.size + next->range.size});
            return true;
        }
        return false;
    }
    /// Puts a region that is in no tree into its place, as a part of its neighbours if they mean
    /// the same.
    void place(Region& region) noexcept {
        add(region, tree_.upper_bound(region.range.start));
        if (Region* const next = region.next; next != nullptr) {
            join(region, *next);
        }
        if (Region* const previous = region.previous; previous != nullptr) {
            join(*previous, region);
        }
    }
    /// Makes two neighbours one, if they mean the same: `second` ends.
    void join(Region& first, Region& second) noexcept {
        if (!joins(first.range, first.traits, second.range, second.traits)) {
            return;
        }
        const std::uint32_t size = first.range.size + second.range.size;
        if (second.owner != nullptr) {
            mappings_.merge(*second.traits.source, first, second);
        }
        erase(second);
        resize(first, {first.range.start, size});
    }
    /// Joins what is alike in the range, with the neighbours on both sides.
    void coalesce(VirtRange range) noexcept {
        Region* at = first_after(range.start);
        while (at != nullptr && at->range.start <= range.end()) {
            Region* const next = at->next;
            if (at->previous != nullptr) {
                join(*at->previous, *at);
            }
            at = next;
        }
    }

    Heap& heap_;
    Mappings& mappings_;
    MappingOwner& owner_;
    GapTree<Region> tree_;
    std::size_t size_ = 0;
    RegionTotals totals_;
    Region* recent_ = nullptr;  ///< what find() found last
    Region* spare_ = nullptr;   ///< from reserve(), in no tree
};

}  // namespace kidney::mm
