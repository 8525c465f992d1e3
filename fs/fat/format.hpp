/// The on-disk structures of FAT12, FAT16 and FAT32, as bytes.
///
/// Source: "Microsoft Extensible Firmware Initiative FAT32 File System Specification", 1.03.
/// Nothing here can be trusted: `Geometry` turns the boot sector into checked numbers, `Table`
/// checks the numbers of clusters, `Directory` the entries.
#pragma once

#include "fs/disk/little.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::fs::fat {

/// What follows the fields that all kinds share: at 36 in FAT12 and 16, at 64 in FAT32.
struct RawTail {
    Le8 drive;
    Le8 state;  ///< state_dirty: it is in use, or was when the power went
    Le8 signature;
    Le32 serial;
    std::array<std::byte, 11> label;
    std::array<std::byte, 8> type;
};
static_assert(sizeof(RawTail) == 26);

/// Block 0.
struct RawBoot {
    std::array<std::byte, 3> jump;
    std::array<std::byte, 8> maker;
    Le16 sector_bytes;
    Le8 sectors_per_cluster;
    Le16 reserved_sectors;
    Le8 tables;
    Le16 root_entries, sectors16;
    Le8 media;
    Le16 table_sectors16, sectors_per_track, heads;
    Le32 hidden_sectors, sectors32;
    // FAT32 only; in the others RawTail comes here.
    Le32 table_sectors32;
    Le16 flags, version;
    Le32 root_cluster;
    Le16 info_sector, backup_sector;
    std::array<std::byte, 12> reserved;
    RawTail tail;
};
static_assert(sizeof(RawBoot) == 90);
inline constexpr std::size_t tail_offset = 36;    ///< of RawTail in FAT12 and 16
inline constexpr std::size_t tail_offset32 = 64;  ///< in FAT32
inline constexpr std::uint8_t state_dirty = 0x01;
inline constexpr std::uint16_t flag_one_table = 0x80;  ///< RawBoot::flags: only one table is kept

/// The sector of FAT32 that says how much is free. Only a hint: it is written, and not believed.
struct RawInfo {
    Le32 magic;
    std::array<std::byte, 480> reserved;
    Le32 second_magic, free_clusters, last_cluster;
    std::array<std::byte, 12> reserved2;
    Le32 third_magic;
};
static_assert(sizeof(RawInfo) == 512);
inline constexpr std::uint32_t info_magic = 0x4161'5252;
inline constexpr std::uint32_t info_second_magic = 0x6141'7272;

/// A file, a directory, or the label of the volume.
struct RawEntry {
    std::array<std::byte, 11> name;  ///< 8 and 3 letters, filled up with blanks
    Le8 attributes;
    Le8 letters;  ///< which part of the name is shown in small letters
    Le8 born_hundredths;
    Le16 born_time, born_date, access_date, first_high, time, date, first_low;
    Le32 size;
};
/// A piece of a long name, in front of the entry that it names.
struct RawPiece {
    Le8 order;  ///< counted from 1; the last piece, which comes first, has piece_last
    std::array<Le16, 5> first;
    Le8 attributes, kind, checksum;
    std::array<Le16, 6> second;
    Le16 cluster;
    std::array<Le16, 2> third;
};
inline constexpr std::size_t slot_size = 32;  ///< bytes
static_assert(sizeof(RawEntry) == slot_size && sizeof(RawPiece) == slot_size);

inline constexpr std::uint8_t attribute_read_only = 0x01;
inline constexpr std::uint8_t attribute_label = 0x08;
inline constexpr std::uint8_t attribute_directory = 0x10;
inline constexpr std::uint8_t attribute_archive = 0x20;
inline constexpr std::uint8_t attributes_piece = 0x0F;  ///< what marks a RawPiece
inline constexpr std::uint8_t attributes_mask = 0x3F;   ///< of what is compared with it
inline constexpr std::uint8_t small_base = 0x08;        ///< RawEntry::letters
inline constexpr std::uint8_t small_extension = 0x10;
inline constexpr std::uint8_t piece_last = 0x40;
inline constexpr std::uint8_t slot_end = 0x00;      ///< first byte: no slot from here on is used
inline constexpr std::uint8_t slot_free = 0xE5;     ///< first byte: unused
inline constexpr std::uint8_t letter_of_e5 = 0x05;  ///< stands for 0xE5 as the first letter

inline constexpr std::size_t letters_per_piece = 13;
inline constexpr std::size_t longest_name = 255;  ///< UTF-16 units
inline constexpr std::size_t most_pieces =
    (longest_name + letters_per_piece - 1) / letters_per_piece;
inline constexpr std::size_t most_slots = most_pieces + 1;  ///< of one name

inline constexpr std::uint32_t first_cluster = 2;
/// Larger directories are refused: no system makes one.
inline constexpr std::uint32_t most_directory_bytes = 65536 * slot_size;

}  // namespace kidney::fs::fat
