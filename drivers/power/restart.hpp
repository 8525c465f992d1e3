/// Restarting the machine.
#pragma once

#include "kidney/hal/port_io.hpp"

#include <cstdint>

namespace kidney::drivers {

/// The ways that PCs have, in the order in which they came: the keyboard controller's pulse on the
/// reset line, and the chipset's reset control register (PIIX and ICH data sheets, RST_CNT at
/// 0xCF9). Returns if neither does it.
template <hal::PortIo Io>
void restart(Io& io) noexcept {
    constexpr std::uint16_t keyboard_controller = 0x64;
    constexpr std::uint8_t input_full = 1U << 1;
    constexpr std::uint8_t pulse_reset_line = 0xFE;
    constexpr std::uint32_t patience = 100'000;
    for (std::uint32_t i = 0; i < patience && (io.read8(keyboard_controller) & input_full) != 0;
         ++i) {
    }
    io.write8(keyboard_controller, pulse_reset_line);

    constexpr std::uint16_t reset_control = 0xCF9;
    constexpr std::uint8_t hard_reset = 1U << 1;
    constexpr std::uint8_t reset_now = 1U << 2;
    io.write8(reset_control, hard_reset);
    io.write8(reset_control, hard_reset | reset_now);
}

}  // namespace kidney::drivers
