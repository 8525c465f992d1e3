/// mremap(): regions that change their size or their place.
#pragma once

#include "kidney/core/result.hpp"
#include "mm/map_request.hpp"

#include <cstdint>
#include <optional>
#include <utility>

namespace kidney::mm {

struct RemapRequest {
    VirtRange old;               ///< size 0: a second mapping of what is shared there
    std::uint32_t new_size = 0;  ///< bytes, rounded up to pages
    bool may_move = false;
    bool keep_old = false;             ///< move the pages, leave an empty region behind
    std::optional<VirtAddr> target{};  ///< exact place; what is there is unmapped
};

/// A view of one address space, made and used under its lock. Rules and their order are Linux's,
/// but that nothing is half done: what can fail comes first.
template <class Regions, class Pages>
class RegionMover {
public:
    /// `ceiling`: what goes to a place of our choice lies below it.
    RegionMover(Regions& regions, Pages& pages, VirtAddr ceiling) noexcept
        : regions_(regions), pages_(pages), ceiling_(ceiling) {}

    /// The new place. Errors: invalid_argument, bad_address (the old range is not within one
    /// region), not_permitted (target below user_layout::lowest), no_memory.
    [[nodiscard]] Result<VirtAddr> remap(const RemapRequest& request) noexcept {
        const std::uint32_t new_size = request.new_size + page_mask & ~page_mask;
        VirtRange old{request.old.start, request.old.size + page_mask & ~page_mask};
        if (!old.start.is_page_aligned() || new_size == 0) {
            return fail(Errc::invalid_argument);
        }
        Region* const region = regions_.find(old.start);
        if (region == nullptr) {
            return fail(Errc::bad_address);
        }
        if (request.target) {
            TRY(check_target(old, *request.target, new_size));
        }
        if (old.size > new_size || (old.size == new_size && !request.target && !request.keep_old)) {
            TRY(shrink(old, new_size));
            old.size = new_size;
            if (!request.target) {
                return old.start;
            }
        }
        TRY(check_growth(*region, old, new_size));
        if (!request.target && !request.keep_old && grow_in_place(*region, old, new_size)) {
            return old.start;
        }
        if (!request.may_move) {
            return fail(Errc::no_memory);
        }
        const VirtAddr to =
            request.target.value_or(regions_.find_gap(new_size, user_layout::lowest, ceiling_));
        if (to.value() == 0) {
            return fail(Errc::no_memory);
        }
        return move(*region, old, {to, new_size}, request.keep_old);
    }

private:
    [[nodiscard]] static Status check_target(VirtRange old, VirtAddr target,
                                             std::uint32_t size) noexcept {
        if (!target.is_page_aligned() || target > user_layout::highest ||
            size > user_layout::highest - target ||
            (old.start + old.size > target && target + size > old.start)) {
            return fail(Errc::invalid_argument);
        }
        return target < user_layout::lowest ? Status(fail(Errc::not_permitted)) : Status();
    }
    [[nodiscard]] Status shrink(VirtRange old, std::uint32_t new_size) noexcept {
        if (old.size == new_size) {
            return {};
        }
        const VirtRange rest = TRY(user_range({old.start + new_size, old.size - new_size}));
        return regions_.remove(rest, [&](VirtRange part) { pages_.drop(part); });
    }
    [[nodiscard]] static Status check_growth(const Region& region, VirtRange old,
                                             std::uint32_t new_size) noexcept {
        if (old.size == 0 && !region.traits.shared) {
            return fail(Errc::invalid_argument);
        }
        if (old.size > region.range.end() - old.start) {
            return fail(Errc::bad_address);
        }
        // The last page shown must have a number.
        const std::uint32_t first = region.source_page(old.start);
        return region.traits.source && first + (new_size >> page_shift) < first
                   ? Status(fail(Errc::invalid_argument))
                   : Status();
    }
    [[nodiscard]] bool grow_in_place(Region& region, VirtRange old,
                                     std::uint32_t new_size) noexcept {
        const VirtRange more{old.end(), new_size - old.size};
        if (old.size == 0 || old.end() != region.range.end() || old.end() > user_layout::highest ||
            more.size > user_layout::highest - old.end() || !regions_.is_free(more)) {
            return false;
        }
        regions_.resize(region, {region.range.start, region.range.size + more.size});
        return true;
    }

    /// Moves the pages of `old`, if there are any, to a region at `to`.
    [[nodiscard]] Result<VirtAddr> move(Region& region, VirtRange old, VirtRange to,
                                        bool keep_old) noexcept {
        const auto drop = [&](VirtRange part) { pages_.drop(part); };
        RegionTraits traits = region.traits;
        traits.source_page = traits.source ? region.source_page(old.start) : 0;
        // Only what stays where it is can grow down to where it was meant to.
        traits.lowest = VirtAddr(0);
        traits.kind = RegionKind::mapping;
        if (old.size == 0) {
            TRY(regions_.reserve());
            TRY(regions_.remove(to, drop));
            TRY(regions_.insert(to, traits));
            return to.start;
        }
        TRY(regions_.split_at_ends(old));
        TRY(pages_.prepare({to.start, old.size}));
        if (keep_old) {
            TRY(regions_.reserve());
        }
        TRY(regions_.remove(to, drop));
        if (keep_old) {
            TRY(regions_.insert(to, traits, regions_.find(old.start)));
        }
        // Nothing from here on allocates: the region itself moves, it is not made again.
        pages_.move(old, to.start);
        if (!keep_old) {
            regions_.relocate(*regions_.find(old.start), to, traits);
        }
        return to.start;
    }

    Regions& regions_;
    Pages& pages_;
    const VirtAddr ceiling_;
};

}  // namespace kidney::mm
