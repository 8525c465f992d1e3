/// The time of day: the monotonic clock plus what it was at boot.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/core/time.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstdint>

namespace kidney::kernel {

/// Nanoseconds since 1970-01-01 UTC now.
[[nodiscard]] Duration wall_clock() noexcept;
/// Nanoseconds since boot now: the monotonic clock as a span.
[[nodiscard]] Duration uptime() noexcept;
/// From boot (the battery-backed clock) and clock_settime. Who waits for a time of day looks again.
/// Error: invalid_argument, for a time at which the machine would have booted before 1970, or so
/// late that what is 30 years ahead cannot be told any more. (As Linux.)
Status set_wall_clock(Duration since_epoch) noexcept;

/// Hears of set_wall_clock(). Lives in its owner, which takes it out again.
class ClockWatcher {
public:
    ClockWatcher(const ClockWatcher&) = delete;
    ClockWatcher& operator=(const ClockWatcher&) = delete;

    /// From now on. The clock does not change while `first` runs, which may arm a timer.
    template <class F>
    void watch(F&& first) noexcept {
        lock();
        link();
        first();
        unlock();
    }
    /// Once this has returned, changed() is not under way and is not called any more.
    void unwatch() noexcept;

protected:
    /// Under a spin lock that ranks before the timers'; may arm and cancel them, and wake.
    using Changed = void (*)(ClockWatcher& self) noexcept;
    explicit ClockWatcher(Changed changed) noexcept : changed_(changed) {}
    ~ClockWatcher() = default;

private:
    friend Status set_wall_clock(Duration since_epoch) noexcept;
    static void lock() noexcept;
    static void unlock() noexcept;
    void link() noexcept;

    Changed changed_;
    ClockWatcher* next_ = nullptr;
    ClockWatcher** place_ = nullptr;  ///< what points to this one; null: not watching
};

/// When a wait ends: at an instant, or at a time of day wherever clock_settime moves that.
class Deadline {
public:
    explicit constexpr Deadline(Instant at) noexcept : at_(at) {}
    [[nodiscard]] static constexpr Deadline never() noexcept { return Deadline(Instant::never()); }
    [[nodiscard]] static constexpr Deadline of_day(Duration since_epoch) noexcept {
        Deadline d = never();
        d.day_ = since_epoch;
        d.follows_wall_clock_ = true;
        return d;
    }
    [[nodiscard]] constexpr bool follows_wall_clock() const noexcept { return follows_wall_clock_; }
    /// As the clocks stand now.
    [[nodiscard]] Instant instant() const noexcept;

private:
    Instant at_;
    Duration day_;
    bool follows_wall_clock_ = false;
};

/// For time stamps of files (fs::FileClock).
[[nodiscard]] fs::FileTime wall_time() noexcept;
struct WallFileClock {
    [[nodiscard]] fs::FileTime operator()() const noexcept { return wall_time(); }
};

}  // namespace kidney::kernel
