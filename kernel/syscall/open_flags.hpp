/// O_* of Linux i386 to meanings and back.
#pragma once

#include "fs/vfs/vfs.hpp"
#include "kidney/core/result.hpp"

#include <cstdint>
#include <linux/fcntl.h>

namespace kidney::kernel {

/// Error: invalid_argument for an access mode that does not exist.
[[nodiscard]] constexpr Result<fs::OpenFlags> open_flags(std::uint32_t o) noexcept {
    const std::uint32_t access = o & O_ACCMODE;
    if (access == O_ACCMODE) {
        return fail(Errc::invalid_argument);
    }
    fs::OpenFlags f;
    f.mode.read = access != O_WRONLY;
    f.mode.write = access != O_RDONLY;
    f.mode.append = (o & O_APPEND) != 0;
    f.mode.non_blocking = (o & O_NONBLOCK) != 0;
    f.create = (o & O_CREAT) != 0;
    f.exclusive = (o & O_EXCL) != 0;
    f.truncate = (o & O_TRUNC) != 0;
    f.directory = (o & O_DIRECTORY) != 0;
    f.no_follow = (o & O_NOFOLLOW) != 0 || (f.create && f.exclusive);
    return f;
}

/// F_GETFL. O_LARGEFILE is always on: offsets are 64 bits wide everywhere.
[[nodiscard]] constexpr std::uint32_t open_flags_of(fs::OpenMode m) noexcept {
    std::uint32_t o = O_LARGEFILE;
    o |= m.read && m.write ? O_RDWR : m.write ? O_WRONLY : O_RDONLY;
    o |= m.append ? O_APPEND : 0;
    o |= m.non_blocking ? O_NONBLOCK : 0;
    o |= m.packets ? O_DIRECT : 0;
    return o;
}

}  // namespace kidney::kernel
