/// Timers of processes: alarm, setitimer, timer_create and their kin.
#include "kernel/process/process.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/syscall/time_calls.hpp"
#include "kernel/syscall/timer_values.hpp"
#include "kernel/time/cpu_clock.hpp"
#include "kidney/abi/resource.hpp"

#include <algorithm>
#include <limits>

namespace kidney::kernel::calls {

Reply alarm(Process& self, std::uint32_t seconds) noexcept {
    constexpr std::uint32_t longest = std::numeric_limits<std::int32_t>::max();
    LockGuard guard(self.timer_lock);
    const auto before =
        self.interval_timers.real.set({Duration::seconds(std::min(seconds, longest)), Duration()});
    // Rounded to the nearest second, but a pending alarm is never reported as none.
    const SplitTime left = split(before.remaining);
    const bool up = left.nanoseconds >= nanoseconds_per_second / 2 ||
                    (left.seconds == 0 && left.nanoseconds != 0);
    return static_cast<std::uint32_t>(left.seconds) + (up ? 1U : 0U);
}

namespace {

Result<Duration> duration_of_timeval(const abi::Timeval& t) noexcept {
    return duration_of(t.seconds, std::int64_t{t.microseconds} * 1000);
}
abi::Timeval rounded_up(Duration d) noexcept {
    const SplitTime t = split(d + Duration::nanoseconds(999));
    return {static_cast<std::int32_t>(t.seconds), static_cast<std::int32_t>(t.nanoseconds / 1000)};
}
Status put_setting(VirtAddr to, const ProcessTimer::Setting& s) noexcept {
    return put_user(UserPtr<abi::Itimerval>(to), {rounded_up(s.interval), rounded_up(s.remaining)});
}

/// Error: invalid_argument.
Result<IntervalTimer*> interval_timer(Process& self, std::uint32_t which) noexcept {
    switch (which) {
        case abi::timer_real:
            return &self.interval_timers.real;
        case abi::timer_virtual:
            return &self.interval_timers.virtual_time;
        case abi::timer_profile:
            return &self.interval_timers.profile;
        default:
            return fail(Errc::invalid_argument);
    }
}

}  // namespace

Reply setitimer(Process& self, std::uint32_t which, VirtAddr next, VirtAddr old) noexcept {
    ProcessTimer::Setting wanted;  // no new one: off, as Linux still has it
    if (next != VirtAddr(0)) {
        const abi::Itimerval t = TRY(get_user(UserPtr<const abi::Itimerval>(next)));
        wanted = {TRY(duration_of_timeval(t.value)), TRY(duration_of_timeval(t.interval))};
    }
    ProcessTimer::Setting before;
    {
        LockGuard guard(self.timer_lock);
        before = TRY(interval_timer(self, which))->set(wanted);
    }
    if (old != VirtAddr(0)) {
        TRY(put_setting(old, before));
    }
    return 0U;
}

Reply getitimer(Process& self, std::uint32_t which, VirtAddr to) noexcept {
    LockGuard guard(self.timer_lock);
    TRY(put_setting(to, TRY(interval_timer(self, which))->get()));
    return 0U;
}

namespace {

/// Errors: invalid_argument (no such clock), not_supported (no timers on it), not_permitted.
Result<TimerClock> timer_clock(Process& self, std::uint32_t clock) noexcept {
    switch (clock) {
        case abi::clock_realtime_alarm:
        case abi::clock_boottime_alarm:
            if (!self.identity.is_privileged()) {
                return fail(Errc::not_permitted);
            }
            return TimerClock{clock == abi::clock_realtime_alarm ? TimerClock::Base::time_of_day
                                                                 : TimerClock::Base::monotonic};
        case abi::clock_realtime:
        case abi::clock_tai:
            return TimerClock{TimerClock::Base::time_of_day};
        case abi::clock_monotonic:
        case abi::clock_boottime:
            return TimerClock{TimerClock::Base::monotonic};
        case abi::clock_monotonic_raw:
        case abi::clock_realtime_coarse:
        case abi::clock_monotonic_coarse:
            return fail(Errc::not_supported);
        default:
            break;
    }
    const auto cpu_clock = cpu_clock_of(clock);
    if (!cpu_clock) {
        return fail(is_file_clock(clock) ? Errc::not_supported : Errc::invalid_argument);
    }
    TRY(read_cpu_clock(self, *cpu_clock));
    return TimerClock{TimerClock::Base::cpu, named_by(self, *cpu_clock)};
}

/// Error: invalid_argument.
Status check_event(const Process& self, const abi::SigEvent& e) noexcept {
    if (e.notify == abi::sigev_none) {
        return {};
    }
    bool is_known = e.notify == abi::sigev_signal || e.notify == abi::sigev_thread;
    if (e.notify == abi::sigev_thread_id) {
        LockGuard guard(World::process_lock);
        const Thread* const thread = processes().find_thread(Pid(e.thread));
        is_known = thread != nullptr && thread->process == &self;
    }
    if (!is_known || e.signo == 0 || e.signo > abi::signal_count) {
        return fail(Errc::invalid_argument);
    }
    return {};
}

template <class Timespec>
Reply set_timer(Process& self, std::uint32_t id, std::uint32_t flags, VirtAddr next,
                VirtAddr old) noexcept {
    if (next == VirtAddr(0)) {
        return fail(Errc::invalid_argument);
    }
    const auto wanted = TRY(get_user(UserPtr<const TimerSpec<Timespec>>(next)));
    const ProcessTimer::Setting setting{TRY(duration_of(wanted.value)),
                                        TRY(duration_of(wanted.interval))};
    LockGuard guard(self.timer_lock);
    PosixTimer& timer = *TRY(self.posix_timers.find(id));
    const auto before = timer.set_time(setting, (flags & abi::timer_absolute) != 0);
    if (old != VirtAddr(0)) {
        TRY(put_timer<Timespec>(old, before));
    }
    return 0U;
}

template <class Timespec>
Reply get_timer(Process& self, std::uint32_t id, VirtAddr to) noexcept {
    LockGuard guard(self.timer_lock);
    TRY(put_timer<Timespec>(to, TRY(self.posix_timers.find(id))->get()));
    return 0U;
}

}  // namespace

Reply timer_create(Process& self, std::uint32_t clock, UserPtr<const abi::SigEvent> event,
                   UserPtr<std::uint32_t> id) noexcept {
    abi::SigEvent wanted;
    if (!event.is_null()) {
        TRY(copy_in(std::as_writable_bytes(std::span(&wanted, 1)), event.address()));
    }
    const TimerClock source = TRY(timer_clock(self, clock));
    if (!event.is_null()) {
        TRY(check_event(self, wanted));
    }
    LockGuard guard(self.timer_lock);
    PosixTimer& timer =
        *TRY(self.posix_timers.create(self, source, event.is_null() ? nullptr : &wanted));
    if (const Status told = put_user(id, timer.id()); !told) {
        ignore_error(self.posix_timers.remove(timer.id()), "it is there");
        return fail(told.error());
    }
    return 0U;
}

Reply timer_settime(Process& self, std::uint32_t id, std::uint32_t flags, VirtAddr next,
                    VirtAddr old) noexcept {
    return set_timer<Timespec32>(self, id, flags, next, old);
}
Reply timer_settime64(Process& self, std::uint32_t id, std::uint32_t flags, VirtAddr next,
                      VirtAddr old) noexcept {
    return set_timer<Timespec64>(self, id, flags, next, old);
}
Reply timer_gettime(Process& self, std::uint32_t id, VirtAddr to) noexcept {
    return get_timer<Timespec32>(self, id, to);
}
Reply timer_gettime64(Process& self, std::uint32_t id, VirtAddr to) noexcept {
    return get_timer<Timespec64>(self, id, to);
}
Reply timer_getoverrun(Process& self, std::uint32_t id) noexcept {
    LockGuard guard(self.timer_lock);
    return TRY(self.posix_timers.find(id))->overruns();
}
Reply timer_delete(Process& self, std::uint32_t id) noexcept {
    LockGuard guard(self.timer_lock);
    TRY(self.posix_timers.remove(id));
    return 0U;
}

}  // namespace kidney::kernel::calls
