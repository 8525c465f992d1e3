/// Which blocks and inodes are in use: the bitmaps of the groups.
#pragma once

#include "fs/disk/file_run.hpp"
#include "fs/ext2/pending_frees.hpp"
#include "fs/ext2/volume.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace kidney::fs::ext2 {

/// The first bit in [from, end) that is clear. `bits` has at least `end` bits.
[[nodiscard]] constexpr std::optional<std::uint32_t> find_clear_bit(std::span<const std::byte> bits,
                                                                    std::uint32_t from,
                                                                    std::uint32_t end) noexcept {
    for (std::uint32_t at = from; at < end;) {
        const std::byte byte = bits[at / 8];
        if (byte == std::byte{0xFF}) {
            at = (at / 8 + 1) * 8;
        } else if ((byte >> (at % 8) & std::byte{1}) == std::byte{0}) {
            return at;
        } else {
            ++at;
        }
    }
    return std::nullopt;
}

/// Concurrency: the file system's lock. Errors of all: io_error, no_memory, corrupted, and as said.
template <class Cache>
class Allocator {
public:
    Allocator(Volume<Cache>& volume, PendingFrees& pending) noexcept
        : volume_(volume), pending_(pending) {}

    /// Blocks in a row, `most` at most, at `goal`, or behind it, or anywhere. Error: no_space.
    [[nodiscard]] Result<FileRun> take_run(std::uint32_t goal, std::uint32_t most) noexcept {
        const Geometry& g = volume_.geometry();
        if (volume_.free_blocks() == 0) {
            return fail(Errc::no_space);
        }
        most = std::min(most, volume_.free_blocks());
        if (goal < g.first_block || goal >= g.block_count) {
            goal = g.first_block;
        }
        const std::uint32_t first = g.group_of(BlockNumber{goal});
        // The group of the goal comes twice: what lies before the goal comes last.
        for (std::uint32_t n = 0; n <= g.groups; ++n) {
            const std::uint32_t group = (first + n) % g.groups;
            const std::uint32_t from = n == 0 ? goal - g.first_of_group(group) : 0;
            if (const FileRun run = TRY(take_run_in(group, from, most)); run.count > 0) {
                return run;
            }
        }
        return fail(Errc::no_space);
    }
    /// It can be taken again at once. Error: corrupted (it was not taken, or is no file's).
    [[nodiscard]] Status give_block(BlockNumber block) noexcept {
        const Geometry& g = volume_.geometry();
        const std::uint32_t number = g.group_of(block);
        auto place = TRY(volume_.group(number));
        RawGroup group = place.get();
        if (g.is_system_block(block, group)) {
            return fail(Errc::corrupted);
        }
        TRY(set_bits(group.block_bitmap, block.value - g.first_of_group(number), 1, false));
        group.free_blocks = static_cast<std::uint16_t>(group.free_blocks + 1);
        place.put(group);
        volume_.add_free_blocks(1);
        return {};
    }

    // Of what was just taken. If there is no memory for it now, the next sync does it; what it
    // cannot remember for that is lost space, which fsck finds.
    void take_back(BlockNumber block) noexcept {
        volume_.forget_block(block);
        if (const Status given = give_block(block); !given && given.error() == Errc::no_memory) {
            static_cast<void>(pending_.add(block));
        }
    }
    void take_back(std::uint32_t inode, bool is_directory) noexcept {
        const Status given = give_inode(inode, is_directory);
        if (!given && given.error() == Errc::no_memory) {
            static_cast<void>(pending_.add_inode(inode, is_directory));
        }
    }

    /// A file comes into the group of its directory, a directory where there is room. Error:
    /// no_space.
    [[nodiscard]] Result<std::uint32_t> take_inode(std::uint32_t near, bool is_directory) noexcept {
        const Geometry& g = volume_.geometry();
        if (volume_.free_inodes() == 0) {
            return fail(Errc::no_space);
        }
        const std::uint32_t first = is_directory ? TRY(roomiest_group(near)) : near;
        for (std::uint32_t n = 0; n < g.groups; ++n) {
            if (const auto inode = TRY(take_inode_in((first + n) % g.groups, is_directory))) {
                return *inode;
            }
        }
        return fail(Errc::no_space);
    }
    [[nodiscard]] Status give_inode(std::uint32_t inode, bool is_directory) noexcept {
        const Geometry& g = volume_.geometry();
        if (inode < g.first_inode) {
            return fail(Errc::corrupted);
        }
        const std::uint32_t number = g.group_of_inode(inode);
        auto place = TRY(volume_.group(number));
        RawGroup group = place.get();
        TRY(set_bits(group.inode_bitmap, (inode - 1) % g.inodes_per_group, 1, false));
        group.free_inodes = static_cast<std::uint16_t>(group.free_inodes + 1);
        if (is_directory && group.directories > 0) {
            group.directories = static_cast<std::uint16_t>(group.directories - 1);
        }
        place.put(group);
        volume_.add_free_inodes(1);
        return {};
    }

private:
    /// No blocks: the group has none.
    [[nodiscard]] Result<FileRun> take_run_in(std::uint32_t number, std::uint32_t from,
                                              std::uint32_t most) noexcept {
        const Geometry& g = volume_.geometry();
        auto place = TRY(volume_.group(number));
        RawGroup group = place.get();
        if (group.free_blocks == 0) {
            return FileRun();
        }
        const std::uint32_t end = g.blocks_in_group(number);
        FileRun run;
        {
            const auto bitmap = TRY(read_bitmap(group.block_bitmap));
            const auto bit = find_clear_bit(bitmap.bytes(), from, end);
            if (!bit) {
                return FileRun();
            }
            from = *bit;
            run.first = g.first_of_group(number) + from;
            most = std::min({most, std::uint32_t{group.free_blocks}, end - from});
            while (run.count < most && is_clear(bitmap.bytes(), from + run.count) &&
                   !g.is_system_block(BlockNumber{run.first + run.count}, group)) {
                ++run.count;
            }
        }
        if (run.count == 0) {
            return fail(Errc::corrupted);  // the bitmap would have us overwrite metadata
        }
        TRY(set_bits(group.block_bitmap, from, run.count, true));
        group.free_blocks = static_cast<std::uint16_t>(group.free_blocks - run.count);
        place.put(group);
        volume_.add_free_blocks(-static_cast<std::int32_t>(run.count));
        return run;
    }
    [[nodiscard]] Result<std::optional<std::uint32_t>> take_inode_in(std::uint32_t number,
                                                                     bool is_directory) noexcept {
        const Geometry& g = volume_.geometry();
        auto place = TRY(volume_.group(number));
        RawGroup group = place.get();
        if (group.free_inodes == 0) {
            return std::optional<std::uint32_t>();
        }
        const auto bitmap = TRY(read_bitmap(group.inode_bitmap));
        const std::uint32_t before = number * g.inodes_per_group;
        const std::uint32_t from = before + 1 < g.first_inode ? g.first_inode - 1 - before : 0;
        const auto bit = find_clear_bit(bitmap.bytes(), from, g.inodes_in_group(number));
        if (!bit) {
            return std::optional<std::uint32_t>();
        }
        TRY(set_bits(group.inode_bitmap, *bit, 1, true));
        group.free_inodes = static_cast<std::uint16_t>(group.free_inodes - 1);
        if (is_directory) {
            group.directories = static_cast<std::uint16_t>(group.directories + 1);
        }
        place.put(group);
        volume_.add_free_inodes(-1);
        return std::optional(before + *bit + 1);
    }
    /// Of those that have their share of free inodes, the one with the most free blocks.
    [[nodiscard]] Result<std::uint32_t> roomiest_group(std::uint32_t near) noexcept {
        const Geometry& g = volume_.geometry();
        const std::uint32_t share = volume_.free_inodes() / g.groups;
        std::uint32_t best = near;
        std::uint32_t most = 0;
        for (std::uint32_t n = 0; n < g.groups; ++n) {
            const std::uint32_t number = (near + n) % g.groups;
            const RawGroup group = TRY(volume_.group(number)).get();
            if (group.free_inodes > 0 && group.free_inodes >= share && group.free_blocks > most) {
                most = group.free_blocks;
                best = number;
            }
        }
        return best;
    }

    [[nodiscard]] Result<typename Volume<Cache>::Block> read_bitmap(std::uint32_t raw) noexcept {
        return volume_.read_block(TRY(volume_.geometry().block(raw)));
    }
    [[nodiscard]] static bool is_clear(std::span<const std::byte> bits,
                                       std::uint32_t bit) noexcept {
        return (bits[bit / 8] >> (bit % 8) & std::byte{1}) == std::byte{0};
    }
    /// Error: corrupted (one of them is so already), and nothing has changed.
    [[nodiscard]] Status set_bits(std::uint32_t bitmap, std::uint32_t first, std::uint32_t count,
                                  bool on) noexcept {
        auto block = TRY(read_bitmap(bitmap));
        const std::uint32_t end = first + count;
        for (std::uint32_t bit = first; bit < end; ++bit) {
            if (is_clear(block.bytes(), bit) != on) {
                return fail(Errc::corrupted);
            }
        }
        const std::size_t begin = first / 8;
        const auto bytes = block.change(bitmap_phase, begin, (end + 7) / 8 - begin);
        for (std::uint32_t bit = first; bit < end; ++bit) {
            bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
        }
        return {};
    }

    Volume<Cache>& volume_;
    PendingFrees& pending_;
};

}  // namespace kidney::fs::ext2
