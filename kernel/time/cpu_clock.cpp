#include "kernel/time/cpu_clock.hpp"

#include "kernel/process/cpu_times.hpp"
#include "kernel/process/process_table.hpp"

namespace kidney::kernel {

Duration CpuClock::of(const CpuTimes& times) const noexcept {
    return kind == Kind::user ? times.user : times.total();
}

Result<Duration> read_cpu_clock(Process& self, const CpuClock& clock) noexcept {
    if (clock.pid.value() == 0 || clock.pid == self.pid) {
        return clock.of(cpu_times(self));
    }
    LockGuard guard(process_lock);
    Process* const other = processes().find(clock.pid);
    if (clock.of_thread || other == nullptr) {
        return fail(Errc::invalid_argument);
    }
    return clock.of(cpu_times(*other));
}

}  // namespace kidney::kernel
