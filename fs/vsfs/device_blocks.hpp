/// The blocks of a vsfs on a device, whose own blocks may be smaller.
#pragma once

#include "fs/vsfs/format.hpp"
#include "kidney/fs/block_device.hpp"

#include <cstdint>
#include <span>

namespace kidney::fs::vsfs {

/// Errors: io_error, invalid_argument (there is no such block). `to` is one block.
template <BlockDevice Device>
[[nodiscard]] Status read_block(Device& device, std::uint32_t block,
                                std::span<std::byte> to) noexcept {
    return device.read(BlockIndex(std::uint64_t{block} * (block_size / device.block_size())), to);
}
/// The same for writing. Not on the medium for sure before the next flush() of the device.
template <BlockDevice Device>
[[nodiscard]] Status write_block(Device& device, std::uint32_t block,
                                 std::span<const std::byte> from) noexcept {
    return device.write(BlockIndex(std::uint64_t{block} * (block_size / device.block_size())),
                        from);
}

/// A block as it is to be.
struct Version {
    static constexpr std::uint32_t none = ~0U;
    std::uint32_t block = none;
    Block* bytes = nullptr;
};

}  // namespace kidney::fs::vsfs
