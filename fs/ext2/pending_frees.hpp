/// Blocks and inodes that no file has any more, but that the disk still says some file has.
#pragma once

#include "fs/ext2/geometry.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::fs::ext2 {

/// Runs of blocks that become free with the next sync. A fixed number of runs, because giving
/// blocks back must not need memory; when they are all taken, it is time for a sync.
/// Concurrency: the file system's lock.
class PendingFrees {
public:
    static constexpr std::size_t capacity = 256;  ///< runs

    [[nodiscard]] std::uint32_t blocks() const noexcept { return blocks_; }
    [[nodiscard]] bool is_empty() const noexcept { return count_ == 0 && inode_count_ == 0; }

    /// False: there is no room.
    [[nodiscard]] bool add(BlockNumber block) noexcept {
        if (count_ > 0 && extend(runs_[count_ - 1], block.value)) {
            ++blocks_;
            return true;
        }
        if (count_ == capacity) {
            return false;
        }
        runs_[count_++] = {block.value, 1};
        ++blocks_;
        return true;
    }
    /// An inode that was taken and could not be given back at once. False: there is no room.
    [[nodiscard]] bool add_inode(std::uint32_t number, bool is_directory) noexcept {
        if (inode_count_ == most_inodes) {
            return false;
        }
        inodes_[inode_count_++] = {number, is_directory};
        return true;
    }
    template <class Give>
    [[nodiscard]] Status drain_inodes(Give&& give) noexcept {
        for (; inode_count_ > 0; --inode_count_) {
            const PendingInode& last = inodes_[inode_count_ - 1];
            TRY(give(last.number, last.is_directory));
        }
        return {};
    }
    /// Hands each block to `give`, and keeps those that it fails for and those behind.
    template <class Give>
    [[nodiscard]] Status drain(Give&& give) noexcept {
        while (count_ > 0) {
            Run& run = runs_[count_ - 1];
            while (run.length > 0) {
                TRY(give(BlockNumber{run.first + run.length - 1}));
                --run.length;
                --blocks_;
            }
            --count_;
        }
        return {};
    }

private:
    struct Run {
        std::uint32_t first = 0, length = 0;
    };
    /// Files are cut from their end, so runs mostly grow downwards.
    [[nodiscard]] static bool extend(Run& run, std::uint32_t block) noexcept {
        if (block + 1 == run.first) {
            --run.first;
        } else if (block != run.first + run.length) {
            return false;
        }
        ++run.length;
        return true;
    }

    struct PendingInode {
        std::uint32_t number = 0;
        bool is_directory = false;
    };
    static constexpr std::size_t most_inodes = 16;

    std::array<Run, capacity> runs_;
    std::array<PendingInode, most_inodes> inodes_;
    std::size_t inode_count_ = 0;
    std::size_t count_ = 0;
    std::uint32_t blocks_ = 0;
};

}  // namespace kidney::fs::ext2
