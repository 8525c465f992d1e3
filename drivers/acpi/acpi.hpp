/// The few ACPI tables that a small kernel needs: which CPUs and interrupt controllers there are,
/// and how to switch the machine off (ACPI specification 6.4, chapter 5).
///
/// The tables are firmware's: found through pointers in physical memory, anywhere below 4 GiB. All
/// reads go through a `PhysicalReader`, every length and checksum is checked, and what is broken is
/// skipped, so that the worst table costs a feature and not the boot.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::drivers::acpi {

/// Reads physical memory. False: those bytes cannot be reached; `to` is then unspecified.
template <class R>
concept PhysicalReader = requires(R& reader, PhysAddr from, std::span<std::byte> to) {
    { reader.read(from, to) } noexcept -> std::same_as<bool>;
};

template <class T, std::size_t N>
struct List {
    std::array<T, N> items{};
    std::size_t count = 0;

    constexpr void push(const T& item) noexcept {
        if (count < N) {
            items[count++] = item;
        }
    }
    [[nodiscard]] constexpr std::span<const T> view() const noexcept {
        return {items.data(), count};
    }
};

struct IoApicEntry {
    PhysAddr registers;
    std::uint32_t first_interrupt = 0;
};

/// ISA line `line` is global interrupt `interrupt`.
struct InterruptOverride {
    std::uint8_t line = 0;
    std::uint32_t interrupt = 0;
    bool active_low = false;
    bool level = false;
};

/// From the MADT.
struct Processors {
    PhysAddr local_apic;
    List<std::uint8_t, 16> apic_ids;  ///< of the usable CPUs, in table order
    List<IoApicEntry, 4> io_apics;
    List<InterruptOverride, 16> overrides;
};

/// From the FADT and the DSDT.
struct PowerControl {
    std::uint16_t control_a = 0;  ///< I/O port of PM1a_CNT; 0: no soft-off
    std::uint16_t control_b = 0;  ///< of PM1b_CNT, or 0
    std::uint8_t off_type_a = 0;  ///< SLP_TYP values of S5
    std::uint8_t off_type_b = 0;
    std::uint16_t command = 0;  ///< SMI_CMD, or 0
    std::uint8_t enable = 0;    ///< what to write there to switch ACPI on
};

struct Tables {
    bool has_processors = false;
    bool has_power = false;
    Processors processors;
    PowerControl power;
};

}  // namespace kidney::drivers::acpi
