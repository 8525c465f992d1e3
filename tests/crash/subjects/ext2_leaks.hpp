/// Looks at an ext2 after a crash for what fsck cannot mend without losing something: everything
/// else is leaks. Its own reading of the format, so that it does not share our mistakes.
#pragma once

#include "fs/disk/little.hpp"
#include "fs/ext2/format.hpp"
#include "tests/crash/power_disk.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::crash {

/// Of one group, small files (no triple indirect blocks). Follows the names from the root. What
/// they lead to is in use in its bitmap, alive, and claims blocks that nobody else has and that are
/// in use, too.
class Ext2Leaks {
public:
    Ext2Leaks(std::uint32_t block_size, std::uint32_t blocks)
        : block_size_(block_size), blocks_(blocks) {}

    /// The first thing that is wrong; nullptr: there are leaks at most.
    [[nodiscard]] const char* look(const PowerDisk& disk) {
        image_ = disk.bytes();
        const auto super = at<fs::ext2::RawSuperblock>(fs::ext2::superblock_offset);
        group_ = at<fs::ext2::RawGroup>(std::size_t{super.first_data_block + 1} * block_size_);
        first_block_ = super.first_data_block;
        inodes_ = super.inodes_count;
        if (super.magic != fs::ext2::magic) {
            return "the superblock is not one";
        }
        wrong_ = nullptr;
        owner_.assign(blocks_, 0);
        names_.assign(inodes_ + 1, 0);
        claim_metadata();
        visit(fs::ext2::root_inode, 0);
        for (std::uint32_t n = 1; n <= inodes_; ++n) {
            if (names_[n] > inode(n).links) {
                complain("an inode has more names than links");
            }
        }
        return wrong_;
    }
    [[nodiscard]] std::string place(std::uint32_t sector) const {
        const std::uint32_t block = sector / (block_size_ / 512);
        const std::string part = " (sector " + std::to_string(sector) + ")";
        if (sector == 2 || sector == 3) {
            return "superblock" + part;
        }
        return (block == group_.block_bitmap   ? "block bitmap"
                : block == group_.inode_bitmap ? "inode bitmap"
                : block >= group_.inode_table && block < first_data()
                    ? "inodes from " +
                          std::to_string((sector * 512 - group_.inode_table * block_size_) /
                                             sizeof(fs::ext2::RawInode) +
                                         1)
                : block <= first_block_ + 1 ? "group descriptors"
                                            : "block " + std::to_string(block)) +
               part;
    }

private:
    using RawInode = fs::ext2::RawInode;

    template <class T>
    [[nodiscard]] T at(std::size_t offset) const noexcept {
        return fs::ext2::load<T>(image_, offset);
    }
    [[nodiscard]] RawInode inode(std::uint32_t number) const noexcept {
        return at<RawInode>(std::size_t{group_.inode_table} * block_size_ +
                            (number - 1) * sizeof(RawInode));
    }
    [[nodiscard]] bool bit(std::uint32_t bitmap, std::uint32_t n) const noexcept {
        const std::size_t byte = std::size_t{bitmap} * block_size_ + n / 8;
        return (std::to_integer<unsigned>(image_[byte]) >> n % 8 & 1U) != 0;
    }
    [[nodiscard]] std::uint32_t first_data() const noexcept {
        return group_.inode_table +
               static_cast<std::uint32_t>((inodes_ * sizeof(RawInode) + block_size_ - 1) /
                                          block_size_);
    }
    void complain(const char* what) noexcept { wrong_ = wrong_ == nullptr ? what : wrong_; }

    void claim_metadata() {
        for (std::uint32_t block = 0; block < first_data(); ++block) {
            owner_[block] = ~0U;
        }
    }
    void claim(std::uint32_t block, std::uint32_t who) {
        if (block >= blocks_ || block < first_data()) {
            complain("an inode claims a block that is none of a file");
        } else if (owner_[block] != 0) {
            complain("two inodes claim a block");
        } else if (!bit(group_.block_bitmap, block - first_block_)) {
            complain("an inode claims a block that is free in the bitmap");
        } else {
            owner_[block] = who;
        }
    }
    /// The blocks below a pointer, which is `level` blocks of pointers above data.
    void claim_tree(std::uint32_t block, unsigned level, std::uint32_t who) {
        if (block == 0 || wrong_ != nullptr) {
            return;
        }
        claim(block, who);
        for (std::uint32_t n = 0; level > 0 && n < block_size_ / 4 && wrong_ == nullptr; ++n) {
            claim_tree(at<fs::Le32>(std::size_t{block} * block_size_ + n * 4), level - 1, who);
        }
    }
    void visit(std::uint32_t number, std::uint32_t depth) {
        if (wrong_ != nullptr) {
            return;
        }
        if (number == 0 || number > inodes_) {
            complain("a name leads to no inode");
            return;
        }
        const RawInode raw = inode(number);
        if (raw.links == 0 || raw.deletion_time != 0) {
            complain("a name leads to a deleted inode");
            return;
        }
        if (!bit(group_.inode_bitmap, number - 1)) {
            complain("a name leads to an inode that is free in the bitmap");
            return;
        }
        if (names_[number]++ > 0) {
            return;  // counted; its blocks are claimed
        }
        const std::uint32_t kind = raw.mode >> 12;
        const bool has_blocks = kind == 04 || kind == 010 || (kind == 012 && raw.sectors != 0);
        for (std::size_t n = 0; has_blocks && n < fs::ext2::block_pointers; ++n) {
            claim_tree(raw.blocks[n], n < 12 ? 0U : static_cast<unsigned>(n - 11), number);
        }
        if (kind == 04) {
            ++names_[number];  // its "."
            visit_names(raw, depth);
        }
    }
    /// Directories of direct blocks, which those of the workloads are.
    void visit_names(const RawInode& raw, std::uint32_t depth) {
        if (depth > 8) {
            complain("directories go round in a circle");
            return;
        }
        for (std::uint32_t n = 0; n < raw.size / block_size_ && n < 12; ++n) {
            if (raw.blocks[n] == 0 || wrong_ != nullptr) {
                complain("a directory has a hole");
                return;
            }
            const std::size_t begin = std::size_t{raw.blocks[n]} * block_size_;
            for (std::size_t in = 0; in < block_size_ && wrong_ == nullptr;) {
                const auto entry = at<fs::ext2::RawEntry>(begin + in);
                if (entry.length < 8 || entry.length % 4 != 0 || in + entry.length > block_size_ ||
                    8U + entry.name_length > entry.length) {
                    complain("a directory entry has a wrong length");
                    return;
                }
                const std::string_view name(
                    reinterpret_cast<const char*>(image_.data() + begin + in + 8),
                    entry.name_length);
                if (entry.inode != 0 && name != "." && name != "..") {
                    visit(entry.inode, depth + 1);
                }
                in += entry.length;
            }
        }
    }

    const std::uint32_t block_size_, blocks_;
    std::span<const std::byte> image_;  ///< while look() runs
    fs::ext2::RawGroup group_{};
    std::uint32_t first_block_ = 0, inodes_ = 0;
    std::vector<std::uint32_t> owner_;  ///< of each block: an inode
    std::vector<std::uint32_t> names_;  ///< of each inode
    const char* wrong_ = nullptr;
};

}  // namespace kidney::crash
