/// Whatever partition table a disk has.
#pragma once

#include "fs/partitions/gpt.hpp"
#include "fs/partitions/mbr.hpp"
#include "fs/partitions/partition_table.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

namespace kidney::fs {

/// `block` is memory for one block of the device. A disk without a table is one without partitions.
/// Errors: io_error, corrupted (a GPT of which neither copy is good).
template <BlockDevice Device>
[[nodiscard]] Status read_partition_table(Device& device, std::span<std::byte> block,
                                          PartitionTable& table) noexcept {
    table = {};
    const auto one = block.first(device.block_size());
    if (device.block_count() < 2) {
        return {};
    }
    TRY(device.read(BlockIndex(0), one));
    if (!mbr::is_table(one)) {
        return {};
    }
    const auto entries = mbr::entries_of(one);
    const bool is_gpt = std::ranges::any_of(
        entries, [](const mbr::Entry& e) noexcept { return e.type == mbr::protects_gpt; });
    table.scheme = is_gpt ? PartitionScheme::gpt : PartitionScheme::mbr;
    return is_gpt ? gpt::read_table(device, one, table) : mbr::read_table(device, one, table);
}

}  // namespace kidney::fs
