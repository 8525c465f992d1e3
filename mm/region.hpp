/// Regions: what a range of a program's addresses means.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/mm/page_source.hpp"
#include "mm/fault.hpp"
#include "mm/gap_tree.hpp"

#include <algorithm>
#include <cstdint>

namespace kidney::mm {

/// For people who read /proc/N/maps.
enum class RegionKind : std::uint8_t { mapping, heap, stack };

/// Everything about a region but its place.
struct RegionTraits {
    Protection protection;
    bool shared = false;  ///< then there is a source: what is shared needs a place of its own
    /// Shows a file that was opened for reading only: no mprotect() may let the program write.
    bool never_writable = false;
    RegionKind kind = RegionKind::mapping;
    /// Nonzero: the region grows down on demand, to this address at most.
    VirtAddr lowest;
    /// File behind the region, or null: anonymous.
    Ref<PageSource> source;
    std::uint32_t source_page = 0;  ///< that the first page shows; 0 without a source
    /// PageSource::write_errors() that are no news to the program: it was told, or had not mapped
    /// it.
    std::uint32_t told_errors = 0;

    bool locked = false;        ///< mlock(): counts against RLIMIT_MEMLOCK
    bool dont_fork = false;     ///< children do not get the region
    bool wipe_on_fork = false;  ///< children get it with pages of zeros

    [[nodiscard]] bool grows_down() const noexcept { return lowest.value() != 0; }
    /// What RLIMIT_DATA counts.
    [[nodiscard]] bool is_data() const noexcept {
        return protection.write && !shared && kind != RegionKind::stack;
    }
};

/// Left free below a region that grows down, so that an overflow faults: as much as on Linux.
inline constexpr std::uint32_t growth_guard = 256 * page_size;

struct Region : GapTreeHook<Region>, SourceMapping {
    static constexpr const char* cache_name = "region";

    Region(VirtRange place, const RegionTraits& what) noexcept : range(place), traits(what) {}

    VirtRange range;  ///< page-aligned, not empty
    RegionTraits traits;

    /// Page of the source that `page` shows, if there is one.
    [[nodiscard]] std::uint32_t source_page(VirtAddr page) const noexcept {
        return traits.source_page + ((page - range.start) >> page_shift);
    }
    /// Where pages of the span are shown, if the region has the source at all.
    [[nodiscard]] VirtRange part_that_shows(PageSpan span) const noexcept {
        const std::uint64_t own = traits.source_page;
        const std::uint64_t first = std::max<std::uint64_t>(own, span.first);
        const std::uint64_t end =
            std::min(own + (range.size >> page_shift), std::uint64_t{span.first} + span.count);
        return first >= end ? VirtRange{range.start, 0}
                            : VirtRange{range.start +
                                            (static_cast<std::uint32_t>(first - own) << page_shift),
                                        static_cast<std::uint32_t>(end - first) << page_shift};
    }
    /// First address that others must keep clear of, unless they insist.
    [[nodiscard]] VirtAddr reserved_start() const noexcept {
        return traits.grows_down() ? range.start - std::min(growth_guard, range.start.value())
                                   : range.start;
    }
};

/// May two ranges be one region, the second where the first ends?
[[nodiscard]] inline bool joins(VirtRange first, const RegionTraits& a, VirtRange second,
                                const RegionTraits& b) noexcept {
    return first.end() == second.start && a.protection == b.protection && a.shared == b.shared &&
           a.never_writable == b.never_writable && a.kind == b.kind && a.locked == b.locked &&
           a.dont_fork == b.dont_fork && a.wipe_on_fork == b.wipe_on_fork && a.lowest == b.lowest &&
           a.source == b.source && a.told_errors == b.told_errors &&
           (!a.source || a.source_page + (first.size >> page_shift) == b.source_page);
}

}  // namespace kidney::mm
