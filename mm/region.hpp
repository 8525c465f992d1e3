/// Regions: what a range of a program's addresses means.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/mm/page_source.hpp"
#include "mm/fault.hpp"

#include <boost/intrusive/set.hpp>

#include <cstdint>

namespace kidney::mm {

/// For people who read /proc/N/maps.
enum class RegionKind : std::uint8_t { mapping, heap, stack };

/// Everything about a region but its place.
struct RegionTraits {
    Protection protection;
    bool shared = false;
    /// Shows a file that was opened for reading only: no mprotect() may let the program write.
    bool never_writable = false;
    RegionKind kind = RegionKind::mapping;
    /// Nonzero: the region grows down on demand, to this address at most.
    VirtAddr lowest;
    /// File behind the region, or null: anonymous.
    Ref<PageSource> source;
    std::uint32_t source_page = 0;  ///< the source's page that the region's first page shows

    [[nodiscard]] bool grows_down() const noexcept { return lowest.value() != 0; }
};

/// Pages left free below a region that grows down, so that an overflow faults.
inline constexpr std::uint32_t growth_guard = page_size;

struct Region : boost::intrusive::set_base_hook<> {
    Region(VirtRange place, const RegionTraits& what) noexcept : range(place), traits(what) {}

    VirtRange range;  ///< page-aligned, not empty
    RegionTraits traits;

    /// Page of the source that `page` shows.
    [[nodiscard]] std::uint32_t source_page(VirtAddr page) const noexcept {
        return traits.source_page + ((page - range.start) >> page_shift);
    }
    /// First address that others must keep clear of.
    [[nodiscard]] VirtAddr reserved_start() const noexcept {
        return traits.grows_down() ? traits.lowest - growth_guard : range.start;
    }
};

/// May two ranges be one region, the second where the first ends? Shared anonymous ones stay apart:
/// each is one object.
[[nodiscard]] inline bool joins(VirtRange first, const RegionTraits& a, VirtRange second,
                                const RegionTraits& b) noexcept {
    return first.end() == second.start && a.protection == b.protection && a.shared == b.shared &&
           a.never_writable == b.never_writable && a.kind == b.kind && !a.grows_down() &&
           !b.grows_down() && a.source == b.source &&
           (!a.source ? !a.shared : a.source_page + (first.size >> page_shift) == b.source_page);
}

}  // namespace kidney::mm
