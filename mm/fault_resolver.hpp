/// Makes pages present: describes a fault to `decide_fault` (fault.hpp) and does what it answers.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/hal/page_fault.hpp"
#include "kidney/mm/page_source.hpp"
#include "mm/fault.hpp"
#include "mm/region_map.hpp"
#include "mm/user_pages.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

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

/// What an attempt under the lock has found missing.
struct MissingPage {
    Ref<PageSource> source;  ///< null: nothing
    std::uint32_t index = 0;
};

/// Calls attempt(MissingPage*) -> Status, which takes the lock of an address space, and reads what
/// it says is missing in between, keeping the page until the next attempt has seen it. Whatever
/// has changed meanwhile (the region, the file) that attempt sees, too. A page that does not stay
/// is left to a last attempt, which gets null and waits under the lock. Errors: of attempt(), and
/// of PageSource::page().
template <CountedFrames Frames, class Attempt>
[[nodiscard]] Status read_between_attempts(Frames& frames, Attempt&& attempt) noexcept {
    constexpr int patience = 4;
    std::optional<FrameNumber> kept;
    Ref<PageSource> owner;  // of the page that is kept
    for (int n = 1;; ++n) {
        MissingPage missing;
        Status status = attempt(n < patience ? &missing : nullptr);
        if (kept) {
            frames.release(*std::exchange(kept, std::nullopt));
        }
        if (!missing.source) {
            return status;
        }
        owner = std::move(missing.source);
        kept = TRY(owner->page(missing.index));
    }
}

/// A view of one address space, made and used under its lock. Errors of all calls: bad_address (no
/// region there), permission_denied (the region forbids it), no_memory, and what the region's file
/// says: out_of_range (beyond its end), io_error, no_space (a store into a hole).
template <hal::PageTableFormat Format, CountedFrames Frames, hal::PhysMap Phys, hal::Mmu Mmu,
          class Regions>
class FaultResolver {
public:
    using Pages = UserPages<Format, Frames, Phys, Mmu>;

    /// With a `missing` it does not wait for pages that must be read, but says which one it needs,
    /// and fails: would_block.
    FaultResolver(Frames& frames, Phys& phys, Regions& regions, Pages& pages,
                  MissingPage* missing = nullptr) noexcept
        : frames_(frames), phys_(phys), regions_(regions), pages_(pages), missing_(missing) {}

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

    [[nodiscard]] Result<FrameNumber> frame_of(const RegionTraits& traits,
                                               std::uint32_t index) noexcept {
        if (missing_ == nullptr) {
            return traits.source->page(index);
        }
        Result<FrameNumber> frame = traits.source->page_at_once(index);
        if (!frame && frame.error() == Errc::would_block) {
            *missing_ = {traits.source, index};
        }
        return frame;
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
                return pages_.map_frame(page, TRY(frame_of(traits, index)),
                                        flags_for(traits.protection, false, kind_of(traits)));
            case FaultAction::map_source_writable: {
                const FrameNumber frame = TRY(frame_of(traits, index));
                if (const Status dirty = traits.source->mark_dirty(index); !dirty) {
                    frames_.release(frame);
                    return dirty;
                }
                return pages_.map_frame(page, frame,
                                        flags_for(traits.protection, true, kind_of(traits)));
            }
            case FaultAction::copy_source: {
                const FrameNumber frame = TRY(frame_of(traits, index));
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
    MissingPage* const missing_;
};

}  // namespace kidney::mm
