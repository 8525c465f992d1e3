/// Says whether a vsfs is sound: what fsck does, and the crash machine after every crash.
///
/// It reads the disk by itself, with none of the code that wrote it, and changes nothing. Mount
/// first: before that, a crash may have left the truth in the log.
#pragma once

#include "fs/vsfs/format.hpp"
#include "kidney/fs/block_device.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::fs::vsfs {

/// What is wrong where.
struct Finding {
    const char* what = "";
    std::uint32_t inode = 0;
    std::uint32_t block = 0;
    bool is_leak = false;  ///< space that nobody can use; nothing is lost
};

/// Large (some 200 KiB), and used again for one image after the other. Concurrency: none.
template <BlockDevice Device>
class Checker {
public:
    /// Calls `found` with each Finding; none: sound. Errors: io_error, corrupted (the superblock).
    template <class Found>
    [[nodiscard]] Status check(Device& device, Found&& found) noexcept {
        device_ = &device;
        TRY(read(0, block_));
        Complaint complaint;
        const auto geometry =
            Geometry::create(load<Superblock>(block_, 0),
                             device.block_count() / (block_size / device.block_size()), complaint);
        if (!geometry) {
            found(Finding{.what = complaint.field});
            return fail(geometry.error());
        }
        geometry_ = *geometry;
        std::memset(claimed_.data(), 0, geometry_.data_blocks());
        std::memset(names_.data(), 0, geometry_.inode_count * sizeof(names_[0]));
        std::memset(subdirectories_.data(), 0, geometry_.inode_count * sizeof(names_[0]));
        std::memset(reached_.data(), 0, geometry_.inode_count);
        TRY(check_inodes(found));
        TRY(check_tree(found));
        TRY(check_counts(found));
        return check_bitmaps(found);
    }

private:
    [[nodiscard]] Status read(std::uint32_t block, Block& to) noexcept {
        return device_->read(
            BlockIndex(std::uint64_t{block} * (block_size / device_->block_size())), to);
    }
    [[nodiscard]] static bool is_type(const Inode& inode, std::uint16_t type) noexcept {
        return (inode.mode & mode_type) == type;
    }
    /// The inode, through a block of the table that is kept.
    [[nodiscard]] Result<Inode> inode(std::uint32_t number) noexcept {
        const std::uint32_t block = geometry_.inode_table() + number / inodes_per_block;
        if (table_block_ != block) {
            table_block_ = 0;
            TRY(read(block, table_));
            table_block_ = block;
        }
        return load<Inode>(table_, number % inodes_per_block * sizeof(Inode));
    }

    /// Every inode by itself, and who claims which block.
    template <class Found>
    [[nodiscard]] Status check_inodes(Found&& found) noexcept {
        table_block_ = 0;
        for (std::uint32_t n = 1; n < geometry_.inode_count; ++n) {
            const Inode i = TRY(inode(n));
            if (i.mode == 0) {
                continue;
            }
            if (!is_type(i, mode_regular) && !is_type(i, mode_directory) &&
                !is_type(i, mode_symlink)) {
                found(Finding{"the mode of an inode has no type", n});
            }
            if (i.size > max_file_size) {
                found(Finding{"an inode is larger than its pointers reach", n});
            }
            const std::uint64_t reach = (i.size + block_size - 1) / block_size;
            for (std::uint32_t at = 0; at < direct_blocks; ++at) {
                claim(n, i.direct[at], at < reach, found);
            }
            if (i.indirect != 0 && claim(n, i.indirect, reach > direct_blocks, found)) {
                TRY(read(i.indirect, block_));
                for (std::uint32_t at = 0; at < pointers_per_block; ++at) {
                    claim(n, load<std::uint32_t>(block_, std::size_t{at} * 4),
                          direct_blocks + at < reach, found);
                }
            }
        }
        return {};
    }
    /// Whether the block can be read.
    template <class Found>
    bool claim(std::uint32_t inode, std::uint32_t block, bool is_inside, Found&& found) noexcept {
        if (block == 0) {
            return false;
        }
        if (!geometry_.is_data(block)) {
            found(Finding{"a pointer leads outside the data", inode, block});
            return false;
        }
        if (!is_inside) {
            found(Finding{"a pointer lies behind the end of its file", inode, block});
        }
        std::uint8_t& times = claimed_[block - geometry_.data_start()];
        if (times != 0) {
            found(Finding{"a block belongs to two files", inode, block});
        }
        times = 1;
        return true;
    }

    /// Every directory from the root on, each once.
    template <class Found>
    [[nodiscard]] Status check_tree(Found&& found) noexcept {
        std::uint32_t waiting = 0;
        if (!is_type(TRY(inode(root_inode)), mode_directory) ||
            TRY(inode(root_inode)).parent != root_inode) {
            found(Finding{"the root is no directory in itself", root_inode});
            return {};
        }
        reached_[root_inode] = 1;
        queue_[waiting++] = root_inode;
        while (waiting > 0) {
            const std::uint32_t number = queue_[--waiting];
            const Inode directory = TRY(inode(number));
            if (directory.size % block_size != 0) {
                found(Finding{"a directory ends inside a block", number});
            }
            const auto blocks = static_cast<std::uint32_t>(directory.size / block_size);
            for (std::uint32_t at = 0; at < blocks && at < max_file_blocks; ++at) {
                const std::uint32_t block = TRY(block_of(directory, at));
                if (!geometry_.is_data(block)) {
                    found(Finding{"a directory has no block where it should", number, block});
                    continue;
                }
                TRY(read(block, block_));
                for (std::uint32_t slot = 0; slot < entries_per_block; ++slot) {
                    TRY(check_entry(number, load<Entry>(block_, slot * sizeof(Entry)), waiting,
                                    found));
                }
            }
        }
        return {};
    }
    [[nodiscard]] Result<std::uint32_t> block_of(const Inode& i, std::uint32_t index) noexcept {
        if (index < direct_blocks) {
            return i.direct[index];
        }
        if (!geometry_.is_data(i.indirect)) {
            return 0U;
        }
        TRY(read(i.indirect, block_));
        return load<std::uint32_t>(block_, std::size_t{index - direct_blocks} * 4);
    }
    template <class Found>
    [[nodiscard]] Status check_entry(std::uint32_t directory, const Entry& entry,
                                     std::uint32_t& waiting, Found&& found) noexcept {
        if (entry.inode == 0) {
            return {};
        }
        if (!geometry_.is_inode(entry.inode)) {
            found(Finding{"a name leads to no inode", directory});
            return {};
        }
        if (entry.length == 0 || entry.length > Entry::max_name ||
            entry.name().find('/') != std::string_view::npos) {
            found(Finding{"a name is none", directory});
            return {};
        }
        const Inode target = TRY(inode(entry.inode));
        if (target.mode == 0) {
            found(Finding{"a name leads to a free inode", entry.inode});
            return {};
        }
        if (target.mode >> 12 != entry.type) {
            found(Finding{"a name has the wrong type", entry.inode});
        }
        ++names_[entry.inode];
        if (is_type(target, mode_directory)) {
            ++subdirectories_[directory];
            if (target.parent != directory) {
                found(Finding{"a directory does not know where it is", entry.inode});
            }
            if (reached_[entry.inode] == 0) {
                queue_[waiting++] =
                    static_cast<std::uint16_t>(entry.inode);  // each once: there is room
            }
        }
        reached_[entry.inode] = 1;
        return {};
    }

    template <class Found>
    [[nodiscard]] Status check_counts(Found&& found) noexcept {
        for (std::uint32_t n = 1; n < geometry_.inode_count; ++n) {
            const Inode i = TRY(inode(n));
            if (i.mode == 0) {
                continue;
            }
            if (reached_[n] == 0) {
                found(Finding{"an inode has no name", n, 0, true});
                continue;
            }
            std::uint32_t links = names_[n];
            if (is_type(i, mode_directory)) {
                links = 2 + subdirectories_[n];
                if (names_[n] != (n == root_inode ? 0U : 1U)) {
                    found(Finding{"a directory has two names", n});
                }
            }
            if (i.links != links) {
                found(Finding{"an inode counts its names wrong", n});
            }
        }
        return {};
    }
    template <class Found>
    [[nodiscard]] Status check_bitmaps(Found&& found) noexcept {
        const auto is_set = [&](std::uint32_t bit) {
            return (block_[bit / 8] >> (bit % 8) & std::byte{1}) != std::byte{};
        };
        TRY(read(geometry_.data_bitmap(), block_));
        for (std::uint32_t n = 0; n < geometry_.data_blocks(); ++n) {
            if (is_set(n) != (claimed_[n] != 0)) {
                found(Finding{is_set(n) ? "a block is taken and belongs to nobody"
                                        : "a block belongs to a file and is free",
                              0, geometry_.data_start() + n, is_set(n)});
            }
        }
        TRY(read(geometry_.inode_bitmap(), block_));
        for (std::uint32_t n = 1; n < geometry_.inode_count; ++n) {
            const bool exists = TRY(inode(n)).mode != 0;
            if (is_set(n) != exists) {
                found(Finding{
                    is_set(n) ? "an inode is taken and not there" : "an inode is there and free", n,
                    0, is_set(n)});
            }
        }
        return {};
    }

    Device* device_ = nullptr;
    Geometry geometry_;
    Block block_{}, table_{};
    std::uint32_t table_block_ = 0;
    std::array<std::uint8_t, bits_per_block> claimed_{};
    std::array<std::uint8_t, bits_per_block> reached_{};
    std::array<std::uint16_t, bits_per_block> names_{}, subdirectories_{};
    std::array<std::uint16_t, bits_per_block> queue_{};
};

}  // namespace kidney::fs::vsfs
