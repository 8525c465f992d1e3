/// How an ext2 is mounted.
#pragma once

#include <cstdint>

namespace kidney::fs {

struct Ext2Options {
    std::uint32_t device_number = 0;  ///< st_dev
    bool read_only = false;
};

}  // namespace kidney::fs
