/// What one CPU owns. `%fs` points to it while the kernel runs, so "this CPU's x" is one
/// instruction and stays right when a thread migrates between two of them.
#pragma once

#include "arch/i686/boot/layout.h"
#include "arch/i686/cpu/descriptors.hpp"
#include "kidney/core/cpu_id.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kidney::arch {

struct UserTime;

struct CpuLocal {
    // The first fields are read by assembly (trap/entry.S) and by %fs-relative accesses.
    CpuLocal* self = nullptr;
    std::uint32_t id = 0;
    std::uint32_t return_work = 0;  ///< non-zero: call upwards before returning to user mode
    void* thread = nullptr;         ///< the kernel's: what runs here (Cpu::thread)
    UserTime* user_time = nullptr;  ///< of the last program's thread here; context/user_time.hpp

    HeldRanks held_ranks;
    std::uint32_t interrupt_depth = 0;  ///< handlers that run; debug kernels count them
    std::uint32_t apic_id = 0;
    /// Taken so far, by vector. Only this CPU counts; others read.
    std::array<std::atomic<std::uint32_t>, 256> interrupts{};
    Instant timer_deadline = Instant::never();

    /// Requests of other CPUs to forget translations; see smp/messages.hpp.
    std::atomic<std::uint32_t> shoot_down_pending{0};

    alignas(8) std::array<SegmentDescriptor, 32> gdt{};
    TaskState task_state;
    TaskState double_fault_state;
    alignas(16) std::array<std::byte, 4096> double_fault_stack{};
};
static_assert(offsetof(CpuLocal, id) == 4 && offsetof(CpuLocal, return_work) == 8 &&
                  offsetof(CpuLocal, thread) == 12 && offsetof(CpuLocal, user_time) == 16,
              "entry.S and the %fs accessors know these offsets");

/// Defined in cpu/tables.cpp. Only the owner touches its element, except for the atomics.
extern std::array<CpuLocal, max_cpus> cpu_locals;

/// Clang's name for "relative to %fs" is address space 257; reading a field is one instruction.
#define KIDNEY_FS_RELATIVE __attribute__((address_space(257)))

/// This CPU's block. Good while preemption is off.
[[nodiscard]] inline CpuLocal& this_cpu() noexcept {
    return **reinterpret_cast<CpuLocal* volatile KIDNEY_FS_RELATIVE*>(offsetof(CpuLocal, self));
}

}  // namespace kidney::arch
