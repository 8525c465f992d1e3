/// Makes an empty kfs on a device.
#pragma once

#include "fs/kfs/format.hpp"
#include "kidney/fs/block_device.hpp"

#include <algorithm>
#include <cstdint>

namespace kidney::fs::kfs {

struct MakeOptions {
    Uuid uuid{};                   ///< one that no other file system has
    std::uint32_t blocks = 0;      ///< 0: as many as the device has
    std::uint32_t inodes = 0;      ///< 0: one for four blocks
    std::uint32_t log_blocks = 0;  ///< 0: 256, and on small disks a 32nd
    std::int64_t now = 0;          ///< nanoseconds since 1970
    std::uint16_t root_permissions = 0755;
    std::uint32_t uid = 0, gid = 0;
};

namespace detail {

/// Sets bits [0, count) of block `n` of a bitmap.
inline void fill_bits(Block& block, std::uint32_t n, std::uint32_t count) noexcept {
    const std::uint64_t before = std::uint64_t{n} * bits_per_block;
    for (std::uint32_t bit = 0; bit < bits_per_block && before + bit < count; ++bit) {
        block[bit / 8] |= static_cast<std::byte>(1U << (bit % 8));
    }
}

inline void make_root(Block& table, const MakeOptions& options) noexcept {
    RawInode root;
    root.mode = static_cast<std::uint16_t>(mode_directory | options.root_permissions);
    root.links = 2;
    root.uid = options.uid;
    root.gid = options.gid;
    root.parent = root_inode;
    root.accessed = root.modified = root.changed = root.born = options.now;
    store(std::span(table), root_inode * sizeof(RawInode), root);
}

}  // namespace detail

/// Everything but data blocks and the ring is written, the superblock last. `scratch` is one block
/// of memory. Errors: invalid_argument (there is no file system like that), not_supported (blocks
/// of the device), io_error.
template <BlockDevice Device>
[[nodiscard]] Status make(Device& device, const MakeOptions& options, Block& scratch) noexcept {
    if (device.block_size() > block_size || device.block_size() < log_sector) {
        return fail(Errc::not_supported);
    }
    const std::uint32_t per_block = block_size / device.block_size();
    const std::uint64_t size = device.block_count() / per_block;
    Superblock super;
    super.uuid = options.uuid;
    super.made = options.now;
    super.block_count =
        options.blocks != 0
            ? options.blocks
            : static_cast<std::uint32_t>(std::min<std::uint64_t>(size, std::uint64_t{1} << 31));
    const std::uint32_t inodes =
        options.inodes != 0 ? options.inodes : std::min(super.block_count / 4 + 1, 1U << 28);
    super.inode_count = (inodes + inodes_per_block - 1) / inodes_per_block * inodes_per_block;
    super.log_blocks = options.log_blocks != 0
                           ? options.log_blocks
                           : std::clamp(super.block_count / 32, Geometry::min_log_blocks, 256U);
    super.checksum = checksum_of(super);
    Complaint complaint;
    const Result<Geometry> made = Geometry::create(super, size, complaint);
    if (!made) {
        return fail(Errc::invalid_argument);
    }
    const Geometry& g = *made;
    const auto write = [&](std::uint32_t block) {
        const Status status = device.write(BlockIndex(std::uint64_t{block} * per_block), scratch);
        scratch.fill(std::byte{});
        return status;
    };
    scratch.fill(std::byte{});
    TRY(write(0));  // no file system, until it is complete
    TRY(write(Geometry::log_start));
    Anchor anchor{.uuid = options.uuid};
    std::memcpy(&anchor.salt, options.uuid.data(), sizeof anchor.salt);
    anchor.checksum = checksum_of(anchor);
    store(std::span(scratch), 0, anchor);
    TRY(write(Geometry::anchor));
    for (std::uint32_t block = g.block_bitmap(); block < g.data_start(); ++block) {
        if (block < g.inode_bitmap()) {
            detail::fill_bits(scratch, block - g.block_bitmap(), g.data_start());
        } else if (block == g.inode_bitmap()) {
            scratch[0] = std::byte{0b11};  // slot 0, and the root
        } else if (block == g.inode_table()) {
            detail::make_root(scratch, options);
        }
        TRY(write(block));
    }
    TRY(device.flush());
    store(std::span(scratch), 0, super);
    TRY(write(0));
    return device.flush();
}

}  // namespace kidney::fs::kfs
