/// A process of this kernel: what the engine (proc/process.hpp) says of it, and what only this
/// kernel knows.
#pragma once

#include "kernel/kernel.hpp"
#include "kernel/names.hpp"
#include "kernel/process/world.hpp"
#include "kernel/time/posix_timer.hpp"
#include "kernel/time/process_timer.hpp"
#include "kidney/core/time.hpp"
#include "proc/process.hpp"
#include "proc/process_table.hpp"

#include <cstdint>

namespace kidney::kernel {

inline constexpr std::uint32_t default_timer_slack = 50'000;  ///< ns

class Process final : public proc::ProcessBase<World> {
public:
    static constexpr const char* cache_name = "process";

    const Instant started = Clock::now();

    // --- Constant, or the process's own ---
    std::uint32_t peak_pages = 0;  ///< of memories that it has left
    IntervalTimers interval_timers{*this};
    PosixTimers posix_timers;
    bool exceeds_process_limit = false;  ///< since a change of user; exec looks once more
    bool undoes_semaphores = false;      ///< it has used SEM_UNDO

    // --- Guarded by process_lock ---
    /// Where exec put them in `memory`.
    VirtRange arguments, environment, auxiliary;
    std::uint32_t personality = 0;                    ///< of it, only ADDR_NO_RANDOMIZE is acted on
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
