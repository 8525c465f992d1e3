/// The CPU time of this kernel's processes, read through proc::CpuClock.
#pragma once

#include "kernel/names.hpp"
#include "kidney/core/result.hpp"
#include "kidney/core/time.hpp"
#include "proc/time/cpu_clock.hpp"

namespace kidney::kernel {

class Process;

/// With the number of the one whose clock it is, where it only says "mine".
[[nodiscard]] CpuClock named_by(const Process& self, CpuClock clock) noexcept;
/// Error: invalid_argument, if there is no such process, or it is another's thread.
[[nodiscard]] Result<Duration> read_cpu_clock(Process& self, const CpuClock& clock) noexcept;
/// The same for those who hold process_lock; a clock of a thread has its number.
[[nodiscard]] Result<Duration> read_cpu_clock_locked(Process& self, const CpuClock& clock) noexcept;

}  // namespace kidney::kernel
