/// The on-disk structures of ext2, as bytes: little-endian numbers at fixed offsets.
///
/// Source: "The Second Extended File System, Internal Layout" (D. Poirier). Nothing here can be
/// trusted; `Geometry` and `Inode` (inode.hpp) turn it into checked values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::fs::ext2 {

/// A little-endian number without alignment.
template <class T>
class Little {
public:
    [[nodiscard]] constexpr operator T() const noexcept {
        T value = 0;
        for (std::size_t i = sizeof(T); i-- > 0;) {
            value = static_cast<T>(static_cast<T>(value << 8U) | std::to_integer<T>(raw_[i]));
        }
        return value;
    }

private:
    std::array<std::byte, sizeof(T)> raw_;
};
template <>
constexpr Little<std::uint8_t>::operator std::uint8_t() const noexcept {
    return std::to_integer<std::uint8_t>(raw_[0]);
}
using Le8 = Little<std::uint8_t>;
using Le16 = Little<std::uint16_t>;
using Le32 = Little<std::uint32_t>;

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
inline constexpr std::uint32_t feature_entry_types = 0x2;  ///< incompatible: RawEntry::type
inline constexpr std::uint32_t feature_large_files = 0x2;  ///< read-only compatible: size_high

/// The structure at `offset`, which the caller has checked to lie inside.
template <class T>
[[nodiscard]] T load(std::span<const std::byte> bytes, std::size_t offset) noexcept {
    static_assert(alignof(T) == 1);
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
}

}  // namespace kidney::fs::ext2
