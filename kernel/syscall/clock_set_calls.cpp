/// Setting the time of day, and what clock programs ask the kernel about it.
#include "kernel/process/process.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/syscall/time_calls.hpp"
#include "kernel/syscall/time_values.hpp"
#include "kernel/time/cpu_clock.hpp"
#include "kidney/abi/resource.hpp"

#include <atomic>

namespace kidney::kernel::calls {
namespace {

/// struct timezone. The kernel keeps what it is told and does nothing with it.
struct TimeZone {
    std::int32_t minutes_west;
    std::int32_t summer_time;
};
constinit std::atomic<std::int32_t> minutes_west{0};
constinit std::atomic<std::int32_t> summer_time{0};

constexpr std::int32_t microseconds_per_second = 1'000'000;

/// Errors: invalid_argument, not_permitted.
Reply set_time_of_day(const Process& self, Duration to) noexcept {
    if (!self.identity.is_privileged()) {
        return fail(Errc::not_permitted);
    }
    TRY(set_wall_clock(to));
    return 0U;
}

template <class Timespec>
Reply set_clock(Process& self, std::uint32_t clock, VirtAddr from) noexcept {
    const bool is_counted_time = static_cast<std::int32_t>(clock) < 0;
    if (clock != abi::clock_realtime && !is_counted_time) {
        return fail(Errc::invalid_argument);
    }
    const auto t = TRY(get_user(UserPtr<const Timespec>(from)));
    if (is_counted_time) {  // nobody sets back the time that a process has used
        const auto cpu_clock = cpu_clock_of(clock);
        TRY(cpu_clock ? read_cpu_clock(self, *cpu_clock) : fail(Errc::invalid_argument));
        return fail(Errc::not_permitted);
    }
    return set_time_of_day(self, TRY(duration_of(t)));
}

/// struct timex (adjtimex, clock_adjtime) and its form with 64-bit times.
struct Timex32 {
    std::uint32_t modes;
    std::int32_t offset, frequency, maximum_error, estimated_error;
    std::int32_t status;
    std::int32_t constant, precision, tolerance;
    std::int32_t seconds, microseconds;
    std::int32_t tick;
    std::int32_t others[20];
};
static_assert(sizeof(Timex32) == 128);
struct Timex64 {
    std::uint32_t modes, padding;
    std::int64_t offset, frequency, maximum_error, estimated_error;
    std::int32_t status, padding_2;
    std::int64_t constant, precision, tolerance;
    std::int64_t seconds, microseconds;
    std::int64_t tick;
    std::int32_t others[28];
};
static_assert(sizeof(Timex64) == 208);

/// The state of a clock that nobody disciplines; changing it is not offered. Errors: bad_address,
/// invalid_argument, not_permitted, not_supported.
template <class Timex>
Reply adjust_clock(const Process& self, VirtAddr at) noexcept {
    constexpr std::uint32_t adjtime = 0x8000, once = 1, only_read = 0x2000;
    const Timex asked = TRY(get_user(UserPtr<const Timex>(at)));
    if ((asked.modes & adjtime) != 0 && (asked.modes & once) == 0) {
        return fail(Errc::invalid_argument);
    }
    const bool changes =
        (asked.modes & adjtime) != 0 ? (asked.modes & only_read) == 0 : asked.modes != 0;
    if (changes) {
        return fail(self.identity.is_privileged() ? Errc::not_supported : Errc::not_permitted);
    }
    constexpr std::int32_t unsynchronised = 0x40, time_error = 5;
    constexpr std::int32_t most_error = 16'000'000;  // us
    constexpr std::int32_t most_drift = 32'768'000;  // ppm, 16 binary places
    constexpr std::int32_t tick_microseconds = 10'000;
    const SplitTime now = split(wall_clock());
    Timex t{};
    t.modes = asked.modes;
    t.maximum_error = t.estimated_error = most_error;
    t.status = unsynchronised;
    t.constant = 2;
    t.precision = 1;
    t.tolerance = most_drift;
    t.seconds = static_cast<decltype(t.seconds)>(now.seconds);
    t.microseconds = static_cast<std::int32_t>(now.nanoseconds / 1000);
    t.tick = tick_microseconds;
    TRY(put_user(UserPtr<Timex>(at), t));
    return time_error;
}

template <class Timex>
Reply adjust_any_clock(const Process& self, std::uint32_t clock, VirtAddr at) noexcept {
    if (clock == abi::clock_realtime) {
        return adjust_clock<Timex>(self, at);
    }
    TRY(get_user(UserPtr<const Timex>(at)));
    const bool exists =
        clock <= abi::clock_boottime || clock == abi::clock_tai || cpu_clock_of(clock).has_value();
    return fail(exists ? Errc::not_supported : Errc::invalid_argument);
}

}  // namespace

Reply gettimeofday(Process&, VirtAddr to, VirtAddr zone) noexcept {
    if (to != VirtAddr(0)) {
        const SplitTime now = split(wall_clock());
        TRY(put_user(UserPtr<abi::Timeval>(to),
                     {static_cast<std::int32_t>(now.seconds),
                      static_cast<std::int32_t>(now.nanoseconds / 1000)}));
    }
    if (zone != VirtAddr(0)) {
        TRY(put_user(UserPtr<TimeZone>(zone), {minutes_west.load(std::memory_order_relaxed),
                                               summer_time.load(std::memory_order_relaxed)}));
    }
    return 0U;
}

Reply settimeofday(Process& self, VirtAddr from, VirtAddr zone) noexcept {
    Duration to;
    if (from != VirtAddr(0)) {
        const auto t = TRY(get_user(UserPtr<const abi::Timeval>(from)));
        if (t.microseconds < 0 || t.microseconds >= microseconds_per_second) {
            return fail(Errc::invalid_argument);
        }
        to = TRY(duration_of(t.seconds, std::int64_t{t.microseconds} * 1000));
    }
    TimeZone wanted{};
    if (zone != VirtAddr(0)) {
        wanted = TRY(get_user(UserPtr<const TimeZone>(zone)));
    }
    if (!self.identity.is_privileged()) {
        return fail(Errc::not_permitted);
    }
    if (zone != VirtAddr(0)) {
        constexpr std::int32_t most_west = 15 * 60;
        if (wanted.minutes_west > most_west || wanted.minutes_west < -most_west) {
            return fail(Errc::invalid_argument);
        }
    }
    if (from != VirtAddr(0)) {
        TRY(set_time_of_day(self, to));
    }
    if (zone != VirtAddr(0)) {
        minutes_west.store(wanted.minutes_west, std::memory_order_relaxed);
        summer_time.store(wanted.summer_time, std::memory_order_relaxed);
    }
    return 0U;
}

/// As on Linux it does not say when there is no such time.
Reply stime(Process& self, UserPtr<const std::int32_t> from) noexcept {
    const std::int32_t seconds = TRY(get_user(from));
    if (!self.identity.is_privileged()) {
        return fail(Errc::not_permitted);
    }
    if (const auto to = duration_of(seconds, 0)) {
        ignore_error(set_wall_clock(*to), "nobody is told");
    }
    return 0U;
}

Reply clock_settime(Process& self, std::uint32_t clock, VirtAddr from) noexcept {
    return set_clock<Timespec32>(self, clock, from);
}
Reply clock_settime64(Process& self, std::uint32_t clock, VirtAddr from) noexcept {
    return set_clock<Timespec64>(self, clock, from);
}

Reply adjtimex(Process& self, VirtAddr at) noexcept {
    return adjust_clock<Timex32>(self, at);
}
Reply clock_adjtime(Process& self, std::uint32_t clock, VirtAddr at) noexcept {
    return adjust_any_clock<Timex32>(self, clock, at);
}
Reply clock_adjtime64(Process& self, std::uint32_t clock, VirtAddr at) noexcept {
    return adjust_any_clock<Timex64>(self, clock, at);
}

}  // namespace kidney::kernel::calls
