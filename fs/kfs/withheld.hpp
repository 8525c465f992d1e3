/// Blocks that are free, but not yet to be had.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::fs::kfs {

/// Runs of blocks that were freed since the last checkpoint. The log may still hold records for
/// them, which a recovery would write over whatever is there; and until the commit of what freed
/// them they belong to a file. A fixed number of runs, because giving blocks back must not need
/// memory; when they are all taken, it is time for a checkpoint. Concurrency: the file system's
/// lock.
class Withheld {
public:
    static constexpr std::size_t capacity = 256;  ///< runs
    struct Mark {                                 ///< to go back to; nothing was cleared since
        std::size_t count = 0;
        std::uint32_t first = 0, length = 0;
    };

    [[nodiscard]] bool is_empty() const noexcept { return count_ == 0; }
    /// Room for so many runs.
    [[nodiscard]] bool has_room(std::size_t runs) const noexcept {
        return capacity - count_ >= runs;
    }
    /// There is room.
    void add(std::uint32_t first, std::uint32_t length) noexcept {
        if (count_ > 0) {
            Run& last = runs_[count_ - 1];
            if (first + length == last.first) {
                last.first = first;
                last.length += length;
                return;
            }
            if (last.first + last.length == first) {
                last.length += length;
                return;
            }
        }
        runs_[count_++] = {first, length};
    }
    /// The first block at or behind `block` that is not withheld by the run that holds `block`.
    [[nodiscard]] std::uint32_t skip(std::uint32_t block) const noexcept {
        for (std::size_t n = 0; n < count_; ++n) {
            if (block - runs_[n].first < runs_[n].length) {
                return runs_[n].first + runs_[n].length;
            }
        }
        return block;
    }
    void clear() noexcept { count_ = 0; }

    [[nodiscard]] Mark mark() const noexcept {
        return count_ == 0 ? Mark{}
                           : Mark{count_, runs_[count_ - 1].first, runs_[count_ - 1].length};
    }
    void go_back(const Mark& mark) noexcept {
        count_ = mark.count;
        if (count_ > 0) {
            runs_[count_ - 1] = {mark.first, mark.length};
        }
    }

private:
    struct Run {
        std::uint32_t first = 0, length = 0;
    };
    std::array<Run, capacity> runs_;
    std::size_t count_ = 0;
};

}  // namespace kidney::fs::kfs
