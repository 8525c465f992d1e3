/// Soft-off: the ports are in the FADT (ACPI specification 6.4, 5.2.9), the value to write in the
/// object `_S5_` of the DSDT.
///
/// The DSDT is a program (AML). Instead of an interpreter, its bytes are searched for the one form
/// in which compilers write this object: Name (_S5_, Package () {a, b, ...}).
#pragma once

#include "drivers/acpi/table_reader.hpp"

namespace kidney::drivers::acpi {

namespace aml {
inline constexpr std::uint8_t zero_op = 0x00;
inline constexpr std::uint8_t one_op = 0x01;
inline constexpr std::uint8_t name_op = 0x08;
inline constexpr std::uint8_t byte_prefix = 0x0A;
inline constexpr std::uint8_t package_op = 0x12;
inline constexpr std::uint8_t root_char = '\\';

struct SleepTypes {
    std::uint8_t a = 0;
    std::uint8_t b = 0;
};

/// Reads a small integer at the front of `bytes`, which loses it.
[[nodiscard]] inline std::optional<std::uint8_t> take_integer(
    std::span<const std::uint8_t>& bytes) noexcept {
    if (bytes.empty()) {
        return std::nullopt;
    }
    const std::uint8_t op = bytes[0];
    if (op == zero_op || op == one_op) {
        bytes = bytes.subspan(1);
        return op;
    }
    if (op == byte_prefix && bytes.size() >= 2) {
        const std::uint8_t value = bytes[1];
        bytes = bytes.subspan(2);
        return value;
    }
    return std::nullopt;
}

/// `bytes` begins with the name's four characters.
[[nodiscard]] inline std::optional<SleepTypes> read_sleep_package(
    std::span<const std::uint8_t> bytes) noexcept {
    if (bytes.size() < 8 || bytes[4] != package_op) {
        return std::nullopt;
    }
    // The package's length takes 1 to 4 bytes: bits 7-6 of the first say how many follow.
    const std::size_t elements_at = 6U + (bytes[5] >> 6) + 1U;
    if (elements_at >= bytes.size()) {
        return std::nullopt;
    }
    bytes = bytes.subspan(elements_at);
    const std::optional<std::uint8_t> a = take_integer(bytes);
    const std::optional<std::uint8_t> b = take_integer(bytes);
    if (!a || *a > 7) {
        return std::nullopt;
    }
    return SleepTypes{*a, b && *b <= 7 ? *b : *a};
}
}  // namespace aml

/// Looks for the S5 sleep types in a DSDT, a window at a time.
template <PhysicalReader R>
[[nodiscard]] std::optional<aml::SleepTypes> find_s5(Table<R>& dsdt) noexcept {
    constexpr std::uint32_t window = 512;
    constexpr std::uint32_t overlap = 32;  // longer than the object's interesting part
    std::array<std::byte, window> buffer;
    for (std::uint32_t at = header_size; at < dsdt.size(); at += window - overlap) {
        const std::uint32_t length = dsdt.copy(at, buffer);
        const std::span bytes(reinterpret_cast<const std::uint8_t*>(buffer.data()), length);
        for (std::uint32_t i = 1; i + 4 <= length; ++i) {
            const bool is_name = bytes[i] == '_' && bytes[i + 1] == 'S' && bytes[i + 2] == '5' &&
                                 bytes[i + 3] == '_';
            const bool is_definition =
                is_name &&
                (bytes[i - 1] == aml::name_op ||
                 (i >= 2 && bytes[i - 1] == aml::root_char && bytes[i - 2] == aml::name_op));
            if (is_definition) {
                if (const auto types = aml::read_sleep_package(bytes.subspan(i))) {
                    return types;
                }
            }
        }
    }
    return std::nullopt;
}

/// nullopt: no soft-off on this machine, or not one that we understand.
template <PhysicalReader R>
[[nodiscard]] std::optional<PowerControl> read_fadt(R& reader, Table<R>& fadt) noexcept {
    constexpr std::uint32_t dsdt_at = 40;
    constexpr std::uint32_t smi_command_at = 48;
    constexpr std::uint32_t acpi_enable_at = 52;
    constexpr std::uint32_t control_a_at = 64;
    constexpr std::uint32_t control_b_at = 68;
    PowerControl power;
    power.command = static_cast<std::uint16_t>(fadt.template get<std::uint32_t>(smi_command_at));
    power.enable = fadt.template get<std::uint8_t>(acpi_enable_at);
    power.control_a = static_cast<std::uint16_t>(fadt.template get<std::uint32_t>(control_a_at));
    power.control_b = static_cast<std::uint16_t>(fadt.template get<std::uint32_t>(control_b_at));
    auto dsdt = Table<R>::open(reader, PhysAddr(fadt.template get<std::uint32_t>(dsdt_at)));
    if (power.control_a == 0 || !dsdt) {
        return std::nullopt;
    }
    const std::optional<aml::SleepTypes> types = find_s5(*dsdt);
    if (!types) {
        return std::nullopt;
    }
    power.off_type_a = types->a;
    power.off_type_b = types->b;
    return power;
}

}  // namespace kidney::drivers::acpi
