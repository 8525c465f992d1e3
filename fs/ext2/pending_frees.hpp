/// Blocks that no file has any more, but that the disk still says some file has.
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
    [[nodiscard]] bool is_empty() const noexcept { return count_ == 0; }

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

    std::array<Run, capacity> runs_;
    std::size_t count_ = 0;
    std::uint32_t blocks_ = 0;
};

}  // namespace kidney::fs::ext2
