/// A process of this kernel: what the engine (proc/process.hpp) says of it, and what only this
/// kernel knows.
#pragma once

#include "arch/i686/trap/trap_frame.hpp"
#include "kernel/kernel.hpp"
#include "kernel/names.hpp"
#include "kernel/process/world.hpp"
#include "kernel/time/posix_timer.hpp"
#include "kernel/time/process_timer.hpp"
#include "kidney/core/time.hpp"
#include "mm/victim.hpp"
#include "proc/priorities.hpp"
#include "proc/process.hpp"
#include "proc/process_table.hpp"

#include <cstdint>

namespace kidney::kernel {

class WatchedCall;

inline constexpr std::uint32_t default_timer_slack = 50'000;  ///< ns

class Process final : public proc::ProcessBase<World> {
public:
    static constexpr const char* cache_name = "process";

    const Instant started = Clock::now();

    // --- Constant, or the process's own ---
    SchedulingClass scheduling;
    std::uint16_t io_priority = 0;  ///< class and level of ioprio_set; kept, not acted on
    std::uint32_t faults = 0;       ///< pages that it touched and that were not there
    std::uint32_t peak_pages = 0;   ///< of memories that it has left
    IntervalTimers interval_timers{*this};
    PosixTimers posix_timers;
    WatchedCall* watched_call = nullptr;  ///< it is within this one (kernel/syscall/trace)
    bool exceeds_process_limit = false;   ///< since a change of user; exec looks once more
    bool undoes_semaphores = false;       ///< it has used SEM_UNDO
    bool uses_reserve = false;            ///< memory must be had at once (frame_claims.cpp)
    mm::VainRequests vain_requests;       ///< for memory (out_of_memory.cpp)
    /// When a restarted sleep or poll shall end; never() if none is under way.
    Instant resumed_deadline = Instant::never();
    /// Registers of a forked child until it first runs.
    hal::TrapFrame start_frame;

    // --- Guarded by process_lock ---
    /// Where exec put them in `memory`.
    VirtRange arguments, environment, auxiliary;
    std::uint32_t personality = 0;                    ///< kept, not acted on
    std::uint32_t timer_slack = default_timer_slack;  ///< ns; kept: sleeps end when they should
    bool keeps_capabilities = false;                  ///< past a change of user (PR_SET_KEEPCAPS)
    std::int32_t memory_adjustment = 0;               ///< oom_score_adj
    std::int32_t least_adjustment = 0;                ///< as far as it may go down without root
    Instant awaited_since = Instant::never();         ///< it ends, and somebody needs its memory

    /// Others could look inside; now it can do what they cannot.
    void become_opaque() noexcept REQUIRES(World::process_lock) {
        dumpable = false;
        death_signal = 0;
    }

    void dispose() noexcept;
};

/// The process whose thread runs here. Only in process context: system calls, faults, exits.
[[nodiscard]] inline Process& current_process() noexcept {
    return *current_thread().process;
}

}  // namespace kidney::kernel
