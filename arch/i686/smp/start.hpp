/// Bringing up the other CPUs.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/cpu_id.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::arch {

/// One CPU to start.
struct StartingCpu {
    CpuId id;
    std::uint8_t apic_id = 0;
    std::span<std::byte> stack;  ///< what it runs on; becomes its idle thread's
    bool is_up = false;          ///< out: it has called the entry
};

/// What a CPU runs once its tables, local APIC and FPU are set up: interrupts off, on its own stack
/// and the kernel's page tables.
using CpuEntry = void (*)(CpuId id) noexcept;  // never returns

/// Starts CPUs one after the other (Intel SDM volume 3, 8.4: INIT, start-up message twice). Needs
/// the local APIC, the clock, and the page AP_TRAMPOLINE. One that does not answer within 100 ms is
/// left out. The boot tables, whose identity map the start needs, must still be intact.
void start_cpus(std::span<StartingCpu> cpus, PhysAddr kernel_root, CpuEntry entry) noexcept;

}  // namespace kidney::arch
