/// The PS/2 keyboard, from its interrupt to whoever reads characters.
#pragma once

#include <cstdint>

namespace kidney::kernel {

/// Called with interrupts off for each character typed; wakes readers, never sleeps.
using KeyReceiver = void (*)(char c) noexcept;

/// Called with interrupts off when another screen is asked for (Alt-F1, 1; ...).
using ScreenChooser = void (*)(std::uint32_t screen) noexcept;

/// Lets the keyboard interrupt from now on. Boot, after interrupts work; a machine without a
/// keyboard just never calls.
void start_keyboard(KeyReceiver receiver, ScreenChooser chooser) noexcept;

}  // namespace kidney::kernel
