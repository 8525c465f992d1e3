/// Writing the frame of a handler to the user's stack, and reading it back.
#pragma once

#include "arch/i686/trap/trap_frame.hpp"
#include "kernel/process/process.hpp"

namespace kidney::kernel {

/// Puts the frame for `d` on the user's stack (or the alternate one) and makes `frame` enter the
/// handler. `mask` is what sigreturn restores. Error: bad_address; then nothing has changed.
[[nodiscard]] Status build_handler_frame(Process& self, hal::TrapFrame& frame, const Delivery& d,
                                         SignalSet mask) noexcept;

/// Restores registers and FPU from the frame that esp points behind; returns the mask to restore.
/// Error: bad_address. The program may have changed anything in it: what would give it rights or
/// crash the kernel is masked.
[[nodiscard]] Result<SignalSet> undo_handler_frame(Process& self, hal::TrapFrame& frame) noexcept;
[[nodiscard]] Result<SignalSet> undo_rt_handler_frame(Process& self,
                                                      hal::TrapFrame& frame) noexcept;

}  // namespace kidney::kernel
