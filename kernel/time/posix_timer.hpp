/// timer_create(2) and its kin: timers by number, which tell by a signal of their own.
#pragma once

#include "kernel/names.hpp"
#include "kernel/time/process_timer.hpp"
#include "kidney/core/result.hpp"
#include "proc/signal/signal_queue.hpp"

#include <cstdint>

namespace kidney::kernel {

/// Its signal is queued once: while it is on its way the timer rests, and what it misses meanwhile
/// are the overruns that the signal tells.
class PosixTimer final : public ProcessTimer, public SignalSource {
public:
    PosixTimer(Process& owner, TimerClock clock, const abi::SigEvent& event, std::uint32_t id,
               QueuedSignal& queued) noexcept;

    [[nodiscard]] std::uint32_t id() const noexcept { return id_; }
    [[nodiscard]] std::uint32_t overruns() const noexcept { return overruns_; }
    Setting set_time(Setting when, bool is_absolute) noexcept;

    /// The owner has taken the signal out of its queue. Returns the overruns.
    std::uint32_t signal_taken() noexcept override;
    /// Gives the place in the queue up: null if the signal is still on its way, and then belongs to
    /// the queue alone.
    [[nodiscard]] QueuedSignal* give_up_signal() noexcept;

    PosixTimer* next = nullptr;  ///< PosixTimers'

private:
    bool ring() noexcept override;
    [[nodiscard]] bool is_resting() const noexcept override { return rests_; }
    [[nodiscard]] bool is_silent() const noexcept override {
        return event_.notify == abi::sigev_none;
    }

    abi::SigEvent event_;
    std::uint32_t id_;
    QueuedSignal* queued_;
    bool rests_ = false;          ///< guarded by process_lock
    std::uint32_t overruns_ = 0;  ///< of the last signal
};

/// The timers of one process. Under its timer_lock, or by its last thread.
class PosixTimers {
public:
    PosixTimers() noexcept = default;
    PosixTimers(const PosixTimers&) = delete;
    PosixTimers& operator=(const PosixTimers&) = delete;

    /// Error: would_block (RLIMIT_SIGPENDING), no_memory.
    [[nodiscard]] Result<PosixTimer*> create(Process& owner, TimerClock clock,
                                             const abi::SigEvent* event) noexcept;
    /// Error: invalid_argument.
    [[nodiscard]] Result<PosixTimer*> find(std::uint32_t id) noexcept;
    Status remove(std::uint32_t id) noexcept;
    /// exec and exit.
    void remove_all() noexcept;

private:
    static void destroy(PosixTimer& timer) noexcept;

    PosixTimer* first_ = nullptr;
    std::uint32_t next_id_ = 0;
};

}  // namespace kidney::kernel
