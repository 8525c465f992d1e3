/// Timers behind descriptors: a ProcessTimer without a process.
#pragma once

#include "fs/event/event_timer.hpp"
#include "kernel/event/event_files.hpp"
#include "kernel/time/process_timer.hpp"

#include <cstdint>

namespace kidney::kernel {

/// Model of fs::RestingTimer; its clock is the monotonic one or the time of day.
class FileTimer final : public ProcessTimer {
public:
    FileTimer(fs::TimerListener& listener, TimerClock clock) noexcept
        : ProcessTimer(clock), listener_(listener) {}

    [[nodiscard]] fs::TimerSetting get() noexcept;
    void stop() noexcept;
    void start(fs::TimerSetting setting, bool is_absolute) noexcept;
    [[nodiscard]] std::uint64_t resume() noexcept;

private:
    bool ring() noexcept override;
    void clock_was_set() noexcept override { listener_.clock_was_set(); }
    [[nodiscard]] bool is_resting() const noexcept override { return rests_; }

    fs::TimerListener& listener_;
    bool rests_ = false;  ///< guarded by process_lock
};
using TimerFile = fs::EventTimer<EventFiles, FileTimer>;

}  // namespace kidney::kernel
