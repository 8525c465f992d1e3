/// Instructions of the kernel that may fault, and where to go on if they do.
#pragma once

#include <cstdint>

namespace kidney::arch {

/// The address to continue at when the instruction at `eip` faulted, or 0: not a planned fault.
/// The table has a dozen entries, so the search is linear.
[[nodiscard]] std::uint32_t fixup_for(std::uint32_t eip) noexcept;

}  // namespace kidney::arch
