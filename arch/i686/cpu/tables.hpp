/// The tables the processor reads: GDT and TSS per CPU, one IDT for all.
#pragma once

#include "arch/i686/cpu/cpu_local.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/cpu_id.hpp"

#include <cstdint>

namespace kidney::arch {

/// Fills and loads this CPU's GDT, TSS and %fs, and the IDT. First thing on every CPU: locks need
/// %fs. `root` is the page-table root that the double-fault task runs on.
void load_cpu_tables(CpuId id, PhysAddr root) noexcept;

/// Where traps from user mode find their stack.
inline void set_kernel_stack(VirtAddr top) noexcept {
    this_cpu().task_state.esp0 = top.value();
}

/// From now on a double fault of this CPU is handled on these page tables.
inline void set_double_fault_root(PhysAddr root) noexcept {
    this_cpu().double_fault_state.cr3 = root.value();
}

}  // namespace kidney::arch
