/// The values in the signatures of address_space.hpp, and what is asked of them alone.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"
#include "kidney/hal/page_table_format.hpp"
#include "kidney/hal/user_memory.hpp"
#include "mm/region.hpp"
#include "mm/resident_pages.hpp"

#include <cstdint>

namespace kidney::mm {

/// What all address spaces of a machine live on.
template <class Frames, class Phys, class Heap, class Mappings>
struct MemoryEnvironment {
    Frames& frames;
    Phys& phys;
    Heap& heap;
    Mappings& mappings;       ///< a ReverseMap
    FrameNumber kernel_root;  ///< its kernel half is every space's kernel half
};

/// Where regions may lie.
namespace user_layout {
inline constexpr VirtAddr lowest{0x1'0000};  ///< below: null pointers plus an offset
inline constexpr VirtAddr highest{0xBFFF'F000};
inline constexpr VirtAddr mmap_ceiling{0xB700'0000};  ///< mappings go down from here, or
                                                      ///< from a little below
}  // namespace user_layout

struct MapRequest {
    VirtAddr address;        ///< exact if `fixed`, else a wish; 0: anywhere
    std::uint32_t size = 0;  ///< bytes, rounded up to pages
    bool fixed = false;
    bool replace = true;       ///< fixed: what is there is unmapped first; false: exists
    std::uint32_t growth = 0;  ///< nonzero: grows down on demand to this many bytes
    RegionTraits traits;
};

/// A present page.
struct PageMapping {
    FrameNumber frame;
    hal::PageFlags flags;
    bool shared = false;  ///< others who map it see what is written here
};

/// How large an address space is.
struct SpaceUsage {
    std::uint64_t bytes = 0;  ///< of all regions
    ResidentPages resident;
};

/// What brk() adds.
[[nodiscard]] inline RegionTraits heap_traits() noexcept {
    RegionTraits traits;
    traits.protection = {.read = true, .write = true};
    traits.kind = RegionKind::heap;
    return traits;
}

/// Whole pages, as what a program asks for needs them; beyond 32 bits if need be.
[[nodiscard]] constexpr std::uint64_t rounded_size(std::uint32_t bytes) noexcept {
    return (std::uint64_t{bytes} + page_mask) & ~std::uint64_t{page_mask};
}

/// A range as programs give it, in whole pages. Error: invalid_argument (not aligned, empty, or
/// beyond the end).
[[nodiscard]] inline Result<VirtRange> user_range(VirtRange range) noexcept {
    const std::uint32_t size = range.size + page_mask & ~page_mask;
    if (!range.start.is_page_aligned() || size == 0 || range.start > hal::user_end ||
        size > hal::user_end - range.start) {
        return fail(Errc::invalid_argument);
    }
    return VirtRange{range.start, size};
}

}  // namespace kidney::mm
