/// What programs ask about ranges of their memory: mprotect(), madvise(), mlock(), mincore().
///
/// As on Linux, a range with holes is dealt with where it is mapped and then refused: mprotect and
/// mlock stop at the first hole, madvise goes on behind it.
#pragma once

#include "kidney/core/result.hpp"
#include "mm/fault_resolver.hpp"
#include "mm/map_request.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace kidney::mm {

/// What madvise() can ask for; advice that changes nothing here is `none`.
enum class Advice : std::uint8_t {
    none,
    unless_locked,   ///< MADV_COLD, MADV_PAGEOUT: not for locked memory
    discard,         ///< the next touch brings zeros, or the file's bytes again
    discard_locked,  ///< the same for locked memory, too
    free,            ///< as discard, for private anonymous memory only
    dont_fork,
    do_fork,
    wipe_on_fork,
    keep_on_fork,
};

/// Pages of a source, with a reference that keeps it.
struct SourcePart {
    Ref<PageSource> source;
    PageSpan pages;
};

/// madvise(MADV_REMOVE): sources forget the pages of the range. Errors: as
/// RangeAdvice::removable_part() and PageSource::remove(), after what lies before is gone. No lock
/// is held meanwhile: the source tells all who map the pages, `space` among them.
template <class Space>
[[nodiscard]] Status remove_from_sources(Space& space, VirtRange range) noexcept {
    range = TRY(user_range(range));
    while (range.size != 0) {
        const SourcePart part = TRY(space.removable_part(range));
        TRY(part.source->remove(part.pages));
        const std::uint32_t done = part.pages.count << page_shift;
        range = {range.start + done, range.size - done};
    }
    return {};
}

/// msync(MS_SYNC): what was stored into the range through shared mappings holds. The first error of
/// a source, also one that came earlier and that these mappings have not told of; the others are
/// synced nevertheless. May sleep.
template <class Space>
[[nodiscard]] Status sync_sources(Space& space, VirtRange range) noexcept {
    range = TRY(user_range(range));
    Status outcome;
    for (VirtAddr at = range.start; at < range.end();) {
        const VirtRange rest{at, range.end() - at};
        const Ref<PageSource> source = space.next_stored_source(rest, at);
        if (!source) {
            break;
        }
        Status synced = source->sync();
        if (space.has_new_errors(rest, *source) && synced) {
            synced = fail(Errc::io_error);
        }
        outcome = outcome ? synced : outcome;
    }
    return outcome;
}

/// A view of one address space, made and used under its lock. Ranges are whole pages of user
/// addresses. Errors of all: no_memory (a hole, or a region would have to be split).
template <class Regions, class Pages>
class RangeAdvice {
public:
    RangeAdvice(Regions& regions, Pages& pages) noexcept : regions_(regions), pages_(pages) {}

    /// `from_bottom`: for a region that grows down, all of it up to the end of the range. Also
    /// permission_denied (writing to what is never_writable; what lies before it is changed) and
    /// invalid_argument (from the bottom of what does not grow).
    [[nodiscard]] Status protect(VirtRange range, Protection protection,
                                 bool from_bottom) noexcept {
        if (from_bottom) {
            range = TRY(grown_range(range));
        }
        VirtAddr covered = range.start;
        Status outcome = walk_to_hole(range, covered, [&](const Region& region) {
            return protection.write && region.traits.never_writable
                       ? Status(fail(Errc::permission_denied))
                       : Status();
        });
        if (covered == range.start) {
            return outcome;
        }
        const VirtRange part{range.start, covered - range.start};
        TRY(regions_.change(part, [&](RegionTraits& traits) { traits.protection = protection; }));
        // Pages never keep the right to write: the next write fault decides what it means.
        pages_.narrow(part, flags_for(protection, false));
        return outcome;
    }

    /// mlock() and munlock(), without the pages.
    [[nodiscard]] Status set_locked(VirtRange range, bool locked) noexcept {
        VirtAddr covered = range.start;
        Status outcome = walk_to_hole(range, covered, [](const Region&) { return Status(); });
        if (covered != range.start) {
            TRY(regions_.change({range.start, covered - range.start},
                                [&](RegionTraits& traits) { traits.locked = locked; }));
        }
        return outcome;
    }

    /// The same for all there is; needs no memory.
    void set_all_locked(bool locked) noexcept {
        const VirtRange all{VirtAddr(0), hal::user_end - VirtAddr(0)};
        ignore_error(regions_.change(all, [&](RegionTraits& traits) { traits.locked = locked; }),
                     "no region crosses the ends of user memory");
    }

    /// madvise(MADV_REMOVE) for the part that begins the range: which pages are to go, of what.
    /// Errors: no_memory (a hole begins it), invalid_argument (no source, or locked),
    /// permission_denied (not shared and writable).
    [[nodiscard]] Result<SourcePart> removable_part(VirtRange range) noexcept {
        const Region* const region = regions_.find(range.start);
        if (region == nullptr) {
            return fail(Errc::no_memory);
        }
        const RegionTraits& traits = region->traits;
        if (traits.locked || !traits.source) {
            return fail(Errc::invalid_argument);
        }
        if (!traits.shared || !traits.protection.write) {
            return fail(Errc::permission_denied);
        }
        const VirtAddr end = std::min(range.end(), region->range.end());
        return SourcePart{traits.source,
                          {region->source_page(range.start), (end - range.start) >> page_shift}};
    }

    /// Of the first shared region in the range that programs may store into; null: there is none.
    /// `behind` becomes its end.
    [[nodiscard]] Ref<PageSource> next_stored_source(VirtRange range, VirtAddr& behind) noexcept {
        const Region* at = regions_.first_after(range.start);
        while (at != nullptr && at->range.start < range.end()) {
            behind = at->range.end();
            if (at->traits.source && at->traits.shared && !at->traits.never_writable) {
                return at->traits.source;
            }
            at = at->next;
        }
        behind = range.end();
        return nullptr;
    }

    /// Could a source not store something since the regions of the range that show it were asked?
    [[nodiscard]] bool has_new_errors(VirtRange range, PageSource& source) noexcept {
        const std::uint32_t count = source.write_errors();
        bool is_news = false;
        for (Region* at = regions_.first_after(range.start);
             at != nullptr && at->range.start < range.end(); at = at->next) {
            if (at->traits.source.get() == &source) {
                is_news |= std::exchange(at->traits.told_errors, count) != count;
            }
        }
        return is_news;
    }

    [[nodiscard]] std::uint32_t locked_bytes(VirtRange range) noexcept {
        std::uint32_t sum = 0;
        ignore_error(regions_.for_each_part(range,
                                            [&](const Region& region, VirtRange part) {
                                                sum += region.traits.locked ? part.size : 0;
                                                return Status();
                                            }),
                     "holes are not locked");
        return sum;
    }

    /// Also invalid_argument (not for this kind of memory); what lies before it has heard the
    /// advice.
    [[nodiscard]] Status advise(VirtRange range, Advice advice) noexcept {
        return regions_.for_each_part(range, [&](const Region& region, VirtRange part) {
            return advise_part(region, part, advice);
        });
    }

    /// mincore(): 1 for each page from `start` on that can be had without reading a disk, else 0.
    [[nodiscard]] Status residency(VirtAddr start, std::span<std::uint8_t> pages) noexcept {
        const VirtRange range{start, static_cast<std::uint32_t>(pages.size() << page_shift)};
        return regions_.for_each_part(range, [&](const Region& region, VirtRange part) {
            for (VirtAddr at = part.start; at < part.end(); at += page_size) {
                PageSource* const source = region.traits.source.get();
                pages[at - start >> page_shift] =
                    pages_.is_present(at) ||
                    (source != nullptr && source->is_resident(region.source_page(at)));
            }
            return Status();
        });
    }

private:
    [[nodiscard]] Result<VirtRange> grown_range(VirtRange range) noexcept {
        const Region* const region = regions_.first_after(range.start);
        if (region == nullptr || region->range.start >= range.end()) {
            return fail(Errc::no_memory);
        }
        if (!region->traits.grows_down()) {
            return fail(Errc::invalid_argument);
        }
        return VirtRange{region->range.start, range.end() - region->range.start};
    }
    /// Moves `covered` on until the first hole, or the first region that `may_be` refuses.
    template <class F>
    [[nodiscard]] Status walk_to_hole(VirtRange range, VirtAddr& covered, F&& may_be) noexcept {
        const Region* at = regions_.first_after(range.start);
        while (covered < range.end()) {
            if (at == nullptr || at->range.start > covered) {
                return fail(Errc::no_memory);
            }
            TRY(may_be(*at));
            covered = std::min(at->range.end(), range.end());
            at = at->next;
        }
        return {};
    }
    [[nodiscard]] Status advise_part(const Region& region, VirtRange part, Advice advice) noexcept {
        const RegionTraits& traits = region.traits;
        const bool is_anonymous = !traits.source;
        const auto set = [&](bool RegionTraits::* member, bool value) {
            return regions_.change(part, [=](RegionTraits& t) { t.*member = value; });
        };
        switch (advice) {
            case Advice::none:
                return {};
            case Advice::unless_locked:
                return traits.locked ? Status(fail(Errc::invalid_argument)) : Status();
            case Advice::free:
            case Advice::discard:
                if (traits.locked || (advice == Advice::free && !is_anonymous)) {
                    return fail(Errc::invalid_argument);
                }
                [[fallthrough]];
            case Advice::discard_locked:
                pages_.drop(part);
                return {};
            case Advice::dont_fork:
                return set(&RegionTraits::dont_fork, true);
            case Advice::do_fork:
                return set(&RegionTraits::dont_fork, false);
            case Advice::wipe_on_fork:
                return is_anonymous ? set(&RegionTraits::wipe_on_fork, true)
                                    : Status(fail(Errc::invalid_argument));
            case Advice::keep_on_fork:
                return set(&RegionTraits::wipe_on_fork, false);
        }
        return fail(Errc::invalid_argument);
    }

    Regions& regions_;
    Pages& pages_;
};

}  // namespace kidney::mm
