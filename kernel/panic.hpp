/// The end of the line: report everything we know, then leave.
#pragma once

#include "kernel/boot/command_line.hpp"
#include "kidney/core/format.hpp"
#include "kidney/hal/upcalls.hpp"

#include <string_view>

namespace kidney::kernel {

/// Prints "KERNEL PANIC: reason", registers, CPU, thread and a symbolised backtrace on every
/// console, after stopping the other CPUs; then does what `panic=` asked for. Any context, any
/// locks held.
[[noreturn]] void panic(std::string_view reason) noexcept;
/// The same for an exception: the registers and the backtrace are the interrupted code's.
[[noreturn]] void panic(std::string_view reason, const hal::TrapFrame& frame) noexcept;

template <class... Args>
    requires(sizeof...(Args) > 0)
[[noreturn]] void panic(FormatString<std::type_identity_t<Args>...> text,
                        const Args&... arguments) noexcept {
    TextBuffer<200> buffer;
    format_to(buffer, text, arguments...);
    panic(buffer.view());
}

void set_panic_action(PanicAction action) noexcept;

/// Names the thread that runs on this CPU; set by the dispatcher's owner, called in a panic.
using ThreadNameHook = std::string_view (*)() noexcept;
void set_thread_name_hook(ThreadNameHook hook) noexcept;

/// Leaves QEMU through isa-debug-exit with `value`: its exit status is 2 * value + 1. Returns if
/// there is no such device.
void exit_emulator(std::uint8_t value) noexcept;
// QEMU's own refusals exit with 1, which is value 0.
inline constexpr std::uint8_t exit_powered_off = 0x12;
inline constexpr std::uint8_t exit_panicked = 0x2a;
inline constexpr std::uint8_t exit_self_test_passed = 0x10;
inline constexpr std::uint8_t exit_self_test_failed = 0x11;

}  // namespace kidney::kernel
