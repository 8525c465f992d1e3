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
[[nodiscard]] LogLevel log_level() noexcept;
/// Where everything is shown from now on; at first on both.
void choose_console(bool serial, bool screen) noexcept;

/// Writes text to COM1 and the screen; '\n' becomes CR LF. Loses nothing: it waits if it must.
void console_write(std::string_view text) noexcept;

/// Writes the beginning of the text as it is, as much as there is room for, and says how much. The
/// terminal's output, which goes through here so that it does not mix with half a log line.
[[nodiscard]] std::size_t console_offer(std::string_view text) noexcept;
/// Bytes that wait for the serial line, and the most that can.
[[nodiscard]] std::size_t console_waiting() noexcept;
inline constexpr std::size_t console_queue = 4096;
/// Screens from 1 on, of which one is shown. The first has the console's own output.
inline constexpr std::uint32_t console_screens = 6;
/// Terminal output as it is, for one of the others.
void console_write_to_screen(std::uint32_t screen, std::string_view text) noexcept;
void console_show_screen(std::uint32_t screen) noexcept;
[[nodiscard]] std::uint32_t console_shown_screen() noexcept;
/// The serial line has interrupted: there may be more room. True: there is.
bool console_service() noexcept;
/// Sending has found that a BREAK came in (Uart16550::take_break).
[[nodiscard]] bool console_take_break() noexcept;
/// Whether output waits in a queue for interrupts, or the CPU for the line. The latter also sends
/// what has been queued: for when the machine stops.
void console_use_interrupts(bool used) noexcept;

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

/// For panics: no lock from now on, whoever holds it, and everything is shown everywhere, on the
/// first screen.
void break_console_lock() noexcept;

}  // namespace kidney::kernel
