/// What a superblock says, checked: from here on the numbers can be computed with.
#pragma once

#include "fs/ext2/format.hpp"
#include "kidney/core/result.hpp"

#include <algorithm>
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
    std::uint32_t blocks_per_group = 0;
    std::uint32_t groups = 0;
    std::uint32_t first_inode = 0;  ///< those before it are the format's own
    std::uint32_t free_blocks = 0;  ///< as the superblock says; Volume counts on from there
    std::uint32_t free_inodes = 0;  ///< likewise
    bool has_entry_types = false;
    bool has_large_files = false;
    bool may_have_large_files = false;  ///< the feature can be switched on
    bool has_sparse_superblocks = false;
    bool has_unknown_features = false;  ///< it may be read, and nothing else

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
        g.blocks_per_group = raw.blocks_per_group;
        g.first_inode = dynamic ? raw.first_inode : first_free_inode;
        g.free_blocks = raw.free_blocks;
        g.free_inodes = raw.free_inodes;
        g.may_have_large_files = dynamic;
        g.has_sparse_superblocks =
            dynamic && (raw.read_only_compatible & feature_sparse_superblocks) != 0;
        g.has_unknown_features = dynamic && (raw.read_only_compatible & ~writable_features) != 0;
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
        if (g.inode_count < root_inode || g.first_inode <= root_inode ||
            g.inode_count > std::uint64_t{g.groups} * g.inodes_per_group) {
            return fail(Errc::corrupted);
        }
        return g;
    }

    // Groups.
    [[nodiscard]] std::uint32_t group_of(BlockNumber block) const noexcept {
        return (block.value - first_block) / blocks_per_group;
    }
    [[nodiscard]] std::uint32_t group_of_inode(std::uint32_t number) const noexcept {
        return (number - 1) / inodes_per_group;
    }
    [[nodiscard]] std::uint32_t first_of_group(std::uint32_t group) const noexcept {
        return first_block + group * blocks_per_group;
    }
    [[nodiscard]] std::uint32_t blocks_in_group(std::uint32_t group) const noexcept {
        const std::uint32_t left = block_count - first_of_group(group);
        return left < blocks_per_group ? left : blocks_per_group;
    }
    [[nodiscard]] std::uint32_t inodes_in_group(std::uint32_t group) const noexcept {
        const std::uint64_t before = std::uint64_t{group} * inodes_per_group;
        return before >= inode_count ? 0
               : inode_count - before < inodes_per_group
                   ? static_cast<std::uint32_t>(inode_count - before)
                   : inodes_per_group;
    }
    [[nodiscard]] std::uint32_t inode_table_blocks() const noexcept {
        const std::uint64_t bytes = std::uint64_t{inodes_per_group} * inode_size;
        return static_cast<std::uint32_t>((bytes + block_size - 1) / block_size);
    }
    [[nodiscard]] std::uint32_t descriptor_blocks() const noexcept {
        const std::uint64_t bytes = std::uint64_t{groups} * sizeof(RawGroup);
        return static_cast<std::uint32_t>((bytes + block_size - 1) / block_size);
    }
    /// A copy of the superblock and of the descriptors is at the beginning of the group.
    [[nodiscard]] bool has_superblock(std::uint32_t group) const noexcept {
        const auto is_power_of = [](std::uint32_t base, std::uint32_t n) noexcept {
            while (n > 1 && n % base == 0) {
                n /= base;
            }
            return n == 1;
        };
        return !has_sparse_superblocks || group <= 1 || is_power_of(3, group) ||
               is_power_of(5, group) || is_power_of(7, group);
    }
    /// Bitmaps, inode tables and superblocks: nothing that a file may have.
    [[nodiscard]] bool is_system_block(BlockNumber block, const RawGroup& group) const noexcept {
        const std::uint32_t number = group_of(block);
        const std::uint32_t within = block.value - first_of_group(number);
        return block.value == group.block_bitmap || block.value == group.inode_bitmap ||
               block.value - group.inode_table < inode_table_blocks() ||
               (has_superblock(number) && within <= descriptor_blocks());
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
    /// What the pointers reach, the count of sectors in an inode can count, and a size can say.
    [[nodiscard]] std::uint64_t max_file_size() const noexcept {
        const std::uint64_t reach = max_file_blocks() * block_size;
        const std::uint64_t counted = (std::uint64_t{1} << 32) * 512 - (std::uint64_t{1} << 32);
        const std::uint64_t said = may_have_large_files ? reach : max_small_size;
        return std::min({reach, counted, said});
    }
    static constexpr std::uint64_t max_small_size = 0x7fff'ffff;  ///< without large_file
};

}  // namespace kidney::fs::ext2
