#include "kernel/process/process.hpp"

namespace kidney::kernel {

mm::FrameClaim Claimants::current() noexcept {
    const auto* const thread = static_cast<const Thread*>(Cpu::thread());
    const Process* const process = thread == nullptr ? nullptr : thread->process;
    if (process == nullptr || thread->uses_reserve ||
        process->is_ending.load(std::memory_order_relaxed)) {
        return mm::FrameClaim::essential;
    }
    // WHY the real user: what root keeps free is not for the set-user-ID programs of others.
    return process->identity.user.real == 0 ? mm::FrameClaim::privileged : mm::FrameClaim::ordinary;
}

bool HeapContext::may_sleep() noexcept {
    const auto* const thread = static_cast<const Thread*>(Cpu::thread());
    return thread != nullptr && thread->preempt_count == 0 && Cpu::interrupts_enabled();
}

}  // namespace kidney::kernel
