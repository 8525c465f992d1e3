/// What a superblock says, checked: from here on the numbers can be computed with.
#pragma once

#include "fs/ext2/format.hpp"
#include "kidney/core/result.hpp"

#include <bit>
#include <cstdint>

namespace kidney::fs::ext2 {

/// A block number that lies inside the file system.
struct BlockNumber {
    std::uint32_t value = 0;
};

struct Geometry {
    std::uint32_t block_size = 0;
    std::uint32_t block_count = 0;
    std::uint32_t first_block = 0;
    std::uint32_t inode_count = 0;
    std::uint32_t inode_size = 0;
    std::uint32_t inodes_per_group = 0;
    std::uint32_t groups = 0;
    std::uint32_t free_blocks = 0;
    std::uint32_t free_inodes = 0;
    bool has_entry_types = false;
    bool has_large_files = false;

    /// Errors: corrupted (not ext2, or it contradicts itself), not_supported (a feature that a
    /// reader must know).
    [[nodiscard]] static Result<Geometry> create(const RawSuperblock& raw,
                                                 std::uint64_t device_bytes) noexcept {
        if (raw.magic != magic || raw.log_block_size > 6) {
            return fail(Errc::corrupted);
        }
        if (raw.log_block_size > 2 || raw.revision > 1) {
            return fail(Errc::not_supported);
        }
        const bool dynamic = raw.revision == 1;
        if (dynamic && (raw.incompatible & ~feature_entry_types) != 0) {
            return fail(Errc::not_supported);
        }
        Geometry g;
        g.block_size = 1024U << raw.log_block_size;
        g.block_count = raw.blocks_count;
        g.first_block = raw.first_data_block;
        g.inode_count = raw.inodes_count;
        g.inode_size = dynamic ? raw.inode_size : 128U;
        g.inodes_per_group = raw.inodes_per_group;
        g.free_blocks = raw.free_blocks;
        g.free_inodes = raw.free_inodes;
        g.has_entry_types = dynamic && (raw.incompatible & feature_entry_types) != 0;
        g.has_large_files = dynamic && (raw.read_only_compatible & feature_large_files) != 0;

        const std::uint32_t bits = g.block_size * 8;  // of one bitmap block
        const std::uint32_t per_group = raw.blocks_per_group;
        if (g.first_block != (g.block_size == 1024 ? 1U : 0U) || g.block_count <= g.first_block ||
            std::uint64_t{g.block_count} * g.block_size > device_bytes || per_group == 0 ||
            per_group > bits || g.inodes_per_group == 0 || g.inodes_per_group > bits ||
            !std::has_single_bit(g.inode_size) || g.inode_size < sizeof(RawInode) ||
            g.inode_size > g.block_size) {
            return fail(Errc::corrupted);
        }
        g.groups = (g.block_count - g.first_block - 1) / per_group + 1;
        if (g.inode_count < root_inode ||
            g.inode_count > std::uint64_t{g.groups} * g.inodes_per_group) {
            return fail(Errc::corrupted);
        }
        return g;
    }

    /// The one door for block numbers from the disk.
    [[nodiscard]] Result<BlockNumber> block(std::uint64_t raw) const noexcept {
        if (raw < first_block || raw >= block_count) {
            return fail(Errc::corrupted);
        }
        return BlockNumber{static_cast<std::uint32_t>(raw)};
    }
    /// The one door for inode numbers from the disk.
    [[nodiscard]] Result<std::uint32_t> inode(std::uint32_t raw) const noexcept {
        return raw == 0 || raw > inode_count ? Result<std::uint32_t>(fail(Errc::corrupted))
                                             : Result<std::uint32_t>(raw);
    }
    /// Block pointers in one block.
    [[nodiscard]] std::uint32_t pointers() const noexcept { return block_size / 4; }
    /// Blocks that the pointers of one inode reach.
    [[nodiscard]] std::uint64_t max_file_blocks() const noexcept {
        const std::uint64_t p = pointers();
        return direct_blocks + p + p * p + p * p * p;
    }
};

}  // namespace kidney::fs::ext2
