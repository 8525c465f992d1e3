/// Master boot records: four entries in the first block, one of which may be a chain of more.
#pragma once

#include "fs/partitions/partition_table.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace kidney::fs::mbr {

/// One of the four entries of a boot record; the fields that anybody still reads.
struct Entry {
    std::uint8_t status;  ///< 0x80: boot from it
    std::uint8_t type;    ///< 0: not used
    std::uint32_t first, count;

    [[nodiscard]] bool is_used() const noexcept { return type != 0 && count != 0; }
    [[nodiscard]] bool is_extended() const noexcept {
        return type == 0x05 || type == 0x0F || type == 0x85;
    }
};
inline constexpr std::uint8_t protects_gpt = 0xEE;
/// Logical partitions that a chain may have: more than there are numbers for.
inline constexpr std::uint32_t longest_chain = 128;

/// Is there a table at all? File systems have code or names where its entries would be.
[[nodiscard]] inline bool is_table(std::span<const std::byte> block) noexcept {
    if (number_at<std::uint16_t>(block, 510) != 0xAA55) {
        return false;
    }
    for (std::size_t n = 0; n < 4; ++n) {
        if ((number_at<std::uint8_t>(block, 446 + 16 * n) & 0x7FU) != 0) {
            return false;
        }
    }
    return true;
}
[[nodiscard]] inline std::array<Entry, 4> entries_of(std::span<const std::byte> block) noexcept {
    std::array<Entry, 4> entries{};
    for (std::size_t n = 0; n < 4; ++n) {
        const auto bytes = block.subspan(446 + 16 * n, 16);
        entries[n] = {number_at<std::uint8_t>(bytes, 0), number_at<std::uint8_t>(bytes, 4),
                      number_at<std::uint32_t>(bytes, 8), number_at<std::uint32_t>(bytes, 12)};
    }
    return entries;
}

/// The logical partitions in `extended`. Each record has one, and says where the next record is,
/// counted from the beginning of them all. A chain that runs in a circle ends after so many
/// records that it shows as partitions that overlap. Error: io_error.
template <BlockDevice Device>
[[nodiscard]] Status read_chain(Device& device, std::span<std::byte> block,
                                const BlockRun& extended, std::uint32_t number,
                                PartitionTable& table) noexcept {
    std::uint64_t next = 0;
    for (std::uint32_t records = 0; records < longest_chain; ++records) {
        const std::uint64_t here = extended.first.value() + next;
        TRY(device.read(BlockIndex(here), block));
        if (!is_table(block)) {
            table.doubt(PartitionDoubt::Kind::broken_chain, number, here);
            return {};
        }
        const std::array<Entry, 4> entries = entries_of(block);
        if (entries[0].is_used() && !entries[0].is_extended()) {
            table.add(number++, {BlockIndex(here + entries[0].first), entries[0].count}, extended);
        }
        if (!entries[1].is_used() || !entries[1].is_extended()) {
            return {};
        }
        next = entries[1].first;
        if (next == 0 || next >= extended.blocks) {
            table.doubt(PartitionDoubt::Kind::broken_chain, number, extended.first.value() + next);
            return {};
        }
    }
    table.doubt(PartitionDoubt::Kind::broken_chain, number, extended.first.value() + next);
    return {};
}

/// `block` has the first block of the disk; it is used up. Error: io_error.
template <BlockDevice Device>
[[nodiscard]] Status read_table(Device& device, std::span<std::byte> block,
                                PartitionTable& table) noexcept {
    const BlockRun disk{BlockIndex(0), device.block_count()};
    const std::array<Entry, 4> entries = entries_of(block);
    for (std::uint32_t n = 0; n < 4; ++n) {
        if (entries[n].is_used() && !entries[n].is_extended()) {
            table.add(n + 1, {BlockIndex(entries[n].first), entries[n].count}, disk);
        }
    }
    for (std::uint32_t n = 0; n < 4; ++n) {
        if (!entries[n].is_used() || !entries[n].is_extended()) {
            continue;
        }
        const BlockRun extended{BlockIndex(entries[n].first), entries[n].count};
        if (entries[n].first == 0 || entries[n].first >= disk.blocks ||
            entries[n].count > disk.blocks - entries[n].first) {
            table.doubt(PartitionDoubt::Kind::outside, n + 1, entries[n].first);
            continue;
        }
        return read_chain(device, block, extended, 5, table);  // there is one at most
    }
    return {};
}

}  // namespace kidney::fs::mbr
