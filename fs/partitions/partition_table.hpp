/// The parts of a disk, as a partition table gives them: MBR with extended partitions, GPT.
///
///     PartitionTable table;
///     TRY(read_partition_table(device, block_of_memory, table));
///     for (const Partition& p : table.partitions.view()) ...
///     for (const PartitionDoubt& d : table.doubts.view()) ...   // what was ignored, and why
///
/// A table is never trusted: what lies outside of the disk or over another partition is left out
/// and told of, chains have an end, and a GPT must have its checksums right.
#pragma once

#include "fs/block/partition_slice.hpp"
#include "kidney/core/bounded.hpp"
#include "kidney/fs/block_device.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::fs {

enum class PartitionScheme : std::uint8_t { none, mbr, gpt };

struct Partition {
    std::uint32_t number = 0;  ///< from 1 on: of vda1
    BlockRun run;
};

/// Something in a table that is not as it should be.
struct PartitionDoubt {
    enum class Kind : std::uint8_t {
        outside,       ///< of the disk, or of the extended partition
        overlaps,      ///< a partition of a smaller number; left out
        broken_chain,  ///< the extended partition goes on where nothing is
        too_many,      ///< the rest is left out
        first_header,  ///< the GPT at the beginning is bad; the one at the end is used
        second_header  ///< the GPT at the end is bad
    };
    Kind kind = Kind::outside;
    std::uint32_t number = 0;  ///< of a partition
    std::uint64_t first = 0;   ///< block
};
[[nodiscard]] constexpr const char* to_string(PartitionDoubt::Kind kind) noexcept {
    switch (kind) {
        case PartitionDoubt::Kind::outside:
            return "lies outside";
        case PartitionDoubt::Kind::overlaps:
            return "overlaps another one";
        case PartitionDoubt::Kind::broken_chain:
            return "is the end of a broken chain";
        case PartitionDoubt::Kind::too_many:
            return "is one too many";
        case PartitionDoubt::Kind::first_header:
            return "is in a GPT whose first copy is damaged";
        case PartitionDoubt::Kind::second_header:
            return "is in a GPT whose second copy is damaged";
    }
    return "";
}

/// At most as many partitions as Linux gives minor numbers to.
struct PartitionTable {
    static constexpr std::size_t capacity = 63;
    PartitionScheme scheme = PartitionScheme::none;
    BoundedList<Partition, capacity> partitions;  ///< by number
    BoundedList<PartitionDoubt, 16> doubts;       ///< the first ones

    void doubt(PartitionDoubt::Kind kind, std::uint32_t number, std::uint64_t first) noexcept {
        static_cast<void>(doubts.push({kind, number, first}));
    }
    /// Takes it if it lies in `outer` and keeps off the others. The number grows.
    void add(std::uint32_t number, const BlockRun& run, const BlockRun& outer) noexcept {
        using Kind = PartitionDoubt::Kind;
        const std::uint64_t first = run.first.value();
        const std::uint64_t begin = outer.first.value();
        if (run.blocks == 0 || first < begin || first - begin >= outer.blocks ||
            run.blocks > outer.blocks - (first - begin)) {
            doubt(Kind::outside, number, first);
            return;
        }
        for (const Partition& other : partitions.view()) {
            if (overlap(run, other.run)) {
                doubt(Kind::overlaps, number, first);
                return;
            }
        }
        if (!partitions.push({number, run})) {
            doubt(Kind::too_many, number, first);
        }
    }
};

/// A little-endian number in a block.
template <class T>
[[nodiscard]] T number_at(std::span<const std::byte> block, std::size_t at) noexcept {
    T value{};
    std::memcpy(&value, block.data() + at, sizeof(value));
    return value;
}
template <class T>
void put_number(std::span<std::byte> block, std::size_t at, T value) noexcept {
    std::memcpy(block.data() + at, &value, sizeof(value));
}

}  // namespace kidney::fs
