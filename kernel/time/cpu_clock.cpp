#include "kernel/time/cpu_clock.hpp"

#include "kernel/process/cpu_times.hpp"
#include "kernel/process/process_table.hpp"

namespace kidney::kernel {

Result<Duration> read_cpu_clock(Process& self, const CpuClock& clock) noexcept {
    if (clock.pid.value() == 0 || clock.pid == self.pid) {
        return clock.of(cpu_times(*self.thread));
    }
    LockGuard guard(World::process_lock);
    return read_cpu_clock_locked(self, clock);
}

Result<Duration> read_cpu_clock_locked(Process& self, const CpuClock& clock) noexcept
    KIDNEY_NO_TSA("called with World::process_lock held")
{
    if (clock.pid.value() == 0 || clock.pid == self.pid) {
        return clock.of(cpu_times(*self.thread));
    }
    Process* const other = processes().find(clock.pid);
    if (clock.of_thread || other == nullptr) {
        return fail(Errc::invalid_argument);
    }
    return clock.of(cpu_times(*other));
}

}  // namespace kidney::kernel
