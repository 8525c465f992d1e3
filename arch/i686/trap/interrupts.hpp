/// Device interrupts: the I/O APICs, or the 8259 pair where there is none. Chosen at boot.
#pragma once

#include "arch/i686/cpu/port_io.hpp"
#include "drivers/interrupt/local_apic.hpp"
#include "kidney/core/address.hpp"
#include "kidney/hal/interrupt_controller.hpp"

#include <cstdint>
#include <span>

namespace kidney::arch {

/// The machine's interrupt controller, whichever it is. Concurrency: callers of enable() and
/// disable() serialise (boot does); acknowledge() runs in the handler.
struct Interrupts {
    void enable(hal::IrqLine line, hal::Trigger trigger, CpuId target) noexcept;
    void disable(hal::IrqLine line) noexcept;
    void acknowledge(hal::IrqLine line) noexcept;
};
static_assert(hal::InterruptController<Interrupts>);

/// An I/O APIC whose registers are mapped at `registers`; its first input is interrupt
/// `first_line`.
struct IoApicPlace {
    VirtAddr registers;
    std::uint32_t first_line = 0;
};
/// ISA line `line` arrives at global interrupt `input`, with this polarity and trigger (MADT).
struct LineOverride {
    std::uint8_t line = 0;
    std::uint32_t input = 0;
    bool active_low = false;
    bool level = false;
};

/// First of all, on every machine: both 8259s to sane vectors, everything masked.
void initialise_pic() noexcept;

/// Has this CPU a local APIC that is switched on? A board may list one for a CPU without
/// (ACPI 5.2.12 describes the board), and firmware can switch it off. CPUID.1:EDX[9], Intel SDM
/// volume 3, 11.4.2.
[[nodiscard]] bool has_local_apic() noexcept;

/// Switches to APIC mode. Only where has_local_apic(). Without this call the 8259 pair stays in
/// charge and there is one CPU.
void use_apics(VirtAddr local_apic_registers, std::span<const IoApicPlace> io_apics,
               std::span<const LineOverride> overrides) noexcept;
/// This CPU's local APIC on; also called by every other CPU as it comes up.
void enable_local_apic() noexcept;

/// The local APIC (each CPU reaches its own through it), or nullptr in 8259 mode.
[[nodiscard]] drivers::LocalApic<MmioBus>* local_apic() noexcept;

/// Ends a message or timer interrupt.
void acknowledge_message() noexcept;

/// How often a CPU has taken this vector since boot. Any thread.
[[nodiscard]] std::uint32_t interrupts_taken(CpuId cpu, std::uint32_t vector) noexcept;

/// A device interrupt's vector came in.
void line_interrupt(std::uint32_t vector) noexcept;

}  // namespace kidney::arch
