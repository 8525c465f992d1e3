/// ioctl numbers of block devices (Linux i386).
///
/// Own definitions: <linux/fs.h> makes the sized ones from the host's size_t, which has another
/// size in host tests.
#pragma once

#include <cstdint>

namespace kidney::abi {

enum BlockIoctl : std::uint32_t {
    block_set_read_only = 0x125d,        ///< BLKROSET
    block_get_read_only = 0x125e,        ///< BLKROGET, int
    block_read_partitions = 0x125f,      ///< BLKRRPART
    block_get_sectors = 0x1260,          ///< BLKGETSIZE, unsigned long: units of 512 bytes
    block_flush_buffers = 0x1261,        ///< BLKFLSBUF
    block_get_read_ahead = 0x1263,       ///< BLKRAGET, unsigned long: units of 512 bytes
    block_get_sector_size = 0x1268,      ///< BLKSSZGET, int: smallest unit the device takes
    block_change_partition = 0x1269,     ///< BLKPG, PartitionChange
    block_discard = 0x1277,              ///< BLKDISCARD, DiscardRange
    block_get_smallest_io = 0x1278,      ///< BLKIOMIN, unsigned
    block_get_best_io = 0x1279,          ///< BLKIOOPT, unsigned; 0: it does not matter
    block_get_misalignment = 0x127a,     ///< BLKALIGNOFF, int
    block_get_physical_size = 0x127b,    ///< BLKPBSZGET, unsigned
    block_discards_to_zeros = 0x127c,    ///< BLKDISCARDZEROES, unsigned: no, whatever the disk
    block_zero_out = 0x127f,             ///< BLKZEROOUT, DiscardRange
    block_get_block_size = 0x8004'1270,  ///< BLKBSZGET, int: what the system moves at once
    block_get_bytes = 0x8004'1272,       ///< BLKGETSIZE64, 64 bits whatever the number says
};

/// What BLKDISCARD and BLKZEROOUT point to: bytes.
struct DiscardRange {
    std::uint64_t start, length;
};

/// What BLKPG points to (<linux/blkpg.h>), as i386 has it.
struct PartitionChange {
    enum Operation : std::int32_t { add = 1, remove = 2 };
    std::int32_t operation;
    std::int32_t flags;
    std::int32_t size;   ///< of what `part` points to, which nobody reads
    std::uint32_t part;  ///< address of a PartitionPlace
};
static_assert(sizeof(PartitionChange) == 16);
/// Two names of 64 bytes follow, which nobody reads.
struct PartitionPlace {
    std::int64_t start, length;  ///< bytes
    std::int32_t number;
};

}  // namespace kidney::abi
