#include "kernel/time/cpu_clock.hpp"

#include "kernel/process/cpu_times.hpp"
#include "kernel/process/process_table.hpp"

namespace kidney::kernel {

Result<Duration> read_cpu_clock(Process& self, const CpuClock& clock) noexcept {
    LockGuard guard(World::process_lock);
    return read_cpu_clock_locked(self, named_by(self, clock));
}

CpuClock named_by(const Process& self, CpuClock clock) noexcept {
    if (clock.pid.value() == 0) {
        clock.pid = clock.of_thread ? self.this_thread().number : self.pid;
    }
    return clock;
}

Result<Duration> read_cpu_clock_locked(Process& self, const CpuClock& clock) noexcept
    KIDNEY_NO_TSA("called with World::process_lock held")
{
    if (clock.of_thread) {
        Thread* const thread = processes().find_thread(clock.pid);
        if (thread == nullptr || thread->process != &self) {
            return fail(Errc::invalid_argument);
        }
        return clock.of(cpu_times(*thread));
    }
    Process* const named = clock.pid.value() == 0 ? &self : processes().find(clock.pid);
    return named == nullptr ? Result<Duration>(fail(Errc::invalid_argument))
                            : Result<Duration>(clock.of(cpu_times(*named)));
}

}  // namespace kidney::kernel
