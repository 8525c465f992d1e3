/// The battery-backed clock of a PC (MC146818A): the time of day, once, at boot.
///
/// Data sheet MC146818A, "Time, calendar and alarm locations"; ports as in every PC since the AT.
/// It counts whole seconds of UTC by convention of emulators and servers.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/hal/port_io.hpp"
#include "kidney/hal/register.hpp"

#include <cstdint>

namespace kidney::drivers {

/// A date and time of the Gregorian calendar, UTC.
struct CalendarTime {
    std::uint32_t year = 1970;
    std::uint32_t month = 1;  ///< 1 .. 12
    std::uint32_t day = 1;    ///< 1 .. 31
    std::uint32_t hour = 0;   ///< 0 .. 23
    std::uint32_t minute = 0;
    std::uint32_t second = 0;
    friend constexpr bool operator==(const CalendarTime&, const CalendarTime&) noexcept = default;
};

/// Seconds since 1970-01-01. Counts days in years that begin in March, so that the leap day comes
/// last.
[[nodiscard]] constexpr std::int64_t seconds_since_epoch(const CalendarTime& t) noexcept {
    const bool early = t.month <= 2;
    const std::int64_t year = std::int64_t{t.year} - (early ? 1 : 0);
    const std::int64_t month_from_march = t.month + (early ? 9 : -3);
    const std::int64_t day_of_year = (153 * month_from_march + 2) / 5 + t.day - 1;
    constexpr std::int64_t epoch = 719468;  // days from 0000-03-01 to 1970-01-01
    const std::int64_t days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - epoch;
    return ((days * 24 + t.hour) * 60 + t.minute) * 60 + t.second;
}

template <hal::PortIo Io>
class CmosClock {
public:
    explicit constexpr CmosClock(Io io) noexcept : io_(io) {}

    /// The time now. Reads until two readings agree, because an update may come between two
    /// registers. Errors: io_error (no such clock), corrupted (it shows no date that can be).
    [[nodiscard]] Result<CalendarTime> read() noexcept {
        constexpr int attempts = 1000;
        CalendarTime previous = snapshot();
        for (int i = 0; i < attempts; ++i) {
            const CalendarTime now = snapshot();
            if (now == previous && !is_updating()) {
                return is_valid(now) ? Result<CalendarTime>(now) : fail(Errc::corrupted);
            }
            previous = now;
        }
        return fail(Errc::io_error);
    }

private:
    static constexpr std::uint16_t index_port = 0x70;
    static constexpr std::uint16_t data_port = 0x71;
    enum Location : std::uint8_t {
        seconds = 0x00,
        minutes = 0x02,
        hours = 0x04,
        day_of_month = 0x07,
        months = 0x08,
        years = 0x09,
        status_a = 0x0A,
        status_b = 0x0B,
        century = 0x32,
    };
    struct StatusA : hal::Register<StatusA, std::uint8_t> {
        using UpdateInProgress = hal::Field<StatusA, 7, 7, bool>;
    };
    struct StatusB : hal::Register<StatusB, std::uint8_t> {
        using Is24Hours = hal::Field<StatusB, 1, 1, bool>;
        using IsBinary = hal::Field<StatusB, 2, 2, bool>;
    };

    [[nodiscard]] std::uint8_t at(Location location) noexcept {
        io_.write8(index_port, location);
        return io_.read8(data_port);
    }
    [[nodiscard]] bool is_updating() noexcept {
        return StatusA::from(at(status_a)).template get<typename StatusA::UpdateInProgress>();
    }
    [[nodiscard]] CalendarTime snapshot() noexcept {
        const StatusB b = StatusB::from(at(status_b));
        const bool binary = b.template get<typename StatusB::IsBinary>();
        const auto number = [binary](std::uint32_t raw) noexcept {
            return binary ? raw : (raw >> 4) * 10 + (raw & 0xF);
        };
        constexpr std::uint8_t afternoon = 0x80;
        const std::uint8_t raw_hour = at(hours);
        std::uint32_t hour = number(raw_hour & ~afternoon);
        if (!b.template get<typename StatusB::Is24Hours>()) {
            hour = hour % 12 + ((raw_hour & afternoon) != 0 ? 12 : 0);
        }
        return {full_year(number(at(century)), number(at(years))),
                number(at(months)),
                number(at(day_of_month)),
                hour,
                number(at(minutes)),
                number(at(seconds))};
    }
    /// The century's place is a convention, not in the data sheet: it counts only if it makes
    /// sense. Without it two digits are a year from 1970 to 2069.
    [[nodiscard]] static constexpr std::uint32_t full_year(std::uint32_t century,
                                                           std::uint32_t year) noexcept {
        if (year > 99) {
            return 0;
        }
        if (century >= 19 && century <= 21) {
            return century * 100 + year;
        }
        return year >= 70 ? 1900 + year : 2000 + year;
    }
    [[nodiscard]] static constexpr bool is_valid(const CalendarTime& t) noexcept {
        return t.year >= 1970 && t.month - 1 < 12 && t.day - 1 < 31 && t.hour < 24 &&
               t.minute < 60 && t.second < 60;
    }

    [[no_unique_address]] Io io_;
};

}  // namespace kidney::drivers
