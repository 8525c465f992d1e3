/// What the CPUs did since they started: for /proc/stat, /proc/loadavg and /proc/uptime.
#pragma once

#include "kernel/kernel.hpp"
#include "sched/load_average.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::kernel {

/// Of one CPU, or of all together.
struct CpuUsage {
    Duration user, system, idle;
    std::uint64_t switches = 0;
};
/// All zero for a CPU that is not online; one that has had nothing to do was idle all the time.
[[nodiscard]] CpuUsage cpu_usage(CpuId cpu) noexcept;
[[nodiscard]] CpuUsage cpu_usage() noexcept;

/// Threads that run, or could.
[[nodiscard]] std::size_t runnable_threads() noexcept;
[[nodiscard]] bool is_runnable(Thread& thread) noexcept;

/// Samples the load from now on. Once, after the dispatcher exists.
void start_load_average() noexcept;
[[nodiscard]] sched::LoadAverage load_average() noexcept;

/// For the switch hooks: the user time of a thread that leaves this CPU goes into the CPU's books.
/// Interrupts off, this CPU's run queue locked.
void book_user_time(Thread& leaving) noexcept;
void note_running(const Thread& next) noexcept;
/// The same for a thread that runs on and on. In the timer interrupt.
void book_user_time_at_tick() noexcept;

}  // namespace kidney::kernel
