/// The on-disk structures of kfs, our journaled file system. Specification: docs/spec/kfs.md.
///
/// Blocks of 4096 bytes, numbers little-endian. What is read from a disk is not to be trusted:
/// `Geometry` is the superblock, checked; the rest is checked on use.
#pragma once

#include "fs/kfs/crc32c.hpp"
#include "kidney/core/result.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::fs::kfs {

static_assert(std::endian::native == std::endian::little, "structures are copied as they are");

inline constexpr std::uint32_t block_size = 4096;
inline constexpr std::uint32_t bits_per_block = block_size * 8;
inline constexpr std::uint32_t log_sector = 512;  ///< bytes: the unit of the log
using Block = std::array<std::byte, block_size>;
using Uuid = std::array<std::uint8_t, 16>;

/// Block 0; the rest of the block is zero.
struct Superblock {
    static constexpr std::uint32_t right_magic = 0x3153'464B;  // "KFS1"
    std::uint32_t magic = right_magic;
    std::uint32_t bytes_per_block = block_size;
    Uuid uuid{};
    std::uint32_t incompatible = 0;          ///< features without which nobody may read it
    std::uint32_t read_only_compatible = 0;  ///< without which nobody may write it
    std::uint32_t block_count = 0;           ///< of the whole file system
    std::uint32_t inode_count = 0;           ///< slots of the inode table; slot 0 is not used
    std::uint32_t log_blocks = 0;            ///< of the ring
    std::uint32_t zero = 0;
    std::int64_t made = 0;       ///< nanoseconds since 1970
    std::uint32_t checksum = 0;  ///< CRC-32C of the fields before
    std::uint32_t end = 0;
};
static_assert(sizeof(Superblock) == 64 && offsetof(Superblock, checksum) == 56);

/// Block 1, the first sector of it: where in the ring the oldest transaction begins that may not be
/// home yet. One sector, so that a torn write leaves the old one or the new one.
struct Anchor {
    static constexpr std::uint32_t right_magic = 0x434E'414B;  // "KANC"
    std::uint32_t magic = right_magic;
    std::uint32_t position = 0;  ///< sector of the ring
    std::uint64_t sequence = 1;  ///< of the transaction that begins there, or will
    std::uint64_t salt = 0;      ///< enters the checksums; a recovery changes it
    Uuid uuid{};
    std::uint32_t zero = 0;
    std::uint32_t checksum = 0;  ///< CRC-32C of the fields before
};
static_assert(sizeof(Anchor) == 48 && offsetof(Anchor, checksum) == 44);

/// Begins each transaction in the ring. Behind it the records, zeros, and in the last four bytes of
/// the last sector the CRC-32C of the salt and of everything before.
struct LogHeader {
    static constexpr std::uint32_t right_magic = 0x474F'4C4B;  // "KLOG"
    std::uint32_t magic = right_magic;
    std::uint32_t sectors = 0;  ///< of the transaction, this one included
    std::uint64_t sequence = 0;
    Uuid uuid{};
    std::uint32_t records = 0;
    std::uint32_t bytes = 0;  ///< of the records
    std::uint64_t zero = 0;
};
static_assert(sizeof(LogHeader) == 48);

/// Bytes of a block; `length` of them follow.
struct RecordHeader {
    static constexpr std::uint16_t fresh = 0x8000;  ///< in `place`: the block is zeros before
    std::uint32_t block = 0;
    std::uint16_t place = 0;  ///< where in the block
    std::uint16_t length = 0;

    [[nodiscard]] std::uint32_t offset() const noexcept {
        return place & static_cast<std::uint32_t>(~fresh & 0xFFFFU);
    }
    [[nodiscard]] bool is_fresh() const noexcept { return (place & fresh) != 0; }
};
static_assert(sizeof(RecordHeader) == 8);

/// Blocks `first`, `first + 1`, ... of the disk are blocks `index`, `index + 1`, ... of a file.
struct Extent {
    std::uint32_t index = 0, first = 0, length = 0;
    [[nodiscard]] std::uint64_t end() const noexcept { return std::uint64_t{index} + length; }
};
static_assert(sizeof(Extent) == 12);

enum Mode : std::uint16_t {
    mode_fifo = 0x1000,
    mode_character = 0x2000,
    mode_directory = 0x4000,
    mode_block = 0x6000,
    mode_regular = 0x8000,
    mode_symlink = 0xA000,
    mode_socket = 0xC000,
    mode_type = 0xF000,
    mode_permissions = 0x0FFF
};

inline constexpr std::uint32_t root_inode = 1;
inline constexpr std::uint32_t inline_extents = 16;
inline constexpr std::size_t inline_bytes = inline_extents * sizeof(Extent);

/// All zero if it is free. Its first 64 bytes are what nearly every operation changes.
struct RawInode {
    std::uint16_t mode = 0;
    std::uint8_t depth = 0;   ///< 0: `slots` are extents; 1: they lead to blocks of extents
    std::uint8_t slots = 0;   ///< in use
    std::uint32_t links = 0;  ///< names; of a directory 2 and its subdirectories; 0: removed
    std::uint32_t uid = 0, gid = 0;
    std::uint64_t size = 0;
    std::int64_t accessed = 0, modified = 0, changed = 0, born = 0;  ///< nanoseconds since 1970
    std::uint32_t parent = 0;  ///< of a directory: the one it is in; the root's is itself
    std::uint32_t blocks = 0;  ///< that it has, those of extents as well
    std::array<std::byte, inline_bytes> place{};  ///< extents, a short target, a device number

    [[nodiscard]] Extent extent(std::size_t n) const noexcept {
        Extent e;
        std::memcpy(&e, place.data() + n * sizeof e, sizeof e);
        return e;
    }
    void put_extent(std::size_t n, const Extent& e) noexcept {
        std::memcpy(place.data() + n * sizeof e, &e, sizeof e);
    }
};
static_assert(sizeof(RawInode) == 256 && offsetof(RawInode, place) == 64);
inline constexpr std::uint32_t inodes_per_block = block_size / sizeof(RawInode);

/// A block of extents. In an inode of depth 1 a slot is the first index that a block is for, the
/// block, and 1.
struct ExtentBlock {
    static constexpr std::uint32_t right_magic = 0x5458'454B;  // "KEXT"
    static constexpr std::uint32_t capacity = 340;
    std::uint32_t magic = right_magic;
    std::uint32_t inode = 0;  ///< whose they are
    std::uint32_t count = 0;
    std::uint32_t zero = 0;
    std::array<Extent, capacity> extents{};
};
static_assert(sizeof(ExtentBlock) == block_size);

/// In a block of a directory; the name follows. The entries of a block fill it. "." and ".." are
/// not stored.
struct EntryHeader {
    static constexpr std::size_t max_name = 255;
    static constexpr std::uint32_t alignment = 8;
    std::uint32_t inode = 0;   ///< 0: nothing is here
    std::uint16_t length = 0;  ///< bytes to the next entry
    std::uint8_t type = 0;     ///< mode >> 12 of its inode
    std::uint8_t name_length = 0;

    [[nodiscard]] static constexpr std::uint32_t bytes_for(std::size_t name) noexcept {
        return static_cast<std::uint32_t>((sizeof(EntryHeader) + name + alignment - 1) / alignment *
                                          alignment);
    }
};
static_assert(sizeof(EntryHeader) == 8);

inline constexpr std::uint64_t max_file_blocks =
    0xFFFF'FFFF;  // pages of a file have 32-bit numbers
inline constexpr std::uint64_t max_file_size = max_file_blocks * block_size;

template <class T>
[[nodiscard]] T load(std::span<const std::byte> bytes, std::size_t offset) noexcept {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
}
template <class T>
void store(std::span<std::byte> bytes, std::size_t offset, const T& value) noexcept {
    std::memcpy(bytes.data() + offset, &value, sizeof(T));
}
/// Of a Superblock or an Anchor.
template <class T>
[[nodiscard]] std::uint32_t checksum_of(const T& value) noexcept {
    Crc32c sum;
    sum.add(std::as_bytes(std::span(&value, 1)).first(offsetof(T, checksum)));
    return sum.value();
}

/// What is wrong with an image: a field of the specification and what it holds.
struct Complaint {
    const char* field = "";
    std::uint64_t value = 0;
};

/// What a superblock says, checked. Everything has one place, in this order.
struct Geometry {
    std::uint32_t block_count = 0, inode_count = 0, log_blocks = 0;
    Uuid uuid{};
    bool can_be_written = true;  ///< no feature speaks against it

    static constexpr std::uint32_t anchor = 1;
    static constexpr std::uint32_t log_start = 2;
    static constexpr std::uint32_t min_log_blocks = 16, max_log_blocks = 4096;

    [[nodiscard]] std::uint32_t log_sectors() const noexcept {
        return log_blocks * (block_size / log_sector);
    }
    [[nodiscard]] std::uint32_t block_bitmap() const noexcept { return log_start + log_blocks; }
    [[nodiscard]] std::uint32_t inode_bitmap() const noexcept {
        return block_bitmap() + bitmap_blocks(block_count);
    }
    /// Inodes without a name: freed by the next mount.
    [[nodiscard]] std::uint32_t orphan_bitmap() const noexcept {
        return inode_bitmap() + bitmap_blocks(inode_count);
    }
    [[nodiscard]] std::uint32_t inode_table() const noexcept {
        return orphan_bitmap() + bitmap_blocks(inode_count);
    }
    [[nodiscard]] std::uint32_t data_start() const noexcept {
        return inode_table() + inode_count / inodes_per_block;
    }
    [[nodiscard]] std::uint32_t data_blocks() const noexcept { return block_count - data_start(); }
    [[nodiscard]] bool is_data(std::uint32_t block) const noexcept {
        return block >= data_start() && block < block_count;
    }
    [[nodiscard]] bool is_inode(std::uint32_t inode) const noexcept {
        return inode != 0 && inode < inode_count;
    }
    [[nodiscard]] static std::uint32_t bitmap_blocks(std::uint32_t bits) noexcept {
        return bits / bits_per_block + (bits % bits_per_block != 0 ? 1U : 0U);
    }

    /// Errors: corrupted, not_supported (a feature); `complaint` says which field it is.
    [[nodiscard]] static Result<Geometry> create(const Superblock& raw, std::uint64_t device_blocks,
                                                 Complaint& complaint) noexcept {
        const auto wrong = [&](const char* field, std::uint64_t value,
                               Errc error = Errc::corrupted) {
            complaint = {field, value};
            return Result<Geometry>(fail(error));
        };
        if (raw.magic != Superblock::right_magic) {
            return wrong("superblock.magic", raw.magic);
        }
        if (raw.checksum != checksum_of(raw)) {
            return wrong("superblock.checksum", raw.checksum);
        }
        if (raw.incompatible != 0) {
            return wrong("superblock.incompatible", raw.incompatible, Errc::not_supported);
        }
        if (raw.bytes_per_block != block_size) {
            return wrong("superblock.block_size", raw.bytes_per_block);
        }
        if (raw.inode_count == 0 || raw.inode_count % inodes_per_block != 0 ||
            raw.inode_count > 1U << 28) {
            return wrong("superblock.inode_count", raw.inode_count);
        }
        if (raw.log_blocks < min_log_blocks || raw.log_blocks > max_log_blocks) {
            return wrong("superblock.log_blocks", raw.log_blocks);
        }
        const Geometry g{raw.block_count, raw.inode_count, raw.log_blocks, raw.uuid,
                         raw.read_only_compatible == 0};
        if (g.block_count > device_blocks || g.block_count > 1U << 31 ||
            g.block_count <= g.data_start()) {
            return wrong("superblock.block_count", raw.block_count);
        }
        return g;
    }
};

}  // namespace kidney::fs::kfs
