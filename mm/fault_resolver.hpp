/// Makes pages present: describes a fault to `decide_fault` (fault.hpp) and does what it answers.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"
#include "kidney/hal/page_fault.hpp"
#include "mm/fault.hpp"
#include "mm/region_map.hpp"
#include "mm/user_pages.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>

namespace kidney::mm {

/// The rights of a page in a region, of which it may be written only if `writable`.
[[nodiscard]] constexpr hal::PageFlags flags_for(
    Protection protection, bool writable, hal::PageKind kind = hal::PageKind::anonymous) noexcept {
    // WHY `user` follows the rights: a page whose region forbids all access stays present,
    // because its contents must survive until mprotect() opens it again.
    return {.writable = writable,
            .executable = protection.execute,
            .user = protection.any(),
            .kind = kind};
}
/// What the pages of a region count as, unless the program has a copy of its own.
[[nodiscard]] inline hal::PageKind kind_of(const RegionTraits& traits) noexcept {
    return traits.source
               ? traits.source->is_memory() ? hal::PageKind::shared_memory : hal::PageKind::file
               : hal::PageKind::anonymous;
}

/// A view of one address space, made and used under its lock. Errors of all calls: bad_address (no
/// region there), permission_denied (the region forbids it), no_memory, and what the region's file
/// says: out_of_range (beyond its end), io_error, no_space (a store into a hole).
template <hal::PageTableFormat Format, CountedFrames Frames, hal::PhysMap Phys, hal::Mmu Mmu,
          class Regions>
class FaultResolver {
public:
    using Pages = UserPages<Format, Frames, Phys, Mmu>;

    FaultResolver(Frames& frames, Phys& phys, Regions& regions, Pages& pages) noexcept
        : frames_(frames), phys_(phys), regions_(regions), pages_(pages) {}

    /// Makes the page at `address` fit for `access`.
    [[nodiscard]] Status resolve(VirtAddr address, hal::Access access) noexcept {
        Region* const region = address < hal::user_end ? region_for(address) : nullptr;
        if (region == nullptr) {
            return fail(Errc::bad_address);
        }
        const VirtAddr page = address.page_base();
        const auto entry = pages_.entry(page);
        const bool present = Format::is_present(entry);
        const FaultAction action = decide_fault(
            {.access = access,
             .protection = region->traits.protection,
             .shared = region->traits.shared,
             .has_source = static_cast<bool>(region->traits.source),
             .present = present,
             .writable = present && Format::flags_of(entry).writable,
             .sole_owner = present && frames_.references(Format::frame_of(entry)) == 1});
        return act(action, *region, page, Format::frame_of(entry));
    }

    /// The same for every page of the range.
    [[nodiscard]] Status populate(VirtRange range, hal::Access access) noexcept {
        for (VirtAddr page = range.start.page_base(); page < range.end(); page += page_size) {
            TRY(resolve(page, access));
        }
        return {};
    }

    /// Calls f with the bytes, page by page.
    template <class F>
    [[nodiscard]] Status for_each_piece(VirtAddr at, std::size_t size, hal::Access access,
                                        F&& f) noexcept {
        while (size > 0) {
            TRY(resolve(at, access));
            const auto entry = pages_.entry(at.page_base());
            const std::size_t piece = std::min<std::size_t>(size, page_size - at.page_offset());
            {
                const auto window = phys_.window(Format::frame_of(entry));
                f(std::span<std::byte>(window.bytes()).subspan(at.page_offset(), piece));
            }
            at += static_cast<std::uint32_t>(piece);
            size -= piece;
        }
        return {};
    }

private:
    /// The region for an access to `address`, grown down to it if need be.
    [[nodiscard]] Region* region_for(VirtAddr address) noexcept {
        if (Region* const region = regions_.find(address); region != nullptr) {
            return region;
        }
        Region* const above = regions_.first_after(address);
        if (above == nullptr || !above->traits.grows_down() || address < above->traits.lowest) {
            return nullptr;
        }
        const VirtAddr start = address.page_base();
        // What cannot be touched is a guard by itself.
        if (const Region* const below = above->previous;
            below != nullptr && below->traits.protection.any() &&
            start - below->range.end() < growth_guard) {
            return nullptr;
        }
        regions_.resize(*above, {start, above->range.end() - start});
        return above;
    }

    /// `mapped` is the page's frame, if it has one.
    [[nodiscard]] Status act(FaultAction action, const Region& region, VirtAddr page,
                             FrameNumber mapped) noexcept {
        const RegionTraits& traits = region.traits;
        const hal::PageFlags writable = flags_for(traits.protection, true);
        const std::uint32_t index = region.source_page(page);
        switch (action) {
            case FaultAction::refuse:
                return fail(Errc::permission_denied);
            case FaultAction::retry:
                return {};
            case FaultAction::map_zeros:
                return pages_.map_zeros(
                    page, flags_for(traits.protection, traits.protection.write, kind_of(traits)));
            case FaultAction::map_source:
                return pages_.map_frame(page, TRY(traits.source->page(index)),
                                        flags_for(traits.protection, false, kind_of(traits)));
            case FaultAction::map_source_writable: {
                const FrameNumber frame = TRY(traits.source->page(index));
                if (const Status dirty = traits.source->mark_dirty(index); !dirty) {
                    frames_.release(frame);
                    return dirty;
                }
                return pages_.map_frame(page, frame,
                                        flags_for(traits.protection, true, kind_of(traits)));
            }
            case FaultAction::copy_source: {
                const FrameNumber frame = TRY(traits.source->page(index));
                const Status status = pages_.map_copy(page, frame, writable);
                frames_.release(frame);
                return status;
            }
            case FaultAction::copy_page:
                return pages_.map_copy(page, mapped, writable);
            case FaultAction::make_dirty:
                if (traits.source) {
                    TRY(traits.source->mark_dirty(index));
                }
                [[fallthrough]];
            case FaultAction::take_over:
                pages_.widen(page, writable);
                return {};
        }
        return fail(Errc::bad_address);
    }

    Frames& frames_;
    Phys& phys_;
    Regions& regions_;
    Pages& pages_;
};

}  // namespace kidney::mm
