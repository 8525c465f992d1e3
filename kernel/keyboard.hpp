/// The PS/2 keyboard, from its interrupt to whoever reads characters.
#pragma once

namespace kidney::kernel {

/// Called with interrupts off for each character typed; wakes readers, never sleeps.
using KeyReceiver = void (*)(char c) noexcept;

/// Lets the keyboard interrupt from now on. Boot, after interrupts work; a machine without a
/// keyboard just never calls.
void start_keyboard(KeyReceiver receiver) noexcept;

}  // namespace kidney::kernel
