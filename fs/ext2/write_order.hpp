/// In which order a sync brings metadata home, so that a crash between two steps loses nothing.
///
/// Without a journal the only tool is order. What a name points to is on the disk before the name
/// is: data and bitmaps, then inodes and pointers to blocks, then names. A block that becomes
/// metadata is written at once, empty, so whatever points to it later never points to garbage. A
/// rename takes the old name away after the new one is there. What was freed is not used again
/// before nothing on the disk points to it (Volume::finish_frees()).
#pragma once

#include "fs/cache/sector_phases.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace kidney::fs::ext2 {

inline constexpr Phase bitmap_phase{1};  ///< and the contents of symbolic links
inline constexpr Phase inode_phase{2};   ///< and pointers in blocks that are in use
inline constexpr Phase name_phase{3};    ///< names that come or go alone

/// Of a rename: the sector that gains a name, and the one that loses it.
struct RenamePhases {
    Phase gain, lose;
};

/// Does some other sector wait for one with this phase?
[[nodiscard]] constexpr bool has_gained(std::uint8_t phase) noexcept {
    return phase > name_phase.value && phase % 2 == 0;
}

/// `gain` and `lose` are the phases that the two (different) sectors have now; 0: clean. A sector
/// with an even phase above name_phase has gained a renamed name: some other sector waits for it,
/// so it must not be put off. One with an odd phase only waits itself. Nothing: there is no order
/// left, everything must go home first.
[[nodiscard]] constexpr std::optional<RenamePhases> order_rename(std::uint8_t gain,
                                                                 std::uint8_t lose) noexcept {
    std::uint8_t first = std::max<std::uint8_t>(gain, name_phase.value + 1);
    first = static_cast<std::uint8_t>(first + first % 2);
    const std::uint8_t second = lose > first ? lose : static_cast<std::uint8_t>(first + 1);
    if (second > last_phase.value || (has_gained(lose) && lose != second)) {
        return std::nullopt;
    }
    return RenamePhases{Phase{first}, Phase{second}};
}

}  // namespace kidney::fs::ext2
