/// Makes an empty vsfs on a device.
#pragma once

#include "fs/vsfs/format.hpp"
#include "kidney/fs/block_device.hpp"

#include <cstdint>

namespace kidney::fs::vsfs {

struct MakeOptions {
    std::uint32_t blocks = 0;  ///< 0: as many as the device has
    std::uint32_t inodes = 0;  ///< 0: one for four blocks
    std::uint32_t log_blocks = 0;
    std::uint32_t now = 0;
    std::uint16_t root_permissions = 0755;
    std::uint32_t uid = 0, gid = 0;
};

/// Everything but data blocks is written, the superblock last. `scratch` is one block of memory.
/// Errors: invalid_argument (there is no file system like that), io_error.
template <BlockDevice Device>
[[nodiscard]] Status make(Device& device, const MakeOptions& options, Block& scratch) noexcept {
    if (device.block_size() > block_size) {
        return fail(Errc::not_supported);
    }
    const std::uint32_t per_block = block_size / device.block_size();
    const std::uint64_t size = device.block_count() / per_block;
    Superblock super;
    super.block_count =
        options.blocks != 0
            ? options.blocks
            : static_cast<std::uint32_t>(size < bits_per_block ? size : bits_per_block);
    const std::uint32_t inodes = options.inodes != 0 ? options.inodes : super.block_count / 4;
    super.inode_count = (inodes + inodes_per_block - 1) / inodes_per_block * inodes_per_block;
    super.log_blocks = options.log_blocks;
    Complaint complaint;
    const Result<Geometry> geometry = Geometry::create(super, size, complaint);
    if (!geometry) {
        return fail(Errc::invalid_argument);
    }
    const auto write = [&](std::uint32_t block) {
        const Status status = device.write(BlockIndex(std::uint64_t{block} * per_block), scratch);
        scratch.fill(std::byte{});
        return status;
    };
    scratch.fill(std::byte{});
    for (std::uint32_t block = 1; block <= geometry->data_start(); ++block) {
        TRY(write(block));  // with the first data block: the root has none yet
    }
    if (geometry->has_log()) {
        store(std::span(scratch), 0, LogHeader{});
        TRY(write(geometry->log_start()));
    }
    scratch[0] = std::byte{0b11};  // slot 0, and the root
    TRY(write(geometry->inode_bitmap()));
    Inode root;
    root.mode = static_cast<std::uint16_t>(mode_directory | options.root_permissions);
    root.links = 2;
    root.uid = options.uid;
    root.gid = options.gid;
    root.parent = root_inode;
    root.accessed = root.modified = root.changed = options.now;
    store(std::span(scratch), root_inode * sizeof(Inode), root);
    TRY(write(geometry->inode_table()));
    TRY(device.flush());
    store(std::span(scratch), 0, super);
    TRY(write(0));
    return device.flush();
}

}  // namespace kidney::fs::vsfs
