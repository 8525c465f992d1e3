/// Switching the machine off.
#pragma once

#include "drivers/acpi/acpi.hpp"
#include "kidney/hal/port_io.hpp"

#include <cstdint>
#include <string_view>

namespace kidney::drivers {

/// ACPI soft-off (specification 6.4, 4.8.3.2): SLP_TYP into bits 12-10 of PM1 control, with SLP_EN.
/// The other bits stay as they are.
template <hal::PortIo Io>
void acpi_power_off(Io& io, const acpi::PowerControl& power) noexcept {
    constexpr std::uint16_t acpi_is_on = 1U << 0;  // SCI_EN
    constexpr std::uint16_t sleep_enable = 1U << 13;
    constexpr std::uint32_t patience = 100'000;
    if (power.command != 0 && (io.read16(power.control_a) & acpi_is_on) == 0) {
        io.write8(power.command, power.enable);
        for (std::uint32_t i = 0; i < patience && (io.read16(power.control_a) & acpi_is_on) == 0;
             ++i) {
        }
    }
    const auto fall_asleep = [&io](std::uint16_t control, std::uint8_t type) noexcept {
        constexpr std::uint16_t sleep_type = 7U << 10;
        const auto others = static_cast<std::uint16_t>(io.read16(control) & ~sleep_type);
        io.write16(control, static_cast<std::uint16_t>(others | type << 10 | sleep_enable));
    };
    fall_asleep(power.control_a, power.off_type_a);
    if (power.control_b != 0) {
        fall_asleep(power.control_b, power.off_type_b);
    }
}

/// For machines whose tables did not help: the places where emulators listen. Writing to a port
/// that nobody decodes has no effect.
template <hal::PortIo Io>
void emulator_power_off(Io& io) noexcept {
    constexpr std::uint16_t qemu_pm1_control = 0x604;
    constexpr std::uint16_t bochs_pm1_control = 0xB004;
    constexpr std::uint16_t soft_off = 0x2000;
    constexpr std::uint16_t bochs_shutdown = 0x8900;
    io.write16(qemu_pm1_control, soft_off);
    io.write16(bochs_pm1_control, soft_off);
    for (const char c : std::string_view("Shutdown")) {
        io.write8(bochs_shutdown, static_cast<std::uint8_t>(c));
    }
}

}  // namespace kidney::drivers
