/// From the root pointer to what the kernel wants to know.
#pragma once

#include "drivers/acpi/madt.hpp"
#include "drivers/acpi/power.hpp"

#include <string_view>

namespace kidney::drivers::acpi {

namespace rsdp {
inline constexpr std::size_t size_1 = 20;  ///< ACPI 1.0: with a 32-bit pointer to the RSDT
inline constexpr std::size_t size_2 = 36;  ///< since 2.0: also a 64-bit one to the XSDT
inline constexpr std::string_view signature = "RSD PTR ";

[[nodiscard]] inline bool adds_up(std::span<const std::byte> bytes) noexcept {
    std::uint8_t sum = 0;
    for (const std::byte b : bytes) {
        sum = static_cast<std::uint8_t>(sum + static_cast<std::uint8_t>(b));
    }
    return sum == 0;
}

[[nodiscard]] inline bool is_valid(std::span<const std::byte> bytes) noexcept {
    return bytes.size() >= size_1 &&
           std::memcmp(bytes.data(), signature.data(), signature.size()) == 0 &&
           adds_up(bytes.first(size_1));
}

/// Searches where firmware puts it (5.2.5.1). Only for loaders that do not hand over a copy.
template <PhysicalReader R>
[[nodiscard]] std::size_t find(R& reader, std::span<std::byte, size_2> out) noexcept {
    constexpr PhysAddr rom_start{0xE0000};
    constexpr std::uint32_t rom_size = 0x20000;
    for (std::uint32_t at = 0; at < rom_size; at += 16) {
        if (reader.read(rom_start + at, out) && is_valid(out)) {
            return static_cast<std::uint8_t>(out[15]) >= 2 ? size_2 : size_1;
        }
    }
    return 0;
}
}  // namespace rsdp

namespace detail {

template <PhysicalReader R>
void read_table(R& reader, PhysAddr address, Tables& out) noexcept {
    auto table = Table<R>::open(reader, address);
    if (!table) {
        return;
    }
    const Signature signature = table->signature();
    if (signature == Signature{'A', 'P', 'I', 'C'} && !out.has_processors) {
        out.processors = read_madt(*table);
        out.has_processors = out.processors.apic_ids.count != 0 &&
                             out.processors.io_apics.count != 0 &&
                             out.processors.local_apic != PhysAddr(0);
    } else if (signature == Signature{'F', 'A', 'C', 'P'} && !out.has_power) {
        if (const auto power = read_fadt(reader, *table)) {
            out.power = *power;
            out.has_power = true;
        }
    }
}

/// RSDT: 32-bit pointers. XSDT: 64-bit ones, of which we can only follow those below 4 GiB.
template <PhysicalReader R>
[[nodiscard]] bool read_root(R& reader, PhysAddr address, std::uint32_t pointer_size,
                             Signature expected, Tables& out) noexcept {
    auto root = Table<R>::open(reader, address);
    if (!root || root->signature() != expected) {
        return false;
    }
    for (std::uint32_t at = header_size; at + pointer_size <= root->size(); at += pointer_size) {
        const std::uint32_t low = root->template get<std::uint32_t>(at);
        const std::uint32_t high =
            pointer_size == 8 ? root->template get<std::uint32_t>(at + 4) : 0;
        if (high == 0 && low != 0) {
            read_table(reader, PhysAddr(low), out);
        }
    }
    return true;
}

}  // namespace detail

/// Everything that can be read from the root pointer `root_pointer` (a copy: 20 or 36 bytes, or
/// empty: search for it). not_found: there is no ACPI, or its root is broken.
template <PhysicalReader R>
[[nodiscard]] Result<Tables> discover(R& reader, std::span<const std::byte> root_pointer) noexcept {
    std::array<std::byte, rsdp::size_2> found{};
    if (root_pointer.empty()) {
        root_pointer = std::span<const std::byte>(found).first(rsdp::find(reader, found));
    }
    if (!rsdp::is_valid(root_pointer)) {
        return fail(Errc::not_found);
    }
    const auto word = [&](std::size_t at) {
        std::uint32_t value = 0;
        std::memcpy(&value, root_pointer.data() + at, sizeof value);
        return value;
    };
    Tables tables;
    const bool has_xsdt = root_pointer.size() >= rsdp::size_2 &&
                          rsdp::adds_up(root_pointer.first(rsdp::size_2)) && word(24) != 0 &&
                          word(28) == 0;
    if (has_xsdt &&
        detail::read_root(reader, PhysAddr(word(24)), 8, {'X', 'S', 'D', 'T'}, tables)) {
        return tables;
    }
    if (detail::read_root(reader, PhysAddr(word(16)), 4, {'R', 'S', 'D', 'T'}, tables)) {
        return tables;
    }
    return fail(Errc::not_found);
}

}  // namespace kidney::drivers::acpi
