/// ITIMER_REAL: alarm(2) and setitimer(2).
#pragma once

#include "kidney/core/time.hpp"
#include "sched/timer_queue.hpp"

namespace kidney::kernel {

class Process;

/// When a timer that was due at `deadline` rings again: a whole number of intervals later, however
/// late it was served; what was missed is not made up for. An interval of zero: never.
[[nodiscard]] constexpr Instant next_ring(Instant deadline, Duration interval,
                                          Instant now) noexcept {
    if (interval <= Duration()) {
        return Instant::never();
    }
    const std::int64_t missed = (now - deadline).count() / interval.count();
    return deadline + Duration::nanoseconds((missed + 1) * interval.count());
}

/// A deadline on the dispatcher's timer queue that sends SIGALRM.
class IntervalTimer {
public:
    IntervalTimer() noexcept = default;
    IntervalTimer(const IntervalTimer&) = delete;
    IntervalTimer& operator=(const IntervalTimer&) = delete;

    struct Setting {
        Duration remaining;  ///< zero: off
        Duration interval;   ///< zero: once
    };
    // The owner's thread only.
    /// Returns what was set before.
    Setting set(Process& owner, Setting next) noexcept;
    [[nodiscard]] Setting get() noexcept;
    void cancel() noexcept;

private:
    struct Entry : sched::TimerEntry {
        Process* owner = nullptr;
        Duration interval;
    };
    static Instant fired(sched::TimerEntry& entry, Instant now) noexcept;

    Entry entry_;
    bool armed_ = false;
};

}  // namespace kidney::kernel
