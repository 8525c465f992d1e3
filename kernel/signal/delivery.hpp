/// Signals on the way back to user mode: building handler frames and undoing them.
#pragma once

#include "arch/i686/trap/trap_frame.hpp"
#include "kernel/process/process.hpp"

namespace kidney::kernel {

/// Does what the pending signals ask for: enters a handler (changing `frame`), stops, or ends the
/// process (does not return then). Also restarts an interrupted system call where nobody objects.
/// Process context, interrupts on. Cheap when nothing is pending.
void deliver_signals(Process& self, hal::TrapFrame& frame) noexcept EXCLUDES(World::process_lock);

/// sigreturn(119): back from a handler without SA_SIGINFO. The result is the restored eax.
[[nodiscard]] std::uint32_t return_from_handler(Process& self, hal::TrapFrame& frame) noexcept;
/// rt_sigreturn(173): back from a handler with SA_SIGINFO.
[[nodiscard]] std::uint32_t return_from_rt_handler(Process& self, hal::TrapFrame& frame) noexcept;

}  // namespace kidney::kernel
