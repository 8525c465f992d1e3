/// Makes master boot records: four entries in the first block, or one that protects a GPT.
#pragma once

#include "fs/partitions/mbr.hpp"
#include "fs/partitions/new_partition.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace kidney::fs::mbr {

inline constexpr std::size_t most_primary = 4;
/// Blocks that its 32-bit numbers reach.
inline constexpr std::uint64_t most_blocks = std::uint64_t{1} << 32;

/// Cylinder, head and sector of a block, as old boot loaders ask for it: 255 heads, 63 sectors.
/// What is too far away gets the last one there is.
inline void put_place(std::span<std::byte> block, std::size_t at, std::uint64_t number) noexcept {
    constexpr std::uint64_t sectors = 63, heads = 255, most_cylinders = 1023;
    const std::uint64_t cylinder = number / (heads * sectors);
    const bool is_far = cylinder > most_cylinders;
    const auto c = static_cast<std::uint32_t>(is_far ? most_cylinders : cylinder);
    const auto h = static_cast<std::uint32_t>(is_far ? heads - 1 : number / sectors % heads);
    const auto s = static_cast<std::uint32_t>(is_far ? sectors : number % sectors + 1);
    block[at] = static_cast<std::byte>(h);
    block[at + 1] = static_cast<std::byte>(s | (c >> 8U) << 6U);
    block[at + 2] = static_cast<std::byte>(c & 0xFFU);
}

/// Entry `n` (from 0 on) of the record in `block`; `run` fits into 32 bits.
inline void put_entry(std::span<std::byte> block, std::size_t n, std::uint8_t type,
                      const BlockRun& run) noexcept {
    const std::size_t at = 446 + 16 * n;
    block[at] = std::byte{0};  // the BIOS boots nothing of it
    put_place(block, at + 1, run.first.value());
    block[at + 4] = std::byte{type};
    put_place(block, at + 5, run.first.value() + run.blocks - 1);
    put_number(block, at + 8, static_cast<std::uint32_t>(run.first.value()));
    put_number(block, at + 12, static_cast<std::uint32_t>(run.blocks));
}

/// An empty record with a signature of its own.
inline void begin_record(std::span<std::byte> block, const DiskIdentity& identity) noexcept {
    std::ranges::fill(block, std::byte{});
    std::uint32_t signature = 0;
    for (std::size_t n = 0; n < 4; ++n) {
        signature = signature << 8U | identity[12 + n];
    }
    put_number(block, 440, signature == 0 ? 1U : signature);
    put_number(block, 510, std::uint16_t{0xAA55});
}

[[nodiscard]] constexpr std::uint8_t type_of(PartitionKind kind) noexcept {
    return kind == PartitionKind::fat ? 0x0C : 0x83;
}

/// The whole disk is one entry, so that those who know no GPT leave it alone.
inline void protect(std::span<std::byte> block, std::uint64_t disk_blocks,
                    const DiskIdentity& identity) noexcept {
    begin_record(block, identity);
    put_number(block, 440, std::uint32_t{0});  // UEFI wants no signature there
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
    put_entry(block, 0, protects_gpt, {BlockIndex(1), std::min(disk_blocks - 1, most)});
}

/// Errors: invalid_argument (more than four), io_error.
template <BlockDevice Device>
[[nodiscard]] Status make_table(Device& device, std::span<std::byte> block,
                                std::span<const NewPartition> partitions,
                                const DiskIdentity& identity) noexcept {
    if (partitions.size() > most_primary) {
        return fail(Errc::invalid_argument);
    }
    begin_record(block, identity);
    for (std::size_t n = 0; n < partitions.size(); ++n) {
        put_entry(block, n, type_of(partitions[n].kind), partitions[n].run);
    }
    TRY(device.write(BlockIndex(0), block));
    return device.flush();
}

}  // namespace kidney::fs::mbr
