/// From the boot loader's memory map to frames, a heap and kernel stacks.
#pragma once

#include "kernel/boot/boot_info.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::kernel {

/// Creates the memory objects of `Kernel` (tables, physical windows, frames, heap, stacks) and
/// moves this CPU to the kernel's own page tables. Boot CPU only, once. Panics if the machine has
/// too little memory. With `trace_frames`, all that is asked of the frame policies is recorded.
void start_memory(const BootInfo& info, bool trace_frames) noexcept;

/// Maps `size` bytes of device registers or firmware tables at `start`, uncached, for good.
/// Errors: no_memory when the area for devices is used up. Boot only.
[[nodiscard]] Result<std::span<std::byte>> map_device(PhysAddr start, std::uint32_t size) noexcept;

}  // namespace kidney::kernel
