/// Sending signals: from system calls, from faults, from terminals (interrupts included).
#pragma once

#include "kernel/process/process.hpp"
#include "kernel/signal/signal_state.hpp"

#include <cstdint>

namespace kidney::kernel {

/// Makes `signal` pending for `target` and gets its thread to notice: a sleeping one wakes, one
/// that runs on another CPU is interrupted, a stopped one continues on SIGCONT and SIGKILL.
/// Any context, also interrupt handlers.
void send_signal(Process& target, std::uint32_t signal, const SignalCause& cause) noexcept
    REQUIRES(process_lock);

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
