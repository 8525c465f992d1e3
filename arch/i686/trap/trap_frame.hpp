/// The interrupted program's registers as entry.S pushes them, lowest address first.
///
/// `%gs` is not here: the kernel never loads it, so the user's value stays in the register until
/// the next context switch (arch/i686/context). No inline assembly: tests build frames by hand.
#pragma once

#include "kidney/hal/upcalls.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::arch {

/// Segment selectors; the numbers follow Linux, because TLS selectors are part of its i386 ABI.
namespace selector {
inline constexpr std::uint16_t tls_first_entry = 6;  ///< GDT entries 6-8 belong to the thread
inline constexpr std::uint16_t tls_entries = 3;
inline constexpr std::uint16_t kernel_code = 12 << 3;
inline constexpr std::uint16_t kernel_data = 13 << 3;
inline constexpr std::uint16_t user_code = 14 << 3 | 3;
inline constexpr std::uint16_t user_data = 15 << 3 | 3;
inline constexpr std::uint16_t task_state = 16 << 3;
inline constexpr std::uint16_t cpu_local = 27 << 3;  ///< %fs in the kernel
inline constexpr std::uint16_t double_fault_task = 31 << 3;
}  // namespace selector

/// EFLAGS bits (Intel SDM volume 1, 3.4.3).
namespace eflags {
inline constexpr std::uint32_t carry = 1U << 0;
inline constexpr std::uint32_t always_one = 1U << 1;
inline constexpr std::uint32_t trap = 1U << 8;
inline constexpr std::uint32_t interrupt = 1U << 9;
inline constexpr std::uint32_t direction = 1U << 10;
inline constexpr std::uint32_t io_privilege = 3U << 12;
inline constexpr std::uint32_t nested_task = 1U << 14;
inline constexpr std::uint32_t virtual_8086 = 1U << 17;
/// What a program may change through a signal frame: OF SF ZF AF PF CF, DF, TF, AC, ID.
inline constexpr std::uint32_t user_changeable = 0x0024'0dd5;
}  // namespace eflags

inline constexpr std::uint32_t system_call_vector = 0x80;

}  // namespace kidney::arch

namespace kidney::hal {

struct TrapFrame {
    std::uint32_t edi = 0, esi = 0, ebp = 0, esp_at_pusha = 0, ebx = 0, edx = 0, ecx = 0, eax = 0;
    std::uint32_t ds = 0, es = 0, fs = 0;  // pushed as 32 bits; the upper halves are unspecified
    std::uint32_t vector = 0;
    /// The exception's error code; for a system call its number (eax is the result by then, and a
    /// restarted call needs the number again).
    std::uint32_t error_code = 0;
    std::uint32_t eip = 0, cs = 0, eflags = 0;
    std::uint32_t esp = 0, ss = 0;  // only pushed by the processor when it comes from user mode

    [[nodiscard]] bool from_user() const noexcept { return (cs & 3U) == 3; }
};
static_assert(offsetof(TrapFrame, ds) == 32 && offsetof(TrapFrame, vector) == 44 &&
              offsetof(TrapFrame, cs) == 56 && sizeof(TrapFrame) == 72);

}  // namespace kidney::hal

namespace kidney::arch {

/// The frame of a program that starts at `entry` with an empty register set.
[[nodiscard]] inline hal::TrapFrame user_start_frame(VirtAddr entry, VirtAddr stack) noexcept {
    hal::TrapFrame frame;
    frame.ds = frame.es = frame.ss = selector::user_data;
    frame.cs = selector::user_code;
    frame.eflags = eflags::interrupt | eflags::always_one;
    frame.eip = entry.value();
    frame.esp = stack.value();
    return frame;
}

}  // namespace kidney::arch
