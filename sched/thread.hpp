/// A thread as the dispatcher sees it: something to schedule, a context, and where it is.
///
/// The kernel derives its own thread from it (process, signals, FPU state); a simulation uses it
/// as it is.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/sched/policy.hpp"
#include "sched/statistics.hpp"
#include "sched/sync/inheritance.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kidney::sched {

enum class ThreadState : std::uint8_t {
    created,  ///< not started
    ready,    ///< in a run queue
    running,  ///< on a CPU
    waiting,  ///< until somebody wakes it
    moving,   ///< between two run queues: whoever took it out of one puts it into another
    exited,   ///< never runs again; its stack is free once the next thread runs
};

/// Fields up to `context` belong to the run queue of `cpu`: read and written under its lock.
template <hal::Cpu C>
struct ThreadBase : Entity {
    ThreadBase() noexcept = default;
    ThreadBase(const ThreadBase&) = delete;
    ThreadBase& operator=(const ThreadBase&) = delete;

    ThreadState state = ThreadState::created;
    /// A wake that found the thread not waiting; its next block() returns at once. This is what
    /// closes the gap between "I decided to wait" and "I sleep".
    bool wake_pending = false;
    ThreadStatistics statistics;  ///< CPU time up to the last charge
    Instant ready_since;          ///< while it is in a queue
    typename C::Context context{};

    /// Which run queue; changes only under the lock of that queue, readers lock it and look again.
    typename C::template Atomic<std::uint32_t> cpu{0};
    /// A signal waits: interruptible waits end. Set by Dispatcher::interrupt(), cleared by the
    /// thread.
    typename C::template Atomic<std::uint32_t> interrupted{0};

    // The thread's own.
    std::uint32_t preempt_count = 0;  ///< non-zero: not to be preempted
    HeldRanks held_mutexes;
    Borrower borrower;                ///< what it owes to those that wait for it
    const void* waits_for = nullptr;  ///< the object it sleeps on, for diagnostics
    void (*entry)(void*) noexcept = nullptr;
    void* argument = nullptr;
    void* dispatcher = nullptr;
    std::array<char, 16> name_text{};

    [[nodiscard]] std::string_view name() const noexcept { return name_text.data(); }
    /// Keeps the first 15 characters.
    void set_name(std::string_view name) noexcept {
        name_text = {};
        for (std::size_t i = 0; i < name.size() && i + 1 < name_text.size(); ++i) {
            name_text[i] = name[i];
        }
    }
};

}  // namespace kidney::sched
