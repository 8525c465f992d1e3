/// Makes GUID partition tables: both copies, and the MBR that protects them.
#pragma once

#include "fs/partitions/gpt.hpp"
#include "fs/partitions/make_mbr.hpp"
#include "fs/partitions/new_partition.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::fs::gpt {

inline constexpr std::uint32_t new_entries = 128;
using Guid = std::array<std::uint8_t, 16>;  ///< as on the disk: the first three numbers are little
/// 0FC63DAF-8483-4772-8E79-3D69D8477DE4 and EBD0A0A2-B9E5-4433-87C0-68B6B72699C7.
inline constexpr Guid linux_data{0xAF, 0x3D, 0xC6, 0x0F, 0x83, 0x84, 0x72, 0x47,
                                 0x8E, 0x79, 0x3D, 0x69, 0xD8, 0x47, 0x7D, 0xE4};
inline constexpr Guid basic_data{0xA2, 0xA0, 0xD0, 0xEB, 0xE5, 0xB9, 0x33, 0x44,
                                 0x87, 0xC0, 0x68, 0xB6, 0xB7, 0x26, 0x99, 0xC7};

/// Where everything of a new table is.
struct Layout {
    std::uint64_t blocks, list_blocks;
    [[nodiscard]] static constexpr Layout of(std::uint64_t blocks,
                                             std::uint32_t block_size) noexcept {
        return {blocks, new_entries * least_entry / block_size};
    }
    /// There is room for both copies and at least one block.
    [[nodiscard]] constexpr bool is_possible() const noexcept {
        return blocks > 2 * list_blocks + 3;
    }
    [[nodiscard]] constexpr std::uint64_t last() const noexcept { return blocks - 1; }
    [[nodiscard]] constexpr std::uint64_t second_list() const noexcept {
        return last() - list_blocks;
    }
    [[nodiscard]] constexpr BlockRun usable() const noexcept {
        return {BlockIndex(2 + list_blocks), blocks - 2 * list_blocks - 3};
    }
};

/// Block `n` of the list of entries.
inline void fill_list_block(std::span<std::byte> block, std::uint64_t n,
                            std::span<const NewPartition> partitions,
                            const DiskIdentity& identity) noexcept {
    std::ranges::fill(block, std::byte{});
    const std::size_t per_block = block.size() / least_entry;
    for (std::size_t slot = 0; slot < per_block; ++slot) {
        const auto number = static_cast<std::size_t>(n) * per_block + slot;
        if (number >= partitions.size()) {
            return;
        }
        const NewPartition& p = partitions[number];
        const std::size_t at = slot * least_entry;
        put_number(block, at, p.kind == PartitionKind::fat ? basic_data : linux_data);
        DiskIdentity own = identity;  // that of the disk is number 0
        own[15] = static_cast<std::uint8_t>(own[15] ^ (number + 1));
        put_number(block, at + 16, own);
        put_number(block, at + 32, p.run.first.value());
        put_number(block, at + 40, p.run.first.value() + p.run.blocks - 1);
        const std::string_view name = p.kind == PartitionKind::fat ? "fat" : "linux";
        for (std::size_t letter = 0; letter < name.size(); ++letter) {
            block[at + 56 + 2 * letter] = static_cast<std::byte>(name[letter]);  // UTF-16
        }
    }
}

inline void fill_header(std::span<std::byte> block, const Layout& layout, bool is_first,
                        std::uint32_t list_crc, const DiskIdentity& identity) noexcept {
    std::ranges::fill(block, std::byte{});
    put_number(block, 0, signature);
    put_number(block, 8, std::uint32_t{0x0001'0000});  // revision
    put_number(block, 12, least_header);
    put_number(block, 24, is_first ? std::uint64_t{1} : layout.last());
    put_number(block, 32, is_first ? layout.last() : std::uint64_t{1});
    put_number(block, 40, layout.usable().first.value());
    put_number(block, 48, layout.usable().first.value() + layout.usable().blocks - 1);
    put_number(block, 56, identity);
    put_number(block, 72, is_first ? std::uint64_t{2} : layout.second_list());
    put_number(block, 80, new_entries);
    put_number(block, 84, least_entry);
    put_number(block, 88, list_crc);
    Crc32 crc;  // with zeros where it will be
    crc.add(block.first(least_header));
    put_number(block, 16, crc.value());
}

/// The second copy first: whoever finds the first one finds both. Errors: invalid_argument (there
/// is no room for the table, or for so many), io_error.
template <BlockDevice Device>
[[nodiscard]] Status make_table(Device& device, std::span<std::byte> block,
                                std::span<const NewPartition> partitions,
                                const DiskIdentity& identity) noexcept {
    const Layout layout = Layout::of(device.block_count(), device.block_size());
    if (!layout.is_possible() || partitions.size() > new_entries) {
        return fail(Errc::invalid_argument);
    }
    Crc32 crc;
    for (const bool is_first : {false, true}) {
        for (std::uint64_t n = 0; n < layout.list_blocks; ++n) {
            fill_list_block(block, n, partitions, identity);
            if (!is_first) {
                crc.add(block);
            }
            TRY(device.write(BlockIndex((is_first ? 2 : layout.second_list()) + n), block));
        }
        fill_header(block, layout, is_first, crc.value(), identity);
        TRY(device.write(BlockIndex(is_first ? 1 : layout.last()), block));
    }
    mbr::protect(block, layout.blocks, identity);
    TRY(device.write(BlockIndex(0), block));
    return device.flush();
}

}  // namespace kidney::fs::gpt
