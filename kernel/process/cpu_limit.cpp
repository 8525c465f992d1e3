#include "kernel/process/cpu_limit.hpp"

#include "kernel/process/cpu_times.hpp"
#include "proc/signal/send.hpp"

namespace kidney::kernel {

void enforce_cpu_limit() noexcept {
    Process* const self = current_thread().process;
    if (self == nullptr || !self->limits.limits_cpu_time()) [[likely]] {
        return;
    }
    LockGuard guard(World::process_lock);
    const Duration used = cpu_times(*self).total();
    const CpuVerdict verdict = self->limits.judge_cpu_time(used);
    if (verdict != CpuVerdict::go_on) {
        send_signal(*self, verdict == CpuVerdict::warn ? abi::sig_xcpu : abi::sig_kill, {});
    }
}

}  // namespace kidney::kernel
