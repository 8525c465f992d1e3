/// Makes the partition table of a disk. What is in the partitions is others' business.
#pragma once

#include "fs/partitions/make_gpt.hpp"
#include "fs/partitions/make_mbr.hpp"
#include "fs/partitions/partition_table.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs {

/// Blocks that partitions may lie in; none: the disk is too small for such a table.
[[nodiscard]] constexpr BlockRun usable_blocks(PartitionScheme scheme, std::uint64_t blocks,
                                               std::uint32_t block_size) noexcept {
    if (scheme == PartitionScheme::gpt) {
        const gpt::Layout layout = gpt::Layout::of(blocks, block_size);
        return layout.is_possible() ? layout.usable() : BlockRun{};
    }
    const std::uint64_t begin = scheme == PartitionScheme::none ? 0 : 1;
    return {BlockIndex(begin), std::max(std::min(blocks, mbr::most_blocks), begin) - begin};
}

/// Of a whole disk; `block` is memory for one block of it. They are numbered from 1 on as they
/// come, and change nothing if they are refused. Errors: invalid_argument (one lies outside of the
/// usable blocks or over another, there are too many), io_error.
template <BlockDevice Device>
[[nodiscard]] Status make_partition_table(Device& device, std::span<std::byte> block,
                                          PartitionScheme scheme,
                                          std::span<const NewPartition> partitions,
                                          const DiskIdentity& identity) noexcept {
    const BlockRun usable = usable_blocks(scheme, device.block_count(), device.block_size());
    PartitionTable table;  // which knows what may be
    for (const NewPartition& p : partitions) {
        table.add(1, p.run, usable);
    }
    if (scheme == PartitionScheme::none || !table.doubts.view().empty()) {
        return fail(Errc::invalid_argument);
    }
    const auto one = block.first(device.block_size());
    return scheme == PartitionScheme::gpt ? gpt::make_table(device, one, partitions, identity)
                                          : mbr::make_table(device, one, partitions, identity);
}

}  // namespace kidney::fs
