/// Who uses which interrupt vector.
#pragma once

#include <cstdint>

namespace kidney::arch::vector {

inline constexpr std::uint32_t non_maskable = 2;
inline constexpr std::uint32_t double_fault = 8;
inline constexpr std::uint32_t general_protection = 13;
inline constexpr std::uint32_t page_fault = 14;
inline constexpr std::uint32_t machine_check = 18;
inline constexpr std::uint32_t exceptions = 32;  ///< 0-31 are the processor's

/// Interrupt line n, of the 8259 pair or the I/O APIC, is vector first_line + n.
inline constexpr std::uint32_t first_line = 0x20;
inline constexpr std::uint32_t lines = 64;

inline constexpr std::uint32_t system_call = 0x80;

// The local APIC's priority is the upper half of the vector: timer and messages before devices.
inline constexpr std::uint32_t timer = 0xf0;
inline constexpr std::uint32_t reschedule = 0xf1;
inline constexpr std::uint32_t shoot_down = 0xf2;
/// The low four bits must be ones on the oldest APICs.
inline constexpr std::uint32_t spurious = 0xff;

}  // namespace kidney::arch::vector
