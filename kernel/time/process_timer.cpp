#include "kernel/time/process_timer.hpp"

#include "kernel/process/cpu_times.hpp"
#include "kernel/process/process_table.hpp"
#include "proc/signal/send.hpp"

#include <algorithm>

namespace kidney::kernel {

ProcessTimer::ProcessTimer(TimerClock clock) noexcept
    : ClockWatcher(&ProcessTimer::clock_changed), clock_(clock) {
    TimerEntry::fired = &ProcessTimer::fired;
}

ProcessTimer::ProcessTimer(Process& owner, TimerClock clock) noexcept : ProcessTimer(clock) {
    owner_ = &owner;
}

bool ProcessTimer::follows_time_of_day() const noexcept {
    return clock_.base == TimerClock::Base::time_of_day && is_absolute_;
}

Duration ProcessTimer::now() noexcept {
    switch (clock_.base) {
        case TimerClock::Base::monotonic:
            return uptime();
        case TimerClock::Base::time_of_day:
            return is_absolute_ ? wall_clock() : uptime();
        case TimerClock::Base::cpu:
            // One of a process that is gone stands still.
            return read_cpu_clock_locked(owner(), clock_.cpu).value_or(Duration());
    }
    return {};
}

Instant ProcessTimer::instant_in(Duration left) const noexcept {
    // A timer with a tiny interval, or on the clock of a process that sleeps, must not keep the
    // machine busy.
    constexpr Duration shortest = Duration::microseconds(100);
    constexpr Duration shortest_of_cpu = Duration::milliseconds(1);
    return Clock::now() +
           std::max(left, clock_.base == TimerClock::Base::cpu ? shortest_of_cpu : shortest);
}

Instant ProcessTimer::fired(sched::TimerEntry& entry, Instant) noexcept {
    LockGuard guard(World::process_lock);
    return static_cast<ProcessTimer&>(entry).expire();
}

Instant ProcessTimer::expire() noexcept {
    const Duration at = now();
    if (at < schedule_.expiry) {
        return instant_in(schedule_.expiry - at);
    }
    if (!ring()) {
        return Instant::never();
    }
    return schedule_.advance(at) == 0 ? Instant::never() : instant_in(schedule_.expiry - at);
}

void ProcessTimer::clock_changed(ClockWatcher& watcher) noexcept {
    auto& self = static_cast<ProcessTimer&>(watcher);
    self.clock_was_set();
    if (dispatcher().cancel_timer(self)) {  // else it rests
        self.deadline = Deadline::of_day(self.schedule_.expiry).instant();
        dispatcher().arm_timer(self);
    }
}

void ProcessTimer::arm() noexcept {
    const auto start = [this] {
        Duration left;
        {
            LockGuard guard(World::process_lock);
            left = schedule_.expiry - now();
        }
        deadline = clock_.base == TimerClock::Base::cpu ? instant_in(left)
                                                        : Clock::now() + std::max(left, Duration());
        dispatcher().arm_timer(*this);
    };
    if (follows_time_of_day()) {
        watch(start);
    } else {
        start();
    }
}

void ProcessTimer::cancel() noexcept {
    unwatch();
    static_cast<void>(dispatcher().cancel_timer(*this));  // false: it has fired, or was not armed
    schedule_.is_armed = false;
}

ProcessTimer::Setting ProcessTimer::get() noexcept {
    LockGuard guard(World::process_lock);
    TimerSchedule s = schedule_;
    const Duration at = now();
    if ((is_resting() || is_silent()) && s.is_armed && s.expiry <= at) {
        s.advance(at);
    }
    const bool is_over = s.interval == Duration() && is_silent() && s.expiry <= at;
    return {is_over ? Duration() : s.remaining(at), s.interval};
}

ProcessTimer::Setting ProcessTimer::set(Setting when, bool is_absolute) noexcept {
    const Setting before = get();
    cancel();
    if (when.remaining == Duration()) {
        schedule_ = {};
        return before;
    }
    is_absolute_ = is_absolute;
    {
        LockGuard guard(World::process_lock);
        const Duration at = is_absolute ? Duration() : now();
        schedule_ = {at + std::min(when.remaining, Duration::longest() - at), when.interval, true};
    }
    if (!is_silent()) {
        arm();
    }
    return before;
}

std::uint64_t ProcessTimer::resume() noexcept {
    std::uint64_t steps = 0;
    bool rings_again = false;
    {
        LockGuard guard(World::process_lock);
        steps = schedule_.advance(now());
        rings_again = schedule_.is_armed;
    }
    if (rings_again) {
        unwatch();
        arm();
    }
    return steps != 0 ? steps - 1 : 0;
}

bool IntervalTimer::ring() noexcept KIDNEY_NO_TSA("called with World::process_lock held")
{
    send_signal(owner(), signal_, {});
    return true;
}

}  // namespace kidney::kernel
