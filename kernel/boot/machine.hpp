/// What machine is this: interrupt controllers, timers, the other CPUs, the power switch.
#pragma once

#include "arch/i686/smp/start.hpp"
#include "kernel/boot/boot_info.hpp"
#include "kernel/boot/command_line.hpp"

namespace kidney::kernel {

/// Reads the ACPI tables and goes to APIC mode, unless there are none or `noapic` was given; then
/// the 8259 pair, the PIT and one CPU it is. After this, Interrupts and Timer work. Needs memory.
void find_machine(const BootInfo& info, const BootOptions& options) noexcept;

/// Starts up to `options.cpus` CPUs in all, each with a fresh kernel stack; they run `entry`.
/// Returns the set of those that are up, this one included.
CpuSet start_other_cpus(const BootOptions& options, arch::CpuEntry entry) noexcept;

/// Off, by ACPI or else however this emulator wants it; halts if nothing helps. What must be saved
/// is saved before.
[[noreturn]] void power_off() noexcept;
/// Starts the machine again.
[[noreturn]] void restart() noexcept;

}  // namespace kidney::kernel
