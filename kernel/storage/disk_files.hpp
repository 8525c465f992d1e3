/// Disks as programs see them: /dev/vda and its like, /proc/partitions.
#pragma once

#include "fs/devfs/device_registry.hpp"
#include "fs/procfs/text.hpp"
#include "kidney/core/result.hpp"

namespace kidney::kernel {

class Disk;

/// Who opens disks for programs. One with a file system that is mounted can only be read.
[[nodiscard]] fs::DeviceOpener& disk_opener() noexcept;

/// Makes a node for each disk. Errors: as Vnode::create().
[[nodiscard]] Status add_disk_nodes(fs::Vnode& dev) noexcept;
/// In /dev and /sys there is this disk, or nothing if it is away. A node that is there by this name
/// already stays. Errors are logged.
void show_disk(Disk& disk) noexcept;

/// Brings home what programs have written to disks without a file system. Errors: io_error.
[[nodiscard]] Status write_back_disks() noexcept;

/// What has been written to any disk survives the loss of power from here on. Errors are logged.
void flush_disks() noexcept;

/// /proc/partitions.
void write_disk_list(void*, fs::TextOutput& out) noexcept;
/// /proc/diskstats.
void write_disk_statistics(void*, fs::TextOutput& out) noexcept;

}  // namespace kidney::kernel
