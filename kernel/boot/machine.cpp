#include "kernel/boot/machine.hpp"

#include "arch/i686/boot/layout.h"
#include "arch/i686/context/fpu.hpp"
#include "arch/i686/cpu/instructions.hpp"
#include "arch/i686/cpu/port_io.hpp"
#include "arch/i686/cpu/tables.hpp"
#include "arch/i686/smp/messages.hpp"
#include "arch/i686/time/clock.hpp"
#include "arch/i686/trap/interrupts.hpp"
#include "drivers/acpi/discover.hpp"
#include "drivers/power/power_off.hpp"
#include "drivers/power/restart.hpp"
#include "kernel/console.hpp"
#include "kernel/kernel.hpp"
#include "kernel/memory/boot_memory.hpp"
#include "kernel/panic.hpp"
#include "kidney/core/log.hpp"

#include <algorithm>

namespace kidney::kernel {

namespace {

namespace acpi = drivers::acpi;

/// Firmware tables lie in RAM or ROM, perhaps above the direct map.
class FirmwareMemory {
public:
    bool read(PhysAddr from, std::span<std::byte> to) noexcept {
        while (!to.empty()) {
            const std::uint32_t offset = from.page_offset();
            const std::size_t length = std::min<std::size_t>(to.size(), page_size - offset);
            const auto window = phys_map().window(FrameNumber::containing(from));
            std::copy_n(window.bytes().begin() + offset, length, to.begin());
            to = to.subspan(length);
            from += static_cast<std::uint32_t>(length);
        }
        return true;
    }
};
static_assert(acpi::PhysicalReader<FirmwareMemory>);

/// Written once, by find_machine().
constinit acpi::Tables tables;

constexpr std::uint32_t apic_registers = page_size;

bool use_apics(const acpi::Processors& processors) noexcept {
    const auto local = map_device(processors.local_apic, apic_registers);
    if (!local) {
        return false;
    }
    BoundedList<arch::IoApicPlace, 4> io_apics;
    for (const acpi::IoApicEntry& entry : processors.io_apics.view()) {
        if (const auto mapped = map_device(entry.registers, apic_registers)) {
            io_apics.push(
                {VirtAddr(reinterpret_cast<std::uint32_t>(mapped->data())), entry.first_interrupt});
        }
    }
    BoundedList<arch::LineOverride, 16> overrides;
    for (const acpi::InterruptOverride& o : processors.overrides.view()) {
        overrides.push({o.line, o.interrupt, o.active_low, o.level});
    }
    arch::use_apics(VirtAddr(reinterpret_cast<std::uint32_t>(local->data())), io_apics.view(),
                    overrides.view());
    arch::calibrate_local_apic_timer();
    return true;
}

}  // namespace

void find_machine(const BootInfo& info, const BootOptions& options) noexcept {
    arch::set_double_fault_root(kernel_tables().root().address());
    arch::initialise_fpu();
    FirmwareMemory memory;
    const auto found =
        acpi::discover(memory, std::span<const std::byte>(info.rsdp).first(info.rsdp_size));
    if (found) {
        tables = *found;
    } else {
        log::warning<"acpi">("no usable tables");
    }
    if (!tables.has_power) {
        log::warning<"acpi">("no soft-off");
    }
    const bool cpu_has_apic = arch::has_local_apic();
    if (tables.has_processors && !cpu_has_apic) {
        log::warning<"irq">("the board lists local APICs, but this CPU has none");
    }
    if (!options.no_apic && cpu_has_apic && tables.has_processors && use_apics(tables.processors)) {
        log::info<"irq">("local APIC and {} I/O APIC, {} CPUs", tables.processors.io_apics.count,
                         tables.processors.apic_ids.count);
    } else {
        arch::Interrupts{}.enable(hal::IrqLine(0), hal::Trigger::edge, CpuId(0));
        log::info<"irq">("8259 interrupt controllers and PIT; one CPU");
    }
}

CpuSet start_other_cpus(const BootOptions& options, arch::CpuEntry entry) noexcept {
    CpuSet up = CpuSet::first(1);
    if (arch::local_apic() == nullptr) {
        return up;
    }
    std::array<arch::StartingCpu, max_cpus> starting;
    std::uint32_t count = 0;
    for (const std::uint8_t apic_id : tables.processors.apic_ids.view()) {
        if (apic_id == arch::this_cpu().apic_id || count + 1 >= std::min(options.cpus, max_cpus)) {
            continue;
        }
        const auto stack = stacks().allocate();
        if (!stack) {
            log::warning<"smp">("no stack for CPU {}", count + 1);
            break;
        }
        starting[count] = {CpuId(count + 1), apic_id, *stack, false};
        ++count;
    }
    const std::span batch(starting.data(), count);
    arch::start_cpus(batch, kernel_tables().root().address(), entry);
    for (const arch::StartingCpu& cpu : batch) {
        if (cpu.is_up) {
            up.insert(cpu.id);
        }
    }
    return up;
}

namespace {

/// A machine or an emulator that has understood takes a moment to go.
void wait_for_the_end() noexcept {
    const Instant patience = arch::Clock::now() + Duration::milliseconds(500);
    while (arch::Clock::now() < patience) {
        arch::pause();
    }
}

}  // namespace

void power_off() noexcept {
    arch::cli();
    console_use_interrupts(false);
    arch::PortIo io;
    if (tables.has_power) {
        drivers::acpi_power_off(io, tables.power);
    }
    drivers::emulator_power_off(io);
    wait_for_the_end();
    exit_emulator(exit_powered_off);
    log::error<"power">("cannot switch the machine off; halted");
    arch::stop_this_cpu();
}

void restart() noexcept {
    arch::cli();
    console_use_interrupts(false);
    arch::PortIo io;
    drivers::restart(io);
    wait_for_the_end();
    arch::triple_fault();
}

}  // namespace kidney::kernel
