/// Where the kernel's own words go: serial port, VGA screen, and a ring for dmesg.
#pragma once

#include "kidney/core/log.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace kidney::kernel {

/// Makes log_line() work. First thing after the CPU's tables.
void start_console() noexcept;

/// The least level that is logged from now on.
void set_log_level(LogLevel least) noexcept;
/// Turns the VGA copy of everything on (the default) or off.
void set_screen_enabled(bool enabled) noexcept;

/// Writes text as it is to COM1 and the screen; '\n' becomes CR LF on the serial line unless `raw`.
/// The terminal's output goes through here too, so that it does not mix with half a log line.
void console_write(std::string_view text, bool raw = false) noexcept;

/// Copies the newest part of the log that fits; returns its length.
[[nodiscard]] std::size_t read_log(std::span<char> to) noexcept;

/// For panics: no lock from now on, whoever holds it.
void break_console_lock() noexcept;

}  // namespace kidney::kernel
