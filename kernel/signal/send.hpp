/// Sending signals: from system calls, from faults, from terminals (interrupts included).
#pragma once

#include "kernel/names.hpp"
#include "kernel/process/process.hpp"
#include "proc/signal/signal_state.hpp"

#include <cstdint>

namespace kidney::kernel {

/// Makes `signal` pending for `target` and gets its thread to notice: a sleeping one wakes, one
/// that runs on another CPU is interrupted, a stopped one continues on SIGCONT and SIGKILL.
/// Any context, also interrupt handlers.
/// What comes with a `queued` becomes the target's unless it is discarded.
PostResult send_signal(Process& target, std::uint32_t signal, const SignalCause& cause,
                       QueuedSignal* queued = nullptr) noexcept REQUIRES(process_lock);

/// A place in a process's queue, made before the lock is taken: nothing is allocated under it.
class SpareSignal {
public:
    SpareSignal() noexcept = default;
    ~SpareSignal();
    SpareSignal(const SpareSignal&) = delete;
    SpareSignal& operator=(const SpareSignal&) = delete;

    /// Error: no_memory.
    Status make() noexcept;
    /// Books it on the user of `owner`, whose queue it shall go into. Error: would_block
    /// (RLIMIT_SIGPENDING).
    Status take_room(const Process& owner) noexcept;
    [[nodiscard]] QueuedSignal* get() const noexcept { return queued_; }
    QueuedSignal* release() noexcept;
    /// Gives one back, with its room. Not under a spin lock.
    static void destroy(QueuedSignal& queued) noexcept;
    /// Those that were discarded with the process.
    static void destroy_all(SignalQueue& queue) noexcept;

private:
    QueuedSignal* queued_ = nullptr;
};

/// send_signal() for signals that queue. Error: would_block, if there is no room and the cause is
/// more than "somebody did".
Status send_queued_signal(Process& target, std::uint32_t signal, const SignalCause& cause,
                          SpareSignal& spare) noexcept REQUIRES(process_lock);

/// The owner has taken a signal: its timer goes on, or its room is free. Completes the cause.
void settle(QueuedSignal* queued, SignalCause& cause) noexcept EXCLUDES(process_lock);
/// Likewise for what was discarded.
void settle_discarded(Process& self) noexcept EXCLUDES(process_lock);

/// To every member of a group. False if there is none.
bool send_signal_to_group(Pid group, std::uint32_t signal, const SignalCause& cause) noexcept
    REQUIRES(process_lock);

/// A fault of the running program: delivered before it goes on, whatever it blocks or ignores.
void force_signal(Process& self, std::uint32_t signal, const SignalCause& cause) noexcept
    EXCLUDES(process_lock);

/// To the calling process itself (SIGPIPE).
void send_signal_to_self(Process& self, std::uint32_t signal) noexcept EXCLUDES(process_lock);

/// kill(2)'s permission rule.
[[nodiscard]] bool may_signal(const Process& sender, const Process& target,
                              std::uint32_t signal) noexcept REQUIRES(process_lock);

/// Gets a thread to look at its process's state soon: ends its interruptible sleep or its stay in
/// user mode.
void notify(Process& target) noexcept;

}  // namespace kidney::kernel
