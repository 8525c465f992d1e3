/// Who handles which device interrupt.
#pragma once

#include "fs/procfs/text.hpp"
#include "kidney/core/result.hpp"
#include "kidney/hal/interrupt_controller.hpp"

namespace kidney::kernel {

/// Called with interrupts off; wakes threads, never sleeps. True: it was this device (lines can be
/// shared).
using InterruptHandler = bool (*)(void* device) noexcept;

/// Adds a handler for `line` and lets the line through to the boot CPU. Boot and driver start only.
/// Errors: busy (four devices share the line already), invalid_argument (no such line).
/// `name`, for people, must live on.
[[nodiscard]] Status handle_interrupts(hal::IrqLine line, hal::Trigger trigger,
                                       InterruptHandler handler, void* device,
                                       const char* name) noexcept;

/// Of the first device on a line; null: there is none.
[[nodiscard]] const char* interrupt_name(hal::IrqLine line) noexcept;

/// /proc/interrupts: for each line in use, and for what CPUs send each other, how often each CPU
/// has taken it.
void write_interrupts(fs::TextOutput& out) noexcept;

}  // namespace kidney::kernel
