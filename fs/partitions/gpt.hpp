/// GUID partition tables: a header and a list of entries at the beginning of the disk and again at
/// its end, with checksums. UEFI specification 2.10, section 5.3.
#pragma once

#include "fs/partitions/crc32.hpp"
#include "fs/partitions/partition_table.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace kidney::fs::gpt {

inline constexpr std::uint64_t signature = 0x5452'4150'2049'4645;  // "EFI PART"
inline constexpr std::uint32_t least_header = 92;
inline constexpr std::uint32_t least_entry = 128;
/// Entries that a list may have. 128 is what everybody writes; only so many of them are numbered.
inline constexpr std::uint32_t most_entries = 1024;

/// What a header says, as far as it is needed.
struct Header {
    std::uint64_t first_usable, last_usable;
    std::uint64_t entries_at;
    std::uint32_t entries, entry_size, entries_crc;

    [[nodiscard]] std::uint64_t list_bytes() const noexcept {
        return std::uint64_t{entries} * entry_size;
    }
};

/// Calls f(bytes of the list, offset in it) block by block. Error: io_error.
template <BlockDevice Device, class F>
[[nodiscard]] Status for_each_block(Device& device, std::span<std::byte> block,
                                    const Header& header, F&& f) noexcept {
    std::uint64_t at = 0;
    for (std::uint64_t n = 0; at < header.list_bytes(); ++n) {
        TRY(device.read(BlockIndex(header.entries_at + n), block));
        const auto part = static_cast<std::size_t>(
            std::min<std::uint64_t>(block.size(), header.list_bytes() - at));
        f(std::span<const std::byte>(block.first(part)), at);
        at += part;
    }
    return {};
}

/// The header in block `here`, if it and its list are good. Error: io_error.
template <BlockDevice Device>
[[nodiscard]] Result<std::optional<Header>> read_header(Device& device, std::span<std::byte> block,
                                                        std::uint64_t here) noexcept {
    constexpr std::optional<Header> bad;
    TRY(device.read(BlockIndex(here), block));
    const auto size = number_at<std::uint32_t>(block, 12);
    if (number_at<std::uint64_t>(block, 0) != signature ||
        number_at<std::uint32_t>(block, 8) >> 16 != 1 || size < least_header ||
        size > block.size()) {
        return bad;
    }
    Crc32 crc;
    crc.add(block.first(16));
    crc.add(std::array<std::byte, 4>{});  // where the checksum itself is
    crc.add(block.subspan(20, size - 20));
    if (crc.value() != number_at<std::uint32_t>(block, 16) ||
        number_at<std::uint64_t>(block, 24) != here) {
        return bad;
    }
    const Header header{number_at<std::uint64_t>(block, 40), number_at<std::uint64_t>(block, 48),
                        number_at<std::uint64_t>(block, 72), number_at<std::uint32_t>(block, 80),
                        number_at<std::uint32_t>(block, 84), number_at<std::uint32_t>(block, 88)};
    const std::uint64_t count = device.block_count();
    // An entry does not cross from block to block, so it is a power of two.
    if (header.first_usable > header.last_usable || header.last_usable >= count ||
        header.entry_size < least_entry || header.entry_size > block.size() ||
        (header.entry_size & (header.entry_size - 1)) != 0 || header.entries > most_entries) {
        return bad;
    }
    const std::uint64_t list_blocks = (header.list_bytes() + block.size() - 1) / block.size();
    if (header.entries_at >= count || list_blocks > count - header.entries_at) {
        return bad;
    }
    Crc32 list;
    TRY(for_each_block(
        device, block, header,
        [&list](std::span<const std::byte> bytes, std::uint64_t) noexcept { list.add(bytes); }));
    return list.value() == header.entries_crc ? std::optional(header) : bad;
}

/// Errors: io_error, corrupted (neither of the two copies is good).
template <BlockDevice Device>
[[nodiscard]] Status read_table(Device& device, std::span<std::byte> block,
                                PartitionTable& table) noexcept {
    const std::uint64_t last = device.block_count() - 1;
    const std::optional<Header> first = TRY(read_header(device, block, 1));
    const std::optional<Header> second =
        last > 1 ? TRY(read_header(device, block, last)) : std::nullopt;
    if (!first && !second) {
        return fail(Errc::corrupted);
    }
    if (!first) {
        table.doubt(PartitionDoubt::Kind::first_header, 0, 1);
    } else if (!second) {
        table.doubt(PartitionDoubt::Kind::second_header, 0, last);
    }
    const Header& header = first ? *first : *second;
    const BlockRun usable{BlockIndex(header.first_usable),
                          header.last_usable - header.first_usable + 1};
    return for_each_block(
        device, block, header, [&](std::span<const std::byte> bytes, std::uint64_t offset) {
            for (std::size_t at = 0; at < bytes.size(); at += header.entry_size) {
                const auto entry = bytes.subspan(at, least_entry);
                const auto number = static_cast<std::uint32_t>((offset + at) / header.entry_size);
                if (number_at<std::uint64_t>(entry, 0) == 0 &&
                    number_at<std::uint64_t>(entry, 8) == 0) {
                    continue;  // not used
                }
                const auto from = number_at<std::uint64_t>(entry, 32);
                const auto to = number_at<std::uint64_t>(entry, 40);
                // Beyond the disk whatever `from` is, if the end comes before the beginning.
                const std::uint64_t blocks =
                    to >= from && to - from < usable.blocks ? to - from + 1 : usable.blocks + 1;
                table.add(number + 1, {BlockIndex(from), blocks}, usable);
            }
        });
}

}  // namespace kidney::fs::gpt
