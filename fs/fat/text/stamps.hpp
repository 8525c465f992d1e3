/// Times as FAT keeps them: date and time of day, from 1980 to 2107, in UTC.
///
/// The format means local time and does not say whose. Here it is UTC, as on a Linux whose time
/// zone nobody has told the kernel.
#pragma once

#include "kidney/fs/attributes.hpp"

#include <algorithm>
#include <cstdint>

namespace kidney::fs::fat {

/// A date (7 bits of years since 1980, 4 of month, 5 of day) and a time of day (5 bits of hours, 6
/// of minutes, 5 of pairs of seconds).
struct Stamp {
    std::uint16_t date = 0, time = 0;
    friend constexpr bool operator==(const Stamp&, const Stamp&) noexcept = default;
};

inline constexpr std::uint32_t seconds_per_day = 86'400;
inline constexpr std::int64_t first_second = 315'532'800;   ///< 1980-01-01 00:00:00
inline constexpr std::int64_t last_second = 4'354'819'199;  ///< 2107-12-31 23:59:59

/// Days from 1980-01-01 to that date; all years that can be divided by four but 2100 are leap
/// years.
[[nodiscard]] constexpr std::uint32_t days_until(std::uint32_t year, std::uint32_t month,
                                                 std::uint32_t day) noexcept {
    constexpr std::uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    constexpr std::uint32_t year_2100 = 120;
    const bool is_leap = year % 4 == 0 && year != year_2100;
    return year * 365 + (year + 3) / 4 - (year > year_2100 ? 1 : 0) + before[month - 1] +
           (is_leap && month > 2 ? 1 : 0) + day - 1;
}
/// Out of range is the nearest that is in it. Odd seconds are rounded down.
[[nodiscard]] constexpr Stamp stamp_of(const FileTime& at) noexcept {
    const auto seconds = static_cast<std::uint32_t>(
        std::clamp(at.seconds, first_second, last_second) - first_second);
    const std::uint32_t days = seconds / seconds_per_day;
    std::uint32_t year = days / 366;
    while (days_until(year + 1, 1, 1) <= days) {
        ++year;
    }
    std::uint32_t month = 1;
    while (month < 12 && days_until(year, month + 1, 1) <= days) {
        ++month;
    }
    const std::uint32_t day = days - days_until(year, month, 1) + 1;
    const std::uint32_t of_day = seconds % seconds_per_day;
    return {
        static_cast<std::uint16_t>(year << 9 | month << 5 | day),
        static_cast<std::uint16_t>(of_day / 3600 << 11 | of_day / 60 % 60 << 5 | of_day % 60 / 2)};
}
/// Whatever the bits are: what is no month or day is the nearest that is one.
[[nodiscard]] constexpr FileTime time_of(Stamp stamp) noexcept {
    const std::uint32_t month = std::clamp(stamp.date >> 5 & 15, 1, 12);
    const std::uint32_t day = std::max(stamp.date & 31, 1);
    const std::int64_t days = days_until(stamp.date >> 9, month, day);
    const std::uint32_t of_day =
        (stamp.time >> 11) * 3600U + (stamp.time >> 5 & 63) * 60U + (stamp.time & 31) * 2U;
    return {first_second + days * seconds_per_day + of_day, 0};
}
/// What is left of a time once it has been on the disk.
[[nodiscard]] constexpr FileTime kept(const FileTime& at) noexcept {
    return time_of(stamp_of(at));
}
/// Of an access only the day is kept.
[[nodiscard]] constexpr FileTime kept_day(const FileTime& at) noexcept {
    return time_of({stamp_of(at).date, 0});
}

}  // namespace kidney::fs::fat
