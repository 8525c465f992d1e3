/// How a kfs is mounted.
#pragma once

#include <cstdint>

namespace kidney::fs {

struct KfsOptions {
    std::uint32_t device_number = 0;  ///< st_dev
    bool read_only = false;
    /// If all files together have no more new sectors than this, a commit puts them into the log:
    /// it is one command then.
    std::uint32_t few_sectors = 16;
};

}  // namespace kidney::fs
