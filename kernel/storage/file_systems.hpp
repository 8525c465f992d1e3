/// The types of file system that can be mounted, and those that have been made for mounts.
#pragma once

#include "fs/procfs/text.hpp"
#include "kernel/config.hpp"
#include "kidney/core/bounded.hpp"
#include "kidney/fs/vnode.hpp"

#include <string_view>

namespace kidney::kernel {

class Disk;

/// What mount(2) asks for.
struct MountRequest {
    std::string_view type;
    Disk* disk = nullptr;            ///< of a type that lives on a device
    std::string_view source_name{};  ///< what others make of the word in its place
    std::string_view options;
    bool read_only = false;
    BoundedText<160>* why = nullptr;  ///< gets what is wrong with a disk, for the log otherwise
};

/// Does the type live on a device? Error: unsuitable_device (there is no such type).
[[nodiscard]] Result<bool> type_needs_device(std::string_view type) noexcept;

/// A file system that can be mounted: a new one, or the one that there is of a type that exists
/// once, or on a disk that is mounted already. Goes back by fs::FileSystemOwner when it is mounted
/// no more. Errors: unsuitable_device, busy (somebody writes the disk), invalid_argument (an
/// option), corrupted, not_supported, io_error, no_memory.
[[nodiscard]] Result<fs::FileSystem*> file_system_for(const MountRequest& request) noexcept;
/// If it was not mounted after all.
void give_back(fs::FileSystem& file_system) noexcept;

/// A tmpfs with these options; it lives until it is mounted no more.
[[nodiscard]] Result<fs::FileSystem*> make_tmpfs(std::string_view options) noexcept;

/// Whatever programs put into memory as files is counted together, and limited to half of it.
[[nodiscard]] fs::TmpfsBudget& memory_files() noexcept;
[[nodiscard]] fs::TmpfsLimits memory_file_limits() noexcept;
/// The clock that file systems put times down by.
[[nodiscard]] WallFileClock& file_clock() noexcept;
/// st_dev of a file system that has no device of its own.
[[nodiscard]] std::uint32_t next_anonymous_device() noexcept;

/// Types that exist once, made at boot.
void set_proc_files(fs::FileSystem& proc) noexcept;
void set_device_files(fs::FileSystem& dev) noexcept;
/// What a mount of "devpts" shows. Boot.
void set_terminal_names(fs::FileSystem& names) noexcept;
/// The file system of /dev. Null before there is one.
[[nodiscard]] fs::FileSystem* device_files() noexcept;

/// The types that live on a device, with commas.
[[nodiscard]] BoundedText<64> disk_types() noexcept;
/// /proc/filesystems.
void write_file_system_types(void*, fs::TextOutput& out) noexcept;

}  // namespace kidney::kernel
