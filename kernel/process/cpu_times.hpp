/// CPU time of processes.
#pragma once

#include "kernel/process/process.hpp"

namespace kidney::kernel {

/// What the process has used so far. The dispatcher books time per thread and does not tell user
/// from kernel mode (that would cost two clock readings in every call): all of it is user time.
[[nodiscard]] inline CpuTimes cpu_times(Process& p) noexcept {
    if (p.thread == nullptr) {
        return p.final_times;
    }
    return {dispatcher().cpu_time(*p.thread), Duration()};
}

}  // namespace kidney::kernel
