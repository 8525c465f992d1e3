#include "arch/i686/trap/interrupts.hpp"

#include "arch/i686/cpu/cpu_local.hpp"
#include "arch/i686/cpu/instructions.hpp"
#include "arch/i686/time/timer.hpp"
#include "arch/i686/trap/vectors.hpp"
#include "drivers/interrupt/io_apic.hpp"
#include "drivers/interrupt/pic8259.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/hal/upcalls.hpp"

#include <algorithm>
#include <array>

namespace kidney::arch {

namespace {

constexpr std::size_t max_io_apics = 4;
constexpr std::size_t isa_lines = 16;

struct RoutedIoApic {
    drivers::IoApic<MmioBus> chip;
    std::uint32_t first_line = 0;
};

/// Written at boot, before the other CPUs run; read-only afterwards.
struct State {
    drivers::Pic8259<PortIo> pic{PortIo{}};
    drivers::LocalApic<MmioBus> local_apic;
    std::array<RoutedIoApic, max_io_apics> io_apics;
    std::size_t io_apic_count = 0;
    std::array<LineOverride, isa_lines> overrides;
    bool has_apics = false;
};
constinit State state;

RoutedIoApic* chip_of(std::uint32_t input) noexcept {
    for (std::size_t i = 0; i < state.io_apic_count; ++i) {
        RoutedIoApic& apic = state.io_apics[i];
        if (input - apic.first_line < apic.chip.inputs()) {
            return &apic;
        }
    }
    return nullptr;
}

LineOverride routing_of(hal::IrqLine line, hal::Trigger trigger) noexcept {
    if (line.value() < isa_lines) {
        LineOverride routing = state.overrides[line.value()];
        routing.level = routing.level || trigger == hal::Trigger::level;
        return routing;
    }
    // PCI interrupts: level triggered, active low on paper; QEMU and Bochs drive them active high.
    return {line.value(), line.value(), false, trigger == hal::Trigger::level};
}

}  // namespace

void initialise_pic() noexcept {
    state.pic.initialise(vector::first_line);
}

bool has_local_apic() noexcept {
    constexpr std::uint32_t apic_bit = 1U << 9;
    return (cpuid(1).edx & apic_bit) != 0;
}

void use_apics(VirtAddr local_apic_registers, std::span<const IoApicPlace> io_apics,
               std::span<const LineOverride> overrides) noexcept {
    for (std::uint8_t line = 0; line < isa_lines; ++line) {
        state.overrides[line] = {line, line, false, false};
    }
    for (const LineOverride& o : overrides) {
        if (o.line < isa_lines) {
            state.overrides[o.line] = o;
        }
    }
    for (const IoApicPlace& place : io_apics.first(std::min(io_apics.size(), max_io_apics))) {
        RoutedIoApic& apic = state.io_apics[state.io_apic_count++];
        apic.chip = drivers::IoApic<MmioBus>(MmioBus(place.registers));
        apic.first_line = place.first_line;
        apic.chip.initialise();
    }
    state.local_apic = drivers::LocalApic<MmioBus>(MmioBus(local_apic_registers));
    state.has_apics = true;
    enable_local_apic();
}

void enable_local_apic() noexcept {
    state.local_apic.enable(vector::spurious, vector::timer);
    this_cpu().apic_id = state.local_apic.id();
}

drivers::LocalApic<MmioBus>* local_apic() noexcept {
    return state.has_apics ? &state.local_apic : nullptr;
}

void acknowledge_message() noexcept {
    state.local_apic.acknowledge();
}

void Interrupts::enable(hal::IrqLine line, hal::Trigger trigger, CpuId target) noexcept {
    KIDNEY_ASSERT(line.value() < vector::lines);
    if (!state.has_apics) {
        state.pic.enable(line, trigger, target);
        return;
    }
    const LineOverride routing = routing_of(line, trigger);
    if (RoutedIoApic* const apic = chip_of(routing.input); apic != nullptr) {
        apic->chip.route(routing.input - apic->first_line,
                         static_cast<std::uint8_t>(vector::first_line + line.value()),
                         routing.level ? hal::Trigger::level : hal::Trigger::edge,
                         routing.active_low,
                         static_cast<std::uint8_t>(cpu_locals[target.value()].apic_id));
    }
}

void Interrupts::disable(hal::IrqLine line) noexcept {
    if (!state.has_apics) {
        state.pic.disable(line);
        return;
    }
    const LineOverride routing = routing_of(line, hal::Trigger::edge);
    if (RoutedIoApic* const apic = chip_of(routing.input); apic != nullptr) {
        apic->chip.mask(routing.input - apic->first_line);
    }
}

void Interrupts::acknowledge(hal::IrqLine line) noexcept {
    if (state.has_apics) {
        state.local_apic.acknowledge();
    } else {
        state.pic.acknowledge(line);
    }
}

std::uint32_t interrupts_taken(CpuId cpu, std::uint32_t vector) noexcept {
    return cpu_locals[cpu.value()].interrupts[vector & 0xff].load(std::memory_order_relaxed);
}

void line_interrupt(std::uint32_t vector) noexcept {
    if (vector - vector::first_line >= vector::lines) {
        return;  // nobody sends this vector; nothing is in service
    }
    const hal::IrqLine line(static_cast<std::uint8_t>(vector - vector::first_line));
    Interrupts controller;
    if (!state.has_apics) {
        if (state.pic.is_spurious(line)) {
            return;
        }
        constexpr hal::IrqLine pit_line(0);
        if (line == pit_line) {
            controller.acknowledge(line);
            timer_interrupt();
            return;
        }
    }
    hal::on_interrupt(line);
    controller.acknowledge(line);
}

}  // namespace kidney::arch
