/// Which sectors of a page are not on the disk yet, and when the file system wants each there.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>

namespace kidney::fs {

/// The unit in which pages are dirty: no device has smaller blocks.
inline constexpr std::size_t sector_size = 512;
inline constexpr std::size_t sectors_per_page = page_size / sector_size;

/// Some sectors of one page: bit n is sector n.
using SectorMask = std::uint8_t;
inline constexpr SectorMask all_sectors = 0xFF;

/// The sectors of a page that [begin, end) touches.
[[nodiscard]] constexpr SectorMask sectors_of(std::size_t begin, std::size_t end) noexcept {
    KIDNEY_ASSERT(begin < end && end <= page_size);
    const std::size_t first = begin / sector_size;
    const std::size_t behind = (end + sector_size - 1) / sector_size;
    return static_cast<SectorMask>((1U << behind) - (1U << first));
}

/// Some sectors of page `index` of an object.
struct PageSectors {
    std::uint32_t index = 0;
    SectorMask sectors = 0;
};
/// What bytes [begin, end) of an object touch of their first page; `begin` moves behind it.
[[nodiscard]] constexpr PageSectors take_page(std::uint64_t& begin, std::uint64_t end) noexcept {
    const std::uint64_t page = begin >> page_shift << page_shift;
    const std::uint64_t behind = end < page + page_size ? end : page + page_size;
    const SectorMask sectors =
        sectors_of(static_cast<std::size_t>(begin - page), static_cast<std::size_t>(behind - page));
    begin = behind;
    return {static_cast<std::uint32_t>(page >> page_shift), sectors};
}

/// When a change goes home: what has phase 1 before what has phase 2, and so on. Data of files has
/// no other.
struct Phase {
    std::uint8_t value = 1;
    friend constexpr auto operator<=>(Phase, Phase) noexcept = default;
};
inline constexpr Phase first_phase{1};
inline constexpr Phase last_phase{15};

/// A phase for each sector of a page, or none: that one is clean. Per sector and not per page,
/// because with blocks of 1 KiB one page of a disk holds metadata of several kinds and, beside it,
/// data that goes home by another way.
class SectorPhases {
public:
    constexpr SectorPhases() noexcept = default;

    [[nodiscard]] constexpr bool any() const noexcept { return nibbles_ != 0; }
    /// The sectors that have a phase, or that one.
    [[nodiscard]] constexpr SectorMask sectors() const noexcept { return sectors_of(nibbles_); }
    [[nodiscard]] constexpr SectorPhases only(Phase phase) const noexcept {
        SectorPhases result;
        result.nibbles_ = nibbles_ & ~nibbles_of(sectors_of(nibbles_ ^ each(phase)));
        return result;
    }
    /// These sectors go home in `phase`, or later if that was said before.
    constexpr void raise(SectorMask sectors, Phase phase) noexcept {
        KIDNEY_ASSERT(phase >= first_phase && phase <= last_phase);
        SectorPhases other;
        other.nibbles_ = nibbles_of(sectors) & each(phase);
        if ((nibbles_ & nibbles_of(sectors)) == 0) {  // most were clean
            nibbles_ |= other.nibbles_;
        } else {
            raise(other);
        }
    }
    constexpr void raise(SectorPhases other) noexcept {
        for (std::size_t n = 0; n < sectors_per_page; ++n) {
            if (at(n) < other.at(n)) {
                set(n, other.at(n));
            }
        }
    }
    constexpr void clear(SectorMask sectors) noexcept { nibbles_ &= ~nibbles_of(sectors); }

    /// Of one sector; 0: it has none.
    [[nodiscard]] constexpr std::uint8_t at(std::size_t n) const noexcept {
        return static_cast<std::uint8_t>(nibbles_ >> (4 * n) & 0xFU);
    }

private:
    // All eight at once, because every page that is written comes through here several times.
    [[nodiscard]] static constexpr std::uint32_t each(Phase phase) noexcept {
        return 0x1111'1111U * phase.value;
    }
    /// 0xF for each sector.
    [[nodiscard]] static constexpr std::uint32_t nibbles_of(SectorMask sectors) noexcept {
        std::uint32_t bits = sectors;
        bits = (bits | bits << 12) & 0x000F'000FU;
        bits = (bits | bits << 6) & 0x0303'0303U;
        bits = (bits | bits << 3) & 0x1111'1111U;
        return bits * 0xFU;
    }
    /// Those whose nibble is not 0.
    [[nodiscard]] static constexpr SectorMask sectors_of(std::uint32_t nibbles) noexcept {
        std::uint32_t bits = (nibbles | nibbles >> 1 | nibbles >> 2 | nibbles >> 3) & 0x1111'1111U;
        bits = (bits | bits >> 3) & 0x0303'0303U;
        bits = (bits | bits >> 6) & 0x000F'000FU;
        return static_cast<SectorMask>(bits | bits >> 12);
    }
    constexpr void set(std::size_t n, std::uint8_t phase) noexcept {
        nibbles_ = (nibbles_ & ~(0xFU << (4 * n))) | std::uint32_t{phase} << (4 * n);
    }

    std::uint32_t nibbles_ = 0;
};

}  // namespace kidney::fs
