/// A partition that shall be: what the makers of tables are given.
#pragma once

#include "fs/block/partition_slice.hpp"

#include <array>
#include <cstdint>

namespace kidney::fs {

/// What a table says that is in it.
enum class PartitionKind : std::uint8_t { linux_data, fat };

struct NewPartition {
    BlockRun run;
    PartitionKind kind = PartitionKind::linux_data;
};

/// One that no other disk has. A GPT shows all of it, an MBR the last four bytes.
using DiskIdentity = std::array<std::uint8_t, 16>;

}  // namespace kidney::fs
