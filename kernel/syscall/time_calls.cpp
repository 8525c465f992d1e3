#include "kernel/syscall/time_calls.hpp"

#include "kernel/process/cpu_times.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/syscall/resumable_wait.hpp"
#include "kernel/syscall/time_values.hpp"
#include "kidney/abi/resource.hpp"

#include <algorithm>

namespace kidney::kernel::calls {
namespace {

Result<Duration> read_clock(Process& self, std::uint32_t clock) noexcept {
    switch (clock) {
        case abi::clock_realtime:
        case abi::clock_realtime_coarse:
        case abi::clock_tai:
            return wall_clock();
        case abi::clock_monotonic:
        case abi::clock_monotonic_raw:
        case abi::clock_monotonic_coarse:
        case abi::clock_boottime:
            return Clock::now() - Instant();
        case abi::clock_process_cputime:
        case abi::clock_thread_cputime:
            return cpu_times(self).total();
        default:
            return fail(Errc::invalid_argument);
    }
}

bool is_wall_clock(std::uint32_t clock) noexcept {
    return clock == abi::clock_realtime;
}

Reply set_clock(Process& self, std::uint32_t clock, Duration to) noexcept {
    if (!is_wall_clock(clock)) {
        return fail(Errc::invalid_argument);
    }
    if (!self.identity.is_privileged()) {
        return fail(Errc::not_permitted);
    }
    set_wall_clock(to);
    return 0U;
}

/// Sleeps until `deadline`. After a stop and a continue it goes on by itself; after a handler the
/// call has failed, and `report(remaining)` tells how much was left.
template <class Report>
Reply sleep(Process& self, Instant deadline, Report&& report) noexcept {
    while (Clock::now() < deadline) {
        if (self.is_interrupted()) {
            report(deadline - Clock::now());
            return resume_later(self, deadline);
        }
        if (!dispatcher().block_until(deadline)) {
            break;
        }
    }
    return 0U;
}

/// The end of a sleep that `wanted` describes, or of the one that was interrupted.
Result<Instant> end_of_sleep(Process& self, std::uint32_t clock, std::uint32_t flags,
                             Duration wanted) noexcept {
    if (clock != abi::clock_realtime && clock != abi::clock_monotonic &&
        clock != abi::clock_boottime) {
        return fail(Errc::invalid_argument);
    }
    if ((flags & abi::timer_absolute) != 0) {
        wanted = std::max(wanted - TRY(read_clock(self, clock)), Duration());
    }
    return end_of_wait(self, wanted);
}

}  // namespace

Reply time(Process&, UserPtr<std::uint32_t> to) noexcept {
    const auto seconds = static_cast<std::uint32_t>(wall_clock().count() / nanoseconds_per_second);
    TRY(put_user_if(to, seconds));
    return seconds;
}

Reply gettimeofday(Process&, VirtAddr to, VirtAddr zone) noexcept {
    if (to != VirtAddr(0)) {
        const std::int64_t now = wall_clock().count();
        TRY(put_user(UserPtr<abi::Timeval>(to),
                     {static_cast<std::int32_t>(now / nanoseconds_per_second),
                      static_cast<std::int32_t>(now % nanoseconds_per_second / 1000)}));
    }
    if (zone != VirtAddr(0)) {
        TRY(put_user(UserPtr<std::uint64_t>(zone), std::uint64_t{0}));  // UTC, no summer time
    }
    return 0U;
}

Reply settimeofday(Process& self, VirtAddr from) noexcept {
    if (from == VirtAddr(0)) {
        return 0U;  // only a time zone
    }
    const Timespec32 t = TRY(get_user(UserPtr<const Timespec32>(from)));
    return set_clock(self, abi::clock_realtime,
                     TRY(duration_of(t.seconds, std::int64_t{t.nanoseconds} * 1000)));
}

Reply clock_gettime(Process& self, std::uint32_t clock, VirtAddr to) noexcept {
    TRY(put_timespec32(to, TRY(read_clock(self, clock))));
    return 0U;
}
Reply clock_gettime64(Process& self, std::uint32_t clock, VirtAddr to) noexcept {
    TRY(put_timespec64(to, TRY(read_clock(self, clock))));
    return 0U;
}
Reply clock_settime(Process& self, std::uint32_t clock, VirtAddr from) noexcept {
    const Timespec32 t = TRY(get_user(UserPtr<const Timespec32>(from)));
    return set_clock(self, clock,
                     Duration::seconds(t.seconds) + Duration::nanoseconds(t.nanoseconds));
}
Reply clock_settime64(Process& self, std::uint32_t clock, VirtAddr from) noexcept {
    const Timespec64 t = TRY(get_user(UserPtr<const Timespec64>(from)));
    if (t.seconds < 0 || t.seconds > 0xffff'ffff) {
        return fail(Errc::invalid_argument);
    }
    return set_clock(
        self, clock,
        Duration::seconds(t.seconds) + Duration::nanoseconds(t.nanoseconds & 0xffff'ffff));
}
Reply clock_getres(Process& self, std::uint32_t clock, VirtAddr to) noexcept {
    TRY(read_clock(self, clock));
    if (to != VirtAddr(0)) {
        TRY(put_timespec32(to, Duration::nanoseconds(1)));
    }
    return 0U;
}
Reply clock_getres64(Process& self, std::uint32_t clock, VirtAddr to) noexcept {
    TRY(read_clock(self, clock));
    if (to != VirtAddr(0)) {
        TRY(put_timespec64(to, Duration::nanoseconds(1)));
    }
    return 0U;
}

Reply clock_nanosleep(Process& self, std::uint32_t clock, std::uint32_t flags, VirtAddr wanted,
                      VirtAddr remaining) noexcept {
    const Instant end = TRY(end_of_sleep(self, clock, flags, TRY(get_timespec32(wanted))));
    return sleep(self, end, [&](Duration left) {
        if (remaining != VirtAddr(0) && (flags & abi::timer_absolute) == 0) {
            ignore_error(put_timespec32(remaining, left), "EINTR is what counts");
        }
    });
}
Reply clock_nanosleep64(Process& self, std::uint32_t clock, std::uint32_t flags, VirtAddr wanted,
                        VirtAddr remaining) noexcept {
    const Instant end = TRY(end_of_sleep(self, clock, flags, TRY(get_timespec64(wanted))));
    return sleep(self, end, [&](Duration left) {
        if (remaining != VirtAddr(0) && (flags & abi::timer_absolute) == 0) {
            ignore_error(put_timespec64(remaining, left), "EINTR is what counts");
        }
    });
}
Reply nanosleep(Process& self, VirtAddr wanted, VirtAddr remaining) noexcept {
    return clock_nanosleep(self, abi::clock_monotonic, 0, wanted, remaining);
}

Reply alarm(Process& self, std::uint32_t seconds) noexcept {
    const auto before = self.real_timer.set(self, {Duration::seconds(seconds), Duration()});
    // Rounded up: a pending alarm is never reported as none.
    return static_cast<std::uint32_t>((before.remaining.count() + nanoseconds_per_second - 1) /
                                      nanoseconds_per_second);
}

namespace {

Result<Duration> duration_of_timeval(const abi::Timeval& t) noexcept {
    return duration_of(t.seconds, std::int64_t{t.microseconds} * 1000);
}
abi::Timeval rounded_up(Duration d) noexcept {
    const std::int64_t microseconds = (d.count() + 999) / 1000;
    return {static_cast<std::int32_t>(microseconds / 1'000'000),
            static_cast<std::int32_t>(microseconds % 1'000'000)};
}
Status put_setting(VirtAddr to, const IntervalTimer::Setting& s) noexcept {
    return put_user(UserPtr<abi::Itimerval>(to), {rounded_up(s.interval), rounded_up(s.remaining)});
}

}  // namespace

Reply setitimer(Process& self, std::uint32_t which, VirtAddr next, VirtAddr old) noexcept {
    if (which != abi::timer_real) {
        return fail(which <= abi::timer_profile ? Errc::not_implemented : Errc::invalid_argument);
    }
    IntervalTimer::Setting before = self.real_timer.get();
    if (next != VirtAddr(0)) {
        const abi::Itimerval t = TRY(get_user(UserPtr<const abi::Itimerval>(next)));
        before = self.real_timer.set(
            self, {TRY(duration_of_timeval(t.value)), TRY(duration_of_timeval(t.interval))});
    }
    if (old != VirtAddr(0)) {
        TRY(put_setting(old, before));
    }
    return 0U;
}

Reply getitimer(Process& self, std::uint32_t which, VirtAddr to) noexcept {
    if (which > abi::timer_profile) {
        return fail(Errc::invalid_argument);
    }
    TRY(put_setting(to,
                    which == abi::timer_real ? self.real_timer.get() : IntervalTimer::Setting{}));
    return 0U;
}

}  // namespace kidney::kernel::calls
