/// What the trampoline leaves behind.
#pragma once

#include "kidney/core/address.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::arch {

/// The boot page tables: the direct map, and the identity map that starting CPUs need. The kernel
/// runs on them until it has tables of its own.
[[nodiscard]] PhysAddr boot_root() noexcept;

/// The bytes of the Multiboot2 list at a physical address; empty if that cannot be one.
[[nodiscard]] std::span<const std::byte> boot_information(std::uint32_t address) noexcept;

/// Physical memory that the image occupies, BSS included.
struct ImagePlace {
    PhysAddr start;
    std::uint32_t size = 0;
    PhysAddr code;       ///< of the kernel proper: only this is executed in the higher half
    PhysAddr constants;  ///< behind the code
    PhysAddr variables;  ///< behind the constants; each begins with a page
};
[[nodiscard]] ImagePlace image_place() noexcept;

/// The stack that kernel_entry runs on.
[[nodiscard]] std::span<std::byte> boot_stack() noexcept;

}  // namespace kidney::arch
