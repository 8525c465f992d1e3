/// What the boot loader told us, as a value: nothing here points into the loader's memory, which is
/// ordinary RAM afterwards.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/bounded.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::kernel {

enum class MemoryKind : std::uint8_t { usable, reserved, acpi_reclaimable, acpi_nvs, bad };

/// A piece of the physical address space. 64 bits: a PC may have memory that we cannot use.
struct MemoryRegion {
    std::uint64_t start = 0;
    std::uint64_t size = 0;
    MemoryKind kind = MemoryKind::reserved;
};

/// A file that the boot loader loaded for us, with its command line.
struct BootModule {
    PhysAddr start;
    std::uint32_t size = 0;
    BoundedText<64> name;
};

struct BootInfo {
    BoundedList<MemoryRegion, 64>
        memory;  ///< as the loader gave it: unsorted, possibly overlapping
    BoundedList<BootModule, 8> modules;
    BoundedText<1024> command_line;
    BoundedText<64> loader;
    std::array<std::byte, 36> rsdp{};  ///< a copy of ACPI's root pointer
    std::size_t rsdp_size = 0;         ///< 20 (ACPI 1), 36 (later) or 0: none
};

/// What this machine was started with. Constant once the first thread runs.
[[nodiscard]] const BootInfo& boot_information() noexcept;

}  // namespace kidney::kernel
