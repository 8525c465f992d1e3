/// Which file system is on a disk, by the numbers at its beginning: what mount(8) does without -t.
/// Whether it can be mounted is another question.
#pragma once

#include "fs/disk/little.hpp"
#include "fs/ext2/format.hpp"
#include "fs/fat/format.hpp"
#include "fs/kfs/format.hpp"
#include "fs/vsfs/format.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs {

/// In the order in which they are looked for. FAT is last: it has no magic number.
enum class DiskFormat : std::uint8_t { unknown, kfs, vsfs, ext2, fat };

/// The first bytes of a disk; zeros behind its end.
using DiskHead = std::span<const std::byte, 4096>;

/// FAT has no magic number: the fields that each boot sector must have, within their limits.
[[nodiscard]] inline bool is_fat(DiskHead head) noexcept {
    constexpr std::uint32_t least_sector = 512, largest_sector = 4096;
    const auto boot = load<fat::RawBoot>(head, 0);
    const std::uint32_t sector = boot.sector_bytes;
    const std::uint32_t per_cluster = boot.sectors_per_cluster;
    return (boot.jump[0] == std::byte{0xEB} || boot.jump[0] == std::byte{0xE9}) &&
           std::has_single_bit(sector) && sector >= least_sector && sector <= largest_sector &&
           std::has_single_bit(per_cluster) && boot.reserved_sectors != 0 &&
           (boot.tables == 1 || boot.tables == 2);
}

/// An ext2 whose first block, which is not its own, looks like a boot sector is an ext2.
[[nodiscard]] inline DiskFormat disk_format(DiskHead head) noexcept {
    const std::uint32_t first = load<Le32>(head, 0);
    if (first == kfs::Superblock::right_magic) {
        return DiskFormat::kfs;
    }
    if (first == vsfs::Superblock::right_magic) {
        return DiskFormat::vsfs;
    }
    if (load<ext2::RawSuperblock>(head, ext2::superblock_offset).magic == ext2::magic) {
        return DiskFormat::ext2;
    }
    return is_fat(head) ? DiskFormat::fat : DiskFormat::unknown;
}

}  // namespace kidney::fs
