#include "kernel/syscall/time_calls.hpp"

#include "kernel/process/wall_clock.hpp"
#include "kernel/syscall/resumable_wait.hpp"
#include "kernel/syscall/time_values.hpp"
#include "kernel/time/cpu_clock.hpp"
#include "kidney/abi/resource.hpp"

#include <algorithm>

namespace kidney::kernel::calls {
namespace {

/// Error: invalid_argument.
Result<Duration> read_clock(Process& self, std::uint32_t clock) noexcept {
    switch (clock) {
        case abi::clock_realtime:
        case abi::clock_realtime_coarse:
        case abi::clock_realtime_alarm:
        case abi::clock_tai:
            return wall_clock();
        case abi::clock_monotonic:
        case abi::clock_monotonic_raw:
        case abi::clock_monotonic_coarse:
        case abi::clock_boottime:
        case abi::clock_boottime_alarm:
            return uptime();
        default:
            if (const auto cpu_clock = cpu_clock_of(clock)) {
                return read_cpu_clock(self, *cpu_clock);
            }
            return fail(Errc::invalid_argument);
    }
}

Duration resolution_of(std::uint32_t clock) noexcept {
    const auto cpu_clock = cpu_clock_of(clock);
    const bool counts_ticks = clock == abi::clock_realtime_coarse ||
                              clock == abi::clock_monotonic_coarse ||
                              (cpu_clock && cpu_clock->kind != CpuClock::Kind::scheduled);
    // WHY 4 ms: what Linux says. Ours are better, and nobody can rely on that.
    return counts_ticks ? Duration::milliseconds(4) : Duration::nanoseconds(1);
}

template <class Timespec>
Reply get_clock(Process& self, std::uint32_t clock, VirtAddr to) noexcept {
    TRY(put_timespec<Timespec>(to, TRY(read_clock(self, clock))));
    return 0U;
}
template <class Timespec>
Reply get_resolution(Process& self, std::uint32_t clock, VirtAddr to) noexcept {
    TRY(read_clock(self, clock));
    if (to != VirtAddr(0)) {
        TRY(put_timespec<Timespec>(to, resolution_of(clock)));
    }
    return 0U;
}

/// Sleeps until `deadline`; false: a signal ended it.
bool sleep_until(Process& self, const Deadline& deadline) noexcept {
    const DeadlineWatch watch(self.this_thread(), deadline);
    for (Instant at = deadline.instant(); Clock::now() < at; at = deadline.instant()) {
        if (self.is_interrupted()) {
            return false;
        }
        static_cast<void>(dispatcher().block_until(at));
    }
    return true;
}

/// After a stop and a continue it goes on by itself; after a handler the call has failed, and
/// `report(remaining)` tells how much was left.
template <class Report>
Reply sleep_for(Process& self, Duration wanted, Report&& report) noexcept {
    const Instant end = end_of_wait(self, wanted);
    if (sleep_until(self, Deadline(end))) {
        return 0U;
    }
    const Instant now = Clock::now();
    report(end > now ? end - now : Duration());
    return resume_later(self, end);
}

/// Sleeps until a CPU clock has reached `end`. It cannot be faster than real time, so that is how
/// long one can sleep before looking again.
Reply sleep_on_cpu_clock(Process& self, const CpuClock& clock, Duration end) noexcept {
    constexpr Duration shortest = Duration::milliseconds(1);
    for (;;) {
        const Duration left = end - TRY(read_cpu_clock(self, clock));
        if (left <= Duration()) {
            return 0U;
        }
        if (!sleep_until(self, Deadline(Clock::now() + std::max(left, shortest)))) {
            return run_again_later(self);
        }
    }
}

bool is_time_of_day(std::uint32_t clock) noexcept {
    return clock == abi::clock_realtime || clock == abi::clock_realtime_alarm ||
           clock == abi::clock_tai;
}

/// Errors: invalid_argument (there is no such clock), not_supported (one does not sleep on it),
/// not_permitted.
Status check_sleep(Process& self, std::uint32_t clock, std::uint32_t flags) noexcept {
    if (is_file_clock(clock)) {
        return fail(Errc::not_supported);
    }
    if (clock == abi::clock_realtime_alarm || clock == abi::clock_boottime_alarm) {
        if ((flags & ~abi::timer_absolute) != 0) {
            return fail(Errc::invalid_argument);
        }
        return self.identity.is_privileged() ? Status() : fail(Errc::not_permitted);
    }
    const bool can_sleep = is_time_of_day(clock) || clock == abi::clock_monotonic ||
                           clock == abi::clock_boottime ||
                           (cpu_clock_of(clock) && clock != abi::clock_thread_cputime);
    if (!can_sleep) {
        TRY(read_clock(self, clock));
        return fail(Errc::not_supported);
    }
    return {};
}

template <class Timespec>
Reply sleep_on_clock(Process& self, std::uint32_t clock, std::uint32_t flags, VirtAddr from,
                     VirtAddr remaining) noexcept {
    TRY(check_sleep(self, clock, flags));
    const Duration wanted = TRY(get_timespec<Timespec>(from));
    const bool is_absolute = (flags & abi::timer_absolute) != 0;
    if (const auto cpu_clock = cpu_clock_of(clock)) {
        if (cpu_clock->of_thread) {
            return fail(Errc::invalid_argument);  // its own: it would never come
        }
        const Duration now = TRY(read_cpu_clock(self, *cpu_clock));
        const Duration longest = Duration::longest() - now;
        return sleep_on_cpu_clock(self, *cpu_clock,
                                  is_absolute ? wanted : now + std::min(wanted, longest));
    }
    if (is_absolute) {
        const Deadline end =
            is_time_of_day(clock) ? Deadline::of_day(wanted) : Deadline(Instant() + wanted);
        return sleep_until(self, end) ? Reply(0U) : run_again_later(self);
    }
    return sleep_for(self, wanted, [&](Duration left) {
        if (remaining != VirtAddr(0)) {
            ignore_error(put_timespec<Timespec>(remaining, left), "EINTR is what counts");
        }
    });
}

}  // namespace

Reply time(Process&, UserPtr<std::uint32_t> to) noexcept {
    const auto seconds = static_cast<std::uint32_t>(split(wall_clock()).seconds);
    TRY(put_user_if(to, seconds));
    return seconds;
}

Reply clock_gettime(Process& self, std::uint32_t clock, VirtAddr to) noexcept {
    return get_clock<Timespec32>(self, clock, to);
}
Reply clock_gettime64(Process& self, std::uint32_t clock, VirtAddr to) noexcept {
    return get_clock<Timespec64>(self, clock, to);
}
Reply clock_getres(Process& self, std::uint32_t clock, VirtAddr to) noexcept {
    return get_resolution<Timespec32>(self, clock, to);
}
Reply clock_getres64(Process& self, std::uint32_t clock, VirtAddr to) noexcept {
    return get_resolution<Timespec64>(self, clock, to);
}

Reply clock_nanosleep(Process& self, std::uint32_t clock, std::uint32_t flags, VirtAddr wanted,
                      VirtAddr remaining) noexcept {
    return sleep_on_clock<Timespec32>(self, clock, flags, wanted, remaining);
}
Reply clock_nanosleep64(Process& self, std::uint32_t clock, std::uint32_t flags, VirtAddr wanted,
                        VirtAddr remaining) noexcept {
    return sleep_on_clock<Timespec64>(self, clock, flags, wanted, remaining);
}
Reply nanosleep(Process& self, VirtAddr wanted, VirtAddr remaining) noexcept {
    return sleep_on_clock<Timespec32>(self, abi::clock_monotonic, 0, wanted, remaining);
}

}  // namespace kidney::kernel::calls
