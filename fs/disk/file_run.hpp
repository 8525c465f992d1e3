/// Some blocks of a file that lie side by side on the disk.
#pragma once

#include <cstdint>

namespace kidney::fs {

/// What a file system's tree answers of the blocks of a file from one on:
///
///   run(inode, index, most)         those that are there and lie in a row, or are all missing
///   add(inode, index, most, goal)   places in a row for some that are missing, at `goal` if
///                                   possible. What is on the disk there is old. Error: no_space
///
/// At least one block, `most` at most: who wants more asks again.
struct FileRun {
    std::uint32_t first = 0;  ///< on the disk; 0: they are missing
    std::uint32_t count = 0;

    [[nodiscard]] bool is_hole() const noexcept { return first == 0; }
};

}  // namespace kidney::fs
