/// Disks as programs see them: /dev/vda and its like, /proc/partitions.
#pragma once

#include "fs/devfs/device_registry.hpp"
#include "fs/procfs/text.hpp"
#include "kidney/core/result.hpp"

#include <span>

namespace kidney::kernel {

struct Disk;

/// Makes the disks that were found readable and writable by programs; returns their numbers and
/// who opens them. The disk of the root file system can only be read. Once, after the mounts.
[[nodiscard]] std::span<const fs::DeviceRange> start_disk_files() noexcept;

/// A file system on a disk begins: nobody else may write it from then on, until disclaim_disk().
/// Error: busy (somebody writes it, or it is claimed).
[[nodiscard]] Status claim_disk(Disk& disk) noexcept;
void disclaim_disk(Disk& disk) noexcept;

/// Makes a node for each disk. Errors: as Vnode::create().
[[nodiscard]] Status add_disk_nodes(fs::Vnode& dev) noexcept;

/// Brings home what programs have written to disks without a file system. Errors: io_error.
[[nodiscard]] Status write_back_disks() noexcept;

/// What has been written to any disk survives the loss of power from here on. Errors are logged.
void flush_disks() noexcept;

/// /proc/partitions.
void write_disk_list(void*, fs::TextOutput& out) noexcept;
/// /proc/diskstats.
void write_disk_statistics(void*, fs::TextOutput& out) noexcept;

}  // namespace kidney::kernel
