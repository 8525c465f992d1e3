/// The console as a terminal: COM1 and the keyboard in, COM1 and the screen out.
#pragma once

#include "kernel/tty/terminal.hpp"

namespace kidney::kernel {

[[nodiscard]] Terminal& console_terminal() noexcept;

/// Lets received bytes interrupt. Boot, after interrupts work.
void start_console_input() noexcept;

}  // namespace kidney::kernel
