/// What to do about a page fault, as a pure function: the rules of demand paging and copy on write
/// in one place.
///
/// `FaultResolver` describes the situation, `decide_fault` answers, `FaultResolver` acts. No state,
/// no hardware; tested at compile time (tests/unit/mm/fault_test.cpp).
#pragma once

#include "kidney/hal/page_fault.hpp"

namespace kidney::mm {

/// What a region allows.
struct Protection {
    bool read = false;
    bool write = false;
    bool execute = false;

    /// The page formats cannot express "write only" or "execute only": any right lets read.
    [[nodiscard]] constexpr bool any() const noexcept { return read || write || execute; }
    [[nodiscard]] constexpr bool allows(hal::Access access) const noexcept {
        switch (access) {
            case hal::Access::read:
                return any();
            case hal::Access::write:
                return write;
            case hal::Access::execute:
                return execute;
        }
        return false;
    }
    friend constexpr bool operator==(const Protection&, const Protection&) noexcept = default;
};

/// Everything the decision depends on. The page lies in a region.
struct FaultSituation {
    hal::Access access = hal::Access::read;
    Protection protection;    ///< of the region
    bool shared = false;      ///< MAP_SHARED: writes are seen by all
    bool has_source = false;  ///< pages come from a file
    bool present = false;     ///< a page is mapped
    bool writable = false;    ///< the mapped page may be written
    bool sole_owner = false;  ///< nobody else refers to the mapped frame
};

enum class FaultAction : unsigned char {
    refuse,               ///< the region does not allow this
    retry,                ///< nothing to do: another CPU was faster, or a TLB was behind
    map_zeros,            ///< a fresh page of zeros
    map_source,           ///< the file's own frame, read-only
    map_source_writable,  ///< the file's own frame; tell the file that it gets dirty
    copy_source,          ///< a private copy of the file's page
    copy_page,            ///< a private copy of the mapped page
    take_over,            ///< the mapped page is ours alone: let us write to it
    make_dirty,           ///< first write to a shared page: tell the file, let us write
};

[[nodiscard]] constexpr FaultAction decide_fault(const FaultSituation& s) noexcept {
    if (!s.protection.allows(s.access)) {
        return FaultAction::refuse;
    }
    const bool writes = s.access == hal::Access::write;
    if (s.present) {
        if (!writes || s.writable) {
            return FaultAction::retry;
        }
        if (s.shared) {
            return FaultAction::make_dirty;
        }
        return s.sole_owner ? FaultAction::take_over : FaultAction::copy_page;
    }
    if (!s.has_source) {
        return FaultAction::map_zeros;
    }
    if (!writes) {
        return FaultAction::map_source;
    }
    return s.shared ? FaultAction::map_source_writable : FaultAction::copy_source;
}

}  // namespace kidney::mm
