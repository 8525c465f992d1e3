/// Who handles which device interrupt.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/hal/interrupt_controller.hpp"

namespace kidney::kernel {

/// Called with interrupts off; wakes threads, never sleeps. True: it was this device (lines can be
/// shared).
using InterruptHandler = bool (*)(void* device) noexcept;

/// Adds a handler for `line` and lets the line through to the boot CPU. Boot and driver start only.
/// Errors: busy (four devices share the line already), invalid_argument (no such line).
[[nodiscard]] Status handle_interrupts(hal::IrqLine line, hal::Trigger trigger,
                                       InterruptHandler handler, void* device) noexcept;

/// Interrupts taken on `line` since boot, for /proc/interrupts.
[[nodiscard]] std::uint32_t interrupt_count(hal::IrqLine line) noexcept;

}  // namespace kidney::kernel
