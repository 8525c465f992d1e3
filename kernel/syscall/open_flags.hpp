/// O_* of Linux i386 to meanings and back.
#pragma once

#include "fs/vfs/vfs.hpp"
#include "kidney/core/result.hpp"

#include <cstdint>
#include <linux/fcntl.h>

namespace kidney::kernel {

/// Every flag that there is; open() ignores others, openat2() refuses them.
inline constexpr std::uint32_t known_open_flags =
    O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC |
    FASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH |
    O_TMPFILE;
/// Those that mean anything beside O_PATH.
inline constexpr std::uint32_t path_open_flags = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;

/// Does open() look at its third argument?
[[nodiscard]] constexpr bool creates(std::uint32_t o) noexcept {
    return (o & (O_CREAT | __O_TMPFILE)) != 0;
}

/// Error: invalid_argument for O_TMPFILE without its O_DIRECTORY, or not for writing, and for a
/// directory that open() should create.
[[nodiscard]] constexpr Result<fs::OpenFlags> open_flags(std::uint32_t o) noexcept {
    constexpr std::uint32_t told_again = O_DSYNC | O_SYNC | FASYNC | O_DIRECT | O_LARGEFILE |
                                         O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_PATH | O_TMPFILE;
    if ((o & O_PATH) != 0) {
        o &= path_open_flags;
    }
    const std::uint32_t access = o & O_ACCMODE;
    fs::OpenFlags f;
    f.mode.path = (o & O_PATH) != 0;
    f.mode.read = (access == O_RDONLY || access == O_RDWR) && !f.mode.path;
    f.mode.write = access == O_WRONLY || access == O_RDWR;
    f.mode.append = (o & O_APPEND) != 0;
    f.mode.non_blocking = (o & O_NONBLOCK) != 0;
    f.mode.small = (o & O_LARGEFILE) == 0;
    f.mode.synchronous = (o & (O_SYNC | O_DSYNC)) != 0;  // O_SYNC has the bit of O_DSYNC
    f.mode.noted = o & told_again;
    f.mode.no_terminal = (o & O_NOCTTY) != 0;
    f.control = access == O_ACCMODE;
    f.create = (o & O_CREAT) != 0;
    f.exclusive = (o & O_EXCL) != 0;
    f.truncate = (o & O_TRUNC) != 0;
    f.directory = (o & O_DIRECTORY) != 0;
    f.no_follow = (o & O_NOFOLLOW) != 0 || (f.create && f.exclusive);
    f.unnamed = (o & __O_TMPFILE) != 0;
    if ((f.unnamed && (!f.directory || f.create || !f.mode.write)) || (f.create && f.directory)) {
        return fail(Errc::invalid_argument);
    }
    return f;
}

/// F_GETFL.
[[nodiscard]] constexpr std::uint32_t open_flags_of(fs::OpenMode m) noexcept {
    std::uint32_t o = m.noted;
    o |= m.read && m.write ? O_RDWR : m.write ? O_WRONLY : m.read || m.path ? O_RDONLY : O_ACCMODE;
    o |= m.append ? O_APPEND : 0;
    o |= m.non_blocking ? O_NONBLOCK : 0;
    o |= m.packets ? O_DIRECT : 0;
    return o;
}

}  // namespace kidney::kernel
