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

/// What the process has used so far, those of its threads that have ended included.
[[nodiscard]] inline CpuTimes cpu_times(Process& p) noexcept REQUIRES(World::process_lock) {
    if (p.thread == nullptr) {
        return p.final_usage.times;
    }
    CpuTimes times = p.ended_threads.times;
    for (Thread& t : p.threads) {
        times = times + cpu_times(t);
    }
    return times;
}

/// The same, and what else they took.
[[nodiscard]] inline Usage usage_of(Thread& thread) noexcept {
    const sched::ThreadStatistics& got = thread.statistics;
    return {cpu_times(thread), 0, thread.faults, got.picks, got.preemptions};
}
[[nodiscard]] inline Usage usage_of(Process& p) noexcept REQUIRES(World::process_lock) {
    if (p.thread == nullptr) {
        return p.final_usage;
    }
    Usage usage = p.ended_threads;
    for (Thread& t : p.threads) {
        usage = usage + usage_of(t);
    }
    const std::uint32_t peak = p.peek(p.memory, [](const AddressSpace* memory) {
        return memory == nullptr ? 0U : memory->resident().peak;
    });
    usage.peak_pages = std::max(peak, p.peak_pages);
    return usage;
}

}  // namespace kidney::kernel
