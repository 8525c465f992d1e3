/// A thread of this kernel: what the dispatcher schedules, plus what only the kernel knows about
/// it.
#pragma once

#include "arch/i686/context/user_state.hpp"
#include "arch/i686/context/user_time.hpp"
#include "arch/i686/cpu/cpu.hpp"
#include "sched/thread.hpp"

#include <cstddef>
#include <span>

namespace kidney::kernel {

class Process;

/// Lives on the kernel heap; its stack comes from KernelStacks. Both go back when the thread has
/// exited and another one runs (SwitchHooks::exited).
struct Thread : sched::ThreadBase<arch::Cpu> {
    static constexpr const char* cache_name = "thread";

    Process* process = nullptr;  ///< null for kernel threads
    std::span<std::byte> stack;  ///< empty for the idle threads, which run on boot stacks
    arch::UserState user_state;  ///< FPU, TLS descriptors and %gs while the thread does not run
    arch::UserTime user_time;
    std::uint32_t traced_name = 0;        ///< what of it stands in the trace (event_trace.hpp)
    std::uint64_t booked_user_ticks = 0;  ///< of user_time: in the books of a CPU (cpu_usage.hpp)
};

}  // namespace kidney::kernel
