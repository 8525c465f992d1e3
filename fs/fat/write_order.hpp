/// In which order a sync brings metadata home, so that a crash between two steps loses nothing.
///
/// Without a journal the only tool is order. A chain of clusters is on the disk before anything
/// leads to it, an entry before the old one goes, and what was freed is not used again before
/// nothing on the disk leads there. So a crash leaves at worst clusters that nobody has, clusters
/// behind the end of a file, tables that differ, and a wrong count of free clusters; and while a
/// name moves from one sector to another, both names. Commit (commit.hpp) has the steps.
#pragma once

#include "fs/cache/sector_phases.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace kidney::fs::fat {

inline constexpr Phase table_phase{1};  ///< both tables, and the count of free clusters
inline constexpr Phase entry_phase{2};  ///< entries that change, and names that come or go alone

/// Of a rename: the sector that gains a name, the ".." of a directory that moves, and the sector
/// that loses the name.
struct MovePhases {
    Phase gain, up, lose;
};

/// `gain` and `lose` are the phases that the two (different) sectors have now, `up` that of the
/// sector with ".." (0: clean, or there is none). Sectors that have gained a name have phases of
/// the form 3n, those with such a ".." 3n + 1; others wait for both, so they must not be put off.
/// Nothing: there is no order left, everything must go home first.
[[nodiscard]] constexpr std::optional<MovePhases> order_move(std::uint8_t gain, std::uint8_t up,
                                                             std::uint8_t lose) noexcept {
    const auto is_waited_for = [](std::uint8_t phase) {
        return phase > entry_phase.value && phase % 3 != 2;
    };
    std::uint8_t first = std::max<std::uint8_t>(gain, entry_phase.value + 1);
    first = static_cast<std::uint8_t>((first + 2) / 3 * 3);
    const auto second = static_cast<std::uint8_t>(first + 1);
    const std::uint8_t last = std::max<std::uint8_t>(lose, static_cast<std::uint8_t>(first + 2));
    const bool puts_off_others =
        (is_waited_for(lose) && lose != last) || (is_waited_for(gain) && gain != first);
    if (last > last_phase.value || up > entry_phase.value || puts_off_others) {
        return std::nullopt;
    }
    return MovePhases{Phase{first}, Phase{second}, Phase{last}};
}

}  // namespace kidney::fs::fat
