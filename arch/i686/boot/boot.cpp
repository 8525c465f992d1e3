#include "arch/i686/boot/boot.hpp"

#include "arch/i686/boot/layout.h"

#include <cstring>

namespace kidney::arch {

// Linker script and trampoline.
extern "C" char kernel_image_start[];
extern "C" char kernel_image_end[];
extern "C" char kernel_text_start[];
extern "C" char kernel_rodata_start[];
extern "C" char kernel_data_start[];
extern "C" std::byte boot_cpu_stack[];
extern "C" std::byte boot_cpu_stack_top[];
#ifdef KIDNEY_PAE
extern "C" char boot_pointer_table[];  // physical addresses: they are in the .boot sections
#else
extern "C" char boot_directory[];
#endif

PhysAddr boot_root() noexcept {
#ifdef KIDNEY_PAE
    return PhysAddr(reinterpret_cast<std::uint32_t>(boot_pointer_table));
#else
    return PhysAddr(reinterpret_cast<std::uint32_t>(boot_directory));
#endif
}

std::span<const std::byte> boot_information(std::uint32_t address) noexcept {
    constexpr std::uint32_t max_size = 1U << 20;
    if (address == 0 || address % 8 != 0 || address >= DIRECT_MAP_SIZE - max_size) {
        return {};
    }
    const auto* const bytes = reinterpret_cast<const std::byte*>(KERNEL_BASE + address);
    std::uint32_t size = 0;
    std::memcpy(&size, bytes, sizeof(size));
    return {bytes, size <= max_size ? size : 0};
}

ImagePlace image_place() noexcept {
    const auto physical = [](const char* at) noexcept {
        return PhysAddr(reinterpret_cast<std::uint32_t>(at) - KERNEL_BASE);
    };
    const PhysAddr start = physical(kernel_image_start);
    return {start, physical(kernel_image_end) - start, physical(kernel_text_start),
            physical(kernel_rodata_start), physical(kernel_data_start)};
}

std::span<std::byte> boot_stack() noexcept {
    return {boot_cpu_stack, boot_cpu_stack_top};
}

}  // namespace kidney::arch
