/// A disk in memory: the first model of `BlockDevice`.
///
/// Over memory that somebody else owns: a Multiboot module, a vector in a test. Nothing is ever
/// lost short of the memory itself, so flush() has nothing to do.
#pragma once

#include "kidney/fs/block_device.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::drivers {

/// Concurrency: any number of readers; writers of overlapping blocks serialise themselves.
class RamDisk {
public:
    /// A tail of `memory` that is not a whole block is not part of the disk.
    RamDisk(std::span<std::byte> memory, std::uint32_t block_size) noexcept
        : memory_(memory), block_size_(block_size) {}

    [[nodiscard]] Status read(fs::BlockIndex first, std::span<std::byte> to) noexcept {
        TRY(fs::check_range(*this, first, to.size()));
        std::memcpy(to.data(), at(first), to.size());
        return {};
    }
    [[nodiscard]] Status write(fs::BlockIndex first, std::span<const std::byte> from) noexcept {
        TRY(fs::check_range(*this, first, from.size()));
        std::memcpy(at(first), from.data(), from.size());
        return {};
    }
    [[nodiscard]] Status flush() noexcept { return {}; }
    [[nodiscard]] Status discard(fs::BlockIndex first, std::uint64_t count,
                                 fs::Discarded to) noexcept {
        TRY(fs::check_blocks(*this, first, count));
        if (to == fs::Discarded::zeros) {
            std::memset(at(first), 0, static_cast<std::size_t>(count) * block_size_);
        }
        return {};
    }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return block_size_; }
    [[nodiscard]] std::uint64_t block_count() const noexcept {
        return memory_.size() / block_size_;
    }

private:
    [[nodiscard]] std::byte* at(fs::BlockIndex block) const noexcept {
        return memory_.data() + static_cast<std::size_t>(block.value()) * block_size_;
    }

    std::span<std::byte> memory_;
    std::uint32_t block_size_;
};

static_assert(fs::DiscardingBlockDevice<RamDisk>);

}  // namespace kidney::drivers
