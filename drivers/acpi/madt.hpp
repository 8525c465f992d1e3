/// The MADT: interrupt controllers and CPUs (ACPI specification 6.4, 5.2.12).
#pragma once

#include "drivers/acpi/table_reader.hpp"

namespace kidney::drivers::acpi {

namespace madt {
enum class Entry : std::uint8_t {
    local_apic = 0,
    io_apic = 1,
    override_ = 2,
    local_apic_address = 5
};

template <PhysicalReader R>
void read_local_apic(Table<R>& table, std::uint32_t at, Processors& out) noexcept {
    constexpr std::uint32_t enabled = 1;
    constexpr std::uint8_t everybody = 0xff;  // no CPU's: a message to it would reset us as well
    const auto apic_id = table.template get<std::uint8_t>(at + 3);
    if ((table.template get<std::uint32_t>(at + 4) & enabled) != 0 && apic_id != everybody) {
        out.apic_ids.push(apic_id);
    }
}

template <PhysicalReader R>
void read_override(Table<R>& table, std::uint32_t at, Processors& out) noexcept {
    // Polarity in bits 1-0, trigger in bits 3-2; 0 is "as the bus has it": ISA is high, edge.
    constexpr std::uint16_t active_low = 3;
    constexpr std::uint16_t level = 3;
    const auto flags = table.template get<std::uint16_t>(at + 8);
    out.overrides.push({.line = table.template get<std::uint8_t>(at + 3),
                        .interrupt = table.template get<std::uint32_t>(at + 4),
                        .active_low = (flags & 3) == active_low,
                        .level = (flags >> 2 & 3) == level});
}
}  // namespace madt

template <PhysicalReader R>
[[nodiscard]] Processors read_madt(Table<R>& table) noexcept {
    constexpr std::uint32_t first_entry = 44;
    Processors out;
    out.local_apic = PhysAddr(table.template get<std::uint32_t>(36));
    for (std::uint32_t at = first_entry; at + 2 <= table.size();) {
        const auto type = static_cast<madt::Entry>(table.template get<std::uint8_t>(at));
        const auto length = table.template get<std::uint8_t>(at + 1);
        if (length < 2 || length > table.size() - at) {
            break;  // from here on nothing can be trusted
        }
        if (type == madt::Entry::local_apic && length >= 8) {
            madt::read_local_apic(table, at, out);
        } else if (type == madt::Entry::io_apic && length >= 12) {
            out.io_apics.push({.registers = PhysAddr(table.template get<std::uint32_t>(at + 4)),
                               .first_interrupt = table.template get<std::uint32_t>(at + 8)});
        } else if (type == madt::Entry::override_ && length >= 10) {
            madt::read_override(table, at, out);
        } else if (type == madt::Entry::local_apic_address && length >= 12 &&
                   table.template get<std::uint32_t>(at + 8) == 0) {  // below 4 GiB
            out.local_apic = PhysAddr(table.template get<std::uint32_t>(at + 4));
        }
        at += length;
    }
    return out;
}

}  // namespace kidney::drivers::acpi
