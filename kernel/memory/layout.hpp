/// The kernel's quarter of every address space.
///
///     0x00000000  user programs
///     0xC0000000  direct map: the first 896 MiB of RAM, in large global pages but for the
///                 kernel's image, whose code and constants cannot be written
///     0xF8000000  kernel stacks, each above an unmapped guard
///     0xFE000000  device registers
///     0xFFC00000  per-CPU windows on frames above the direct map
///     0xFFFFD000  for programs to read: the clock, and the vDSO
///     0xFFFFF000  never mapped, so that small negative "pointers" fault
///
/// All page tables of the range from 0xF8000000 are allocated at boot. Kernel entries of a page
/// directory therefore never change, and no address space ever has to be synchronised with another.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/cpu_id.hpp"

#include <cstdint>

namespace kidney::kernel::layout {

inline constexpr VirtAddr kernel_base{0xC000'0000};
inline constexpr std::uint32_t direct_map_size = 0x3800'0000;  // 896 MiB
inline constexpr VirtAddr vmap_base = kernel_base + direct_map_size;

/// One kernel stack slot: an unmapped guard, then the stack. A power of two, so that the slot of an
/// address is a mask away.
inline constexpr std::uint32_t stack_slot = 32 * 1024;
inline constexpr std::uint32_t stack_size = 16 * 1024;
inline constexpr VirtRange stacks{vmap_base, 0x0600'0000};  // 3072 slots

inline constexpr VirtRange devices{VirtAddr(0xFE00'0000), 0x01C0'0000};

/// Windows nest like a stack on each CPU (hal::PhysMap, M2).
inline constexpr std::uint32_t windows_per_cpu = 8;
inline constexpr VirtRange windows{VirtAddr(0xFFC0'0000), max_cpus* windows_per_cpu* page_size};

/// What programs may read.
inline constexpr VirtAddr user_clock{0xFFFF'D000};
inline constexpr VirtAddr user_vdso{0xFFFF'E000};

static_assert(stacks.end() <= devices.start);
static_assert(devices.end() <= windows.start);
static_assert(windows.end() <= user_clock);

}  // namespace kidney::kernel::layout
