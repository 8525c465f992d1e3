/// /sys: PCI functions and disks, for programs that look for hardware.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/fs/file_system.hpp"

#include <cstdint>

namespace kidney::kernel {

class Disk;

/// Makes it, with all that there is so far. Once, after the disks have their files. Errors:
/// no_memory.
[[nodiscard]] Result<fs::FileSystem*> create_sys_files(std::uint32_t device) noexcept;
/// Null before there is one.
[[nodiscard]] fs::FileSystem* sys_files() noexcept;

/// A disk or partition is in /sys, or is not if it is away. Those who change partitions take turns.
/// Errors are logged.
void show_disk_in_sys(Disk& disk) noexcept;

}  // namespace kidney::kernel
