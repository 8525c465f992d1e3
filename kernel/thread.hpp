/// A thread of this kernel: what the dispatcher schedules, plus what only the kernel knows about
/// it.
#pragma once

#include "arch/i686/context/user_state.hpp"
#include "arch/i686/context/user_time.hpp"
#include "arch/i686/cpu/cpu.hpp"
#include "arch/i686/trap/trap_frame.hpp"
#include "kidney/core/time.hpp"
#include "mm/victim.hpp"
#include "proc/priorities.hpp"
#include "proc/thread.hpp"
#include "sched/thread.hpp"

#include <cstddef>
#include <span>

namespace kidney::kernel {

class Process;
class WatchedCall;

/// Lives on the kernel heap; its stack comes from KernelStacks. Both go back when the thread has
/// exited and another one runs (SwitchHooks::exited).
struct Thread : sched::ThreadBase<arch::Cpu>, proc::UserThread {
    static constexpr const char* cache_name = "thread";

    Process* process = nullptr;  ///< null for kernel threads
    std::span<std::byte> stack;  ///< empty for the idle threads, which run on boot stacks
    arch::UserState user_state;  ///< FPU, TLS descriptors and %gs while the thread does not run
    arch::UserTime user_time;
    std::uint32_t traced_name = 0;        ///< what of it stands in the trace (event_trace.hpp)
    std::uint64_t booked_user_ticks = 0;  ///< of user_time: in the books of a CPU (cpu_usage.hpp)

    // --- Of a thread of a process, its own ---
    hal::TrapFrame start_frame;           ///< its registers until it first runs
    std::uint32_t faults = 0;             ///< pages that it touched and that were not there
    WatchedCall* watched_call = nullptr;  ///< it is within this one (kernel/syscall/trace)
    bool uses_reserve = false;            ///< memory must be had at once (frame_claims.cpp)
    mm::VainRequests vain_requests;       ///< for memory (out_of_memory.cpp)
    /// When a restarted sleep or poll shall end; never() if none is under way.
    Instant resumed_deadline = Instant::never();

    // --- Guarded by World::process_lock ---
    proc::SchedulingClass scheduling;
    std::uint16_t io_priority = 0;  ///< class and level of ioprio_set; kept, not acted on
};

}  // namespace kidney::kernel
