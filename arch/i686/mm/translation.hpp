/// This CPU's TLB.
#pragma once

#include "arch/i686/cpu/instructions.hpp"
#include "kidney/core/address.hpp"

#include <cstdint>

namespace kidney::arch {

/// Beyond this many pages it is cheaper to forget everything (each invlpg costs about as much as a
/// handful of refills).
inline constexpr std::uint32_t max_single_invalidations = 32;

/// Forgets all translations but the global ones.
inline void forget_all_user_translations() noexcept {
    write_cr3(read_cr3());
}

inline void forget_translations(VirtRange range) noexcept {
    const std::uint32_t pages = (range.size + page_mask) >> page_shift;
    if (pages > max_single_invalidations && range.start.value() < 0xC000'0000) {
        forget_all_user_translations();
        return;
    }
    for (std::uint32_t i = 0; i < pages; ++i) {
        invlpg(range.start.value() + (i << page_shift));
    }
}

}  // namespace kidney::arch
