/// The disk as the checker of kfs reads it.
#pragma once

#include "fs/kfs/format.hpp"
#include "kidney/fs/block_device.hpp"

#include <cstdint>

namespace kidney::fs::kfs {

/// Used again for one image after the other. Concurrency: none.
template <BlockDevice Device>
class CheckDisk {
public:
    void use(Device& device) noexcept {
        device_ = &device;
        table_block_ = 0;
    }
    void use(const Geometry& geometry) noexcept { geometry_ = geometry; }

    [[nodiscard]] Status read(std::uint32_t block, Block& to) noexcept {
        return device_->read(
            BlockIndex(std::uint64_t{block} * (block_size / device_->block_size())), to);
    }
    /// The inode, through a block of the table that is kept.
    [[nodiscard]] Result<RawInode> inode(std::uint32_t number) noexcept {
        const std::uint32_t block = geometry_.inode_table() + number / inodes_per_block;
        if (table_block_ != block) {
            table_block_ = 0;
            TRY(read(block, table_));
            table_block_ = block;
        }
        return load<RawInode>(table_, number % inodes_per_block * sizeof(RawInode));
    }
    /// 0: there is none.
    [[nodiscard]] Result<std::uint32_t> block_of(const RawInode& i, std::uint64_t index) noexcept {
        const auto in = [&](const Extent& e) { return index >= e.index && index < e.end(); };
        for (std::uint32_t slot = 0; slot < i.slots && slot < inline_extents; ++slot) {
            const Extent e = i.extent(slot);
            if (i.depth == 0 && in(e)) {
                return static_cast<std::uint32_t>(e.first + (index - e.index));
            }
            const bool is_last = slot + 1 == i.slots || slot + 1 == inline_extents ||
                                 i.extent(slot + 1).index > index;
            if (i.depth == 0 || index < e.index || !is_last || !geometry_.is_data(e.first)) {
                continue;
            }
            TRY(read(e.first, block_));
            const auto header = load<ExtentBlock>(block_, 0);
            for (std::uint32_t at = 0; at < header.count && at < ExtentBlock::capacity; ++at) {
                if (in(header.extents[at])) {
                    return static_cast<std::uint32_t>(header.extents[at].first +
                                                      (index - header.extents[at].index));
                }
            }
        }
        return 0U;
    }
    /// All bits of the blocks, also those behind `bits`: they are 0.
    template <class Use>
    [[nodiscard]] Status for_each_bit(std::uint32_t first, std::uint32_t bits, Use&& use) noexcept {
        for (std::uint32_t n = 0; n < Geometry::bitmap_blocks(bits); ++n) {
            TRY(read(first + n, block_));
            for (std::uint32_t bit = 0; bit < bits_per_block; ++bit) {
                const std::uint64_t number = std::uint64_t{n} * bits_per_block + bit;
                // On a small disk nearly all bits are behind the end.
                if (number >= bits && bit % 64 == 0 && load<std::uint64_t>(block_, bit / 8) == 0) {
                    bit += 63;
                    continue;
                }
                const bool is_set = (block_[bit / 8] >> (bit % 8) & std::byte{1}) != std::byte{};
                if (number < bits || is_set) {
                    TRY(use(number, is_set));
                }
            }
        }
        return {};
    }

private:
    Device* device_ = nullptr;
    Geometry geometry_;
    Block block_{}, table_{};
    std::uint32_t table_block_ = 0;
};

}  // namespace kidney::fs::kfs
