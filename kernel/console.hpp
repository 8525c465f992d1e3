/// Where the kernel's own words go: serial port, VGA screen, and a ring for dmesg.
#pragma once

#include "kernel/log_ring.hpp"
#include "kidney/core/log.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::kernel {

/// Makes log_line() work. First thing after the CPU's tables.
void start_console() noexcept;

/// The least level that is logged from now on.
void set_log_level(LogLevel least) noexcept;
/// Where everything is shown from now on; at first on both.
void choose_console(bool serial, bool screen) noexcept;

/// Writes text as it is to COM1 and the screen; '\n' becomes CR LF on the serial line unless `raw`.
/// The terminal's output goes through here too, so that it does not mix with half a log line.
void console_write(std::string_view text, bool raw = false) noexcept;

/// Log lines above this level are recorded, but not printed; dmesg -n sets it. In terms of Linux,
/// where 3 is an error, 4 a warning, 6 information and 7 for debugging: lines of a number below
/// `limit` are printed.
void set_console_limit(std::uint32_t limit) noexcept;
[[nodiscard]] std::uint32_t console_limit() noexcept;
inline constexpr std::uint32_t default_console_limit = 8;  ///< everything

/// A line from a program (/dev/kmsg). `limit` as above; 0 to 7.
void log_from_program(std::uint32_t number, std::string_view text) noexcept;

/// The log in memory. Each line begins with its number in angle brackets, as syslog(2) wants it.
/// Copies what comes at `from`, which moves on; 0 at the end.
[[nodiscard]] std::size_t read_log(LogPosition& from, std::span<char> to) noexcept;
/// The first line, not before `from`, from which the rest fits into `most` bytes.
[[nodiscard]] LogPosition log_tail(LogPosition from, std::size_t most) noexcept;
[[nodiscard]] LogPosition log_end() noexcept;
inline constexpr std::size_t log_ring_size = std::size_t{32} * 1024;

/// For panics: no lock from now on, whoever holds it, and everything is shown everywhere.
void break_console_lock() noexcept;

}  // namespace kidney::kernel
