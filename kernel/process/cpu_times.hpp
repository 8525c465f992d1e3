/// CPU time of processes.
#pragma once

#include "kernel/process/process.hpp"

#include <algorithm>

namespace kidney::kernel {

/// In ticks of 1/100 s, as /proc and times(2) tell them, whatever the dispatcher's tick is.
[[nodiscard]] constexpr std::uint64_t clock_ticks(Duration time) noexcept {
    return static_cast<std::uint64_t>(time.count()) / 10'000'000;
}

/// Of a running thread. The dispatcher measures its slices, the way in from user mode what of them
/// the program had for itself; the rest is the system's.
[[nodiscard]] CpuTimes cpu_times(Thread& thread) noexcept;

/// What the process has used so far.
[[nodiscard]] inline CpuTimes cpu_times(Process& p) noexcept REQUIRES(World::process_lock) {
    return p.thread == nullptr ? p.final_usage.times : cpu_times(*p.thread);
}

/// The same, and what else it took.
[[nodiscard]] inline Usage usage_of(Process& p) noexcept REQUIRES(World::process_lock) {
    if (p.thread == nullptr) {
        return p.final_usage;
    }
    const std::uint32_t peak = p.peek(p.memory, [](const AddressSpace* memory) {
        return memory == nullptr ? 0U : memory->resident().peak;
    });
    const sched::ThreadStatistics& got = p.thread->statistics;
    return {cpu_times(*p.thread), std::max(peak, p.peak_pages), p.faults, got.picks,
            got.preemptions};
}

}  // namespace kidney::kernel
