/// CPU time of processes.
#pragma once

#include "kernel/process/process.hpp"

namespace kidney::kernel {

/// In ticks of 1/100 s, as /proc and times(2) tell them, whatever the dispatcher's tick is.
[[nodiscard]] constexpr std::uint64_t clock_ticks(Duration time) noexcept {
    return static_cast<std::uint64_t>(time.count()) / 10'000'000;
}

/// Of a running thread. The dispatcher measures its slices, the way in from user mode what of them
/// the program had for itself; the rest is the system's.
[[nodiscard]] CpuTimes cpu_times(Thread& thread) noexcept;

/// What the process has used so far.
[[nodiscard]] inline CpuTimes cpu_times(Process& p) noexcept {
    return p.thread == nullptr ? p.final_times : cpu_times(*p.thread);
}

}  // namespace kidney::kernel
