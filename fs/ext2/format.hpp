/// The on-disk structures of ext2, as bytes: little-endian numbers at fixed offsets.
///
/// Source: "The Second Extended File System, Internal Layout" (D. Poirier). Nothing here can be
/// trusted; `Geometry` and `Inode` (inode.hpp) turn it into checked values.
#pragma once

#include "fs/disk/little.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::fs::ext2 {

using fs::load;
using fs::save;

/// At byte 1024 of the disk.
struct RawSuperblock {
    Le32 inodes_count, blocks_count, reserved_blocks, free_blocks, free_inodes;
    Le32 first_data_block, log_block_size, log_fragment_size;
    Le32 blocks_per_group, fragments_per_group, inodes_per_group;
    Le32 mount_time, write_time;
    Le16 mount_count, max_mount_count, magic, state, errors, minor_revision;
    Le32 last_check, check_interval, creator_os, revision;
    Le16 reserved_uid, reserved_gid;
    // Revision 1.
    Le32 first_inode;
    Le16 inode_size, block_group;
    Le32 compatible, incompatible, read_only_compatible;
};
static_assert(sizeof(RawSuperblock) == 104);

struct RawGroup {
    Le32 block_bitmap, inode_bitmap, inode_table;
    Le16 free_blocks, free_inodes, directories, padding;
    std::array<std::byte, 12> reserved;
};
static_assert(sizeof(RawGroup) == 32);

inline constexpr std::size_t direct_blocks = 12;
inline constexpr std::size_t block_pointers = 15;  ///< direct, then one each of 1, 2 and 3 levels

struct RawInode {
    Le16 mode, uid;
    Le32 size, access_time, change_time, modification_time, deletion_time;
    Le16 gid, links;
    Le32 sectors, flags, os1;
    std::array<Le32, block_pointers> blocks;
    Le32 generation, file_acl, size_high, fragment;
    Le8 fragment_number, fragment_size;
    Le16 padding, uid_high, gid_high;
    Le32 reserved;
};
static_assert(sizeof(RawInode) == 128);

/// A directory entry; the name follows. `name_length_high` is the type where the feature says so.
struct RawEntry {
    Le32 inode;
    Le16 length;
    Le8 name_length;
    Le8 type;
};
static_assert(sizeof(RawEntry) == 8);

inline constexpr std::uint16_t magic = 0xEF53;
inline constexpr std::size_t superblock_offset = 1024;
inline constexpr std::uint32_t root_inode = 2;
inline constexpr std::uint32_t first_free_inode = 11;      ///< in revision 0
inline constexpr std::uint32_t feature_entry_types = 0x2;  ///< incompatible: RawEntry::type
// Read-only compatible: who does not know one of these may read, and nothing else.
inline constexpr std::uint32_t feature_sparse_superblocks = 0x1;
inline constexpr std::uint32_t feature_large_files = 0x2;  ///< size_high
inline constexpr std::uint32_t writable_features = feature_sparse_superblocks | feature_large_files;
inline constexpr std::uint16_t state_valid = 0x1;      ///< RawSuperblock::state: unmounted cleanly
inline constexpr std::uint32_t flag_immutable = 0x10;  ///< RawInode::flags
inline constexpr std::uint32_t flag_append_only = 0x20;   ///< likewise
inline constexpr std::uint32_t flag_hash_index = 0x1000;  ///< of a directory: it has a hash tree
inline constexpr std::uint32_t inherited_flags = 0x2 | 0x4 | 0x8 | 0x40 | 0x80;  ///< hints only

/// At the beginning of a block of extended attributes, which several inodes may share.
struct RawAttributeHeader {
    Le32 magic, references;
};
inline constexpr std::uint32_t attribute_magic = 0xEA020000;

}  // namespace kidney::fs::ext2
