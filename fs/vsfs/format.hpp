/// The on-disk structures of vsfs, the course's very simple file system. Specification:
/// docs/spec/vsfs.md.
///
/// Blocks of 4096 bytes, numbers little-endian. What is read from a disk is not to be trusted:
/// `Geometry` is the superblock, checked; volume.hpp checks the rest on use.
#pragma once

#include "kidney/core/result.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace kidney::fs::vsfs {

static_assert(std::endian::native == std::endian::little, "structures are copied as they are");

inline constexpr std::uint32_t block_size = 4096;
inline constexpr std::uint32_t bits_per_block = block_size * 8;
using Block = std::array<std::byte, block_size>;

/// Block 0; the rest of the block is zero.
struct Superblock {
    static constexpr std::uint32_t right_magic = 0x5346'5356;  // "VSFS"
    static constexpr std::uint32_t right_version = 1;
    std::uint32_t magic = right_magic;
    std::uint32_t version = right_version;
    std::uint32_t block_count = 0;  ///< of the whole file system
    std::uint32_t inode_count = 0;  ///< slots of the inode table; slot 0 is not used
    std::uint32_t log_blocks = 0;   ///< with the header; 0: there is no log
};
static_assert(sizeof(Superblock) == 20);

inline constexpr std::uint32_t root_inode = 1;
inline constexpr std::uint32_t direct_blocks = 20;
inline constexpr std::uint32_t pointers_per_block = block_size / 4;
inline constexpr std::uint32_t max_file_blocks = direct_blocks + pointers_per_block;
inline constexpr std::uint64_t max_file_size = std::uint64_t{max_file_blocks} * block_size;

enum Mode : std::uint16_t {
    mode_directory = 0x4000,
    mode_regular = 0x8000,
    mode_symlink = 0xA000,
    mode_type = 0xF000,
    mode_permissions = 0x0FFF
};

/// All zero if it is free. A pointer of 0 is a hole.
struct Inode {
    std::uint16_t mode = 0;
    std::uint16_t links = 0;  ///< names; of a directory 2 and its subdirectories; 0: removed
    std::uint32_t uid = 0, gid = 0;
    std::uint32_t parent = 0;  ///< of a directory: the one it is in; the root's is itself
    std::uint64_t size = 0;
    std::uint32_t accessed = 0, modified = 0, changed = 0;  ///< seconds since 1970
    std::array<std::uint32_t, direct_blocks> direct{};
    std::uint32_t indirect = 0;  ///< a block of pointers
    std::array<std::uint32_t, 2> zero{};
};
static_assert(sizeof(Inode) == 128);
inline constexpr std::uint32_t inodes_per_block = block_size / sizeof(Inode);

/// A directory is an array of these; inode 0: no entry. "." and ".." are not stored.
struct Entry {
    static constexpr std::size_t max_name = 58;
    std::uint32_t inode = 0;
    std::uint8_t length = 0;
    std::uint8_t type = 0;  ///< mode >> 12 of its inode
    std::array<char, max_name> bytes{};

    [[nodiscard]] std::string_view name() const noexcept { return {bytes.data(), length}; }
};
static_assert(sizeof(Entry) == 64);
inline constexpr std::uint32_t entries_per_block = block_size / sizeof(Entry);

/// The first block of the log. It fits in one sector, so that a torn write leaves the old one or
/// the new one; and the checksum covers the logged blocks, so that it counts only with all of them.
struct LogHeader {
    static constexpr std::uint32_t right_magic = 0x474F'4C56;  // "VLOG"
    static constexpr std::uint32_t max_blocks = 100;
    std::uint32_t magic = right_magic;
    std::uint32_t sequence = 0;
    std::uint32_t count = 0;  ///< 0: nothing is to be done
    std::uint32_t checksum = 0;
    std::array<std::uint32_t, max_blocks> blocks{};  ///< where each logged block belongs
};
static_assert(sizeof(LogHeader) <= 512);

/// FNV-1a over 32-bit words. `bytes` are a multiple of 4.
[[nodiscard]] inline std::uint32_t checksum(std::span<const std::byte> bytes,
                                            std::uint32_t state = 2166136261U) noexcept {
    for (std::size_t at = 0; at < bytes.size(); at += 4) {
        std::uint32_t word = 0;
        std::memcpy(&word, bytes.data() + at, 4);
        state = (state ^ word) * 16777619U;
    }
    return state;
}

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

/// What is wrong with an image: a field of the specification and what it holds.
struct Complaint {
    const char* field = "";
    std::uint64_t value = 0;
};

/// What a superblock says, checked. Everything has one place: superblock, log, inode bitmap, data
/// bitmap, inode table, data.
struct Geometry {
    std::uint32_t block_count = 0, inode_count = 0, log_blocks = 0;

    [[nodiscard]] std::uint32_t log_start() const noexcept { return 1; }
    [[nodiscard]] std::uint32_t inode_bitmap() const noexcept { return 1 + log_blocks; }
    [[nodiscard]] std::uint32_t data_bitmap() const noexcept { return inode_bitmap() + 1; }
    [[nodiscard]] std::uint32_t inode_table() const noexcept { return data_bitmap() + 1; }
    [[nodiscard]] std::uint32_t data_start() const noexcept {
        return inode_table() + inode_count / inodes_per_block;
    }
    [[nodiscard]] std::uint32_t data_blocks() const noexcept { return block_count - data_start(); }
    [[nodiscard]] bool has_log() const noexcept { return log_blocks != 0; }
    [[nodiscard]] bool is_data(std::uint32_t block) const noexcept {
        return block >= data_start() && block < block_count;
    }
    [[nodiscard]] bool is_inode(std::uint32_t inode) const noexcept {
        return inode != 0 && inode < inode_count;
    }

    static constexpr std::uint32_t min_log_blocks = 17;

    /// Error: corrupted; then `complaint` says which field it is.
    [[nodiscard]] static Result<Geometry> create(const Superblock& raw, std::uint64_t device_blocks,
                                                 Complaint& complaint) noexcept {
        const auto wrong = [&](const char* field, std::uint64_t value) {
            complaint = {field, value};
            return Result<Geometry>(fail(Errc::corrupted));
        };
        if (raw.magic != Superblock::right_magic) {
            return wrong("superblock.magic", raw.magic);
        }
        if (raw.version != Superblock::right_version) {
            return wrong("superblock.version", raw.version);
        }
        if (raw.inode_count == 0 || raw.inode_count % inodes_per_block != 0 ||
            raw.inode_count > bits_per_block) {
            return wrong("superblock.inode_count", raw.inode_count);
        }
        if (raw.log_blocks != 0 &&
            (raw.log_blocks < min_log_blocks || raw.log_blocks > LogHeader::max_blocks + 1)) {
            return wrong("superblock.log_blocks", raw.log_blocks);
        }
        const Geometry g{raw.block_count, raw.inode_count, raw.log_blocks};
        if (g.block_count > device_blocks || g.block_count <= g.data_start() ||
            g.data_blocks() > bits_per_block) {
            return wrong("superblock.block_count", raw.block_count);
        }
        return g;
    }
};

}  // namespace kidney::fs::vsfs
