/// Exactly what `BlockDevice` promises and nothing more: what compiles with it needs no more.
#pragma once

#include "kidney/fs/block_device.hpp"

namespace kidney::archetypes {

class BlockDevice {
public:
    BlockDevice() = delete;
    BlockDevice(const BlockDevice&) = delete;
    BlockDevice& operator=(const BlockDevice&) = delete;
    Status read(fs::BlockIndex, std::span<std::byte>) noexcept { return {}; }
    Status write(fs::BlockIndex, std::span<const std::byte>) noexcept { return {}; }
    Status flush() noexcept { return {}; }
    std::uint32_t block_size() const noexcept { return 512; }
    std::uint64_t block_count() const noexcept { return 0; }
};

static_assert(fs::BlockDevice<BlockDevice>);

}  // namespace kidney::archetypes
