/// Timers that processes own: a schedule on some clock, kept on the dispatcher's timer queue.
#pragma once

#include "kernel/names.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/time/cpu_clock.hpp"
#include "kidney/abi/signal.hpp"
#include "proc/time/timer_schedule.hpp"
#include "sched/timer_queue.hpp"

#include <cstdint>

namespace kidney::kernel {

class Process;

/// What a timer counts.
struct TimerClock {
    enum class Base : std::uint8_t {
        monotonic,
        time_of_day,  ///< follows it only to an absolute time
        cpu,
    };
    Base base = Base::monotonic;
    CpuClock cpu{};
};

/// Set, asked and cancelled under its owner's timer_lock; cancelled before the owner ends. It rings
/// in the timer interrupt. A CPU clock has no queue: it cannot be faster than real time, so such a
/// timer looks again when it could be due at the earliest.
class ProcessTimer : sched::TimerEntry, ClockWatcher {
public:
    struct Setting {
        Duration remaining;  ///< zero: off
        Duration interval;   ///< zero: once
    };

    /// Returns what was set before. `when.remaining` may be an absolute time of the timer's clock.
    Setting set(Setting when, bool is_absolute = false) noexcept;
    [[nodiscard]] Setting get() noexcept;
    void cancel() noexcept;

protected:
    ProcessTimer(Process& owner, TimerClock clock) noexcept;
    /// Of a file, whose lock stands for an owner's. No CPU clock.
    explicit ProcessTimer(TimerClock clock) noexcept;
    ~ProcessTimer() = default;

    /// It is due. Under process_lock, in the timer interrupt. False: it rests until resume().
    virtual bool ring() noexcept = 0;
    /// The time of day was set, and it follows that. Under the lock of the clock's watchers.
    virtual void clock_was_set() noexcept {}
    /// Does it wait for resume()?
    [[nodiscard]] virtual bool is_resting() const noexcept { return false; }
    /// It never rings, only counts.
    [[nodiscard]] virtual bool is_silent() const noexcept { return false; }
    /// Goes on after a rest. Returns how many further rings fell into it.
    std::uint64_t resume() noexcept;

    [[nodiscard]] Process& owner() const noexcept { return *owner_; }

private:
    static Instant fired(sched::TimerEntry& entry, Instant now) noexcept;
    static void clock_changed(ClockWatcher& watcher) noexcept;
    [[nodiscard]] Instant expire() noexcept;
    [[nodiscard]] Duration now() noexcept;
    /// When to look, at the earliest, if it rings in `left` on its clock.
    [[nodiscard]] Instant instant_in(Duration left) const noexcept;
    [[nodiscard]] bool follows_time_of_day() const noexcept;
    void arm() noexcept;

    Process* owner_ = nullptr;
    TimerClock clock_;
    bool is_absolute_ = false;
    TimerSchedule schedule_;
};

/// ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF (and alarm(2)).
class IntervalTimer final : public ProcessTimer {
public:
    IntervalTimer(Process& owner, TimerClock clock, std::uint32_t signal) noexcept
        : ProcessTimer(owner, clock), signal_(signal) {}

private:
    bool ring() noexcept override;
    std::uint32_t signal_;
};

/// The three of a process, by their numbers.
struct IntervalTimers {
    explicit IntervalTimers(Process& owner) noexcept
        : real(owner, {}, abi::sig_alrm),
          virtual_time(owner, {TimerClock::Base::cpu, {.kind = CpuClock::Kind::user}},
                       abi::sig_vtalrm),
          profile(owner, {TimerClock::Base::cpu, {}}, abi::sig_prof) {}
    void cancel() noexcept {
        real.cancel();
        virtual_time.cancel();
        profile.cancel();
    }
    IntervalTimer real, virtual_time, profile;
};

}  // namespace kidney::kernel
