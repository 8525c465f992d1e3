/// Any bytes as a boot information list: no read outside of them, no endless loop.
#include "kernel/boot/multiboot2.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto info =
        kidney::kernel::multiboot2::parse(std::as_bytes(std::span<const std::uint8_t>(data, size)));
    return info && info->memory.size() > 64 ? 1 : 0;
}
