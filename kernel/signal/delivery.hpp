/// What programs call at the end of a handler; the way in is proc/signal/delivery.hpp.
#pragma once

#include "arch/i686/trap/trap_frame.hpp"
#include "kernel/process/process.hpp"

namespace kidney::kernel {

/// sigreturn(119): back from a handler without SA_SIGINFO. The result is the restored eax.
[[nodiscard]] std::uint32_t return_from_handler(Process& self, hal::TrapFrame& frame) noexcept;
/// rt_sigreturn(173): back from a handler with SA_SIGINFO.
[[nodiscard]] std::uint32_t return_from_rt_handler(Process& self, hal::TrapFrame& frame) noexcept;

}  // namespace kidney::kernel
