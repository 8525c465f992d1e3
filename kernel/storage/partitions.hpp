/// The partitions of disks, as their tables give them.
#pragma once

#include "kernel/config.hpp"

#include <cstdint>

namespace kidney::kernel {

class Disk;

/// Where a partition begins on its disk, in bytes.
[[nodiscard]] std::uint64_t partition_start(const Disk& disk) noexcept;

/// Reads the tables of all disks that there are. Once, on a thread; what is wrong is logged.
void find_partitions() noexcept;

/// Who takes it while a disk is opened sees partitions before or after a change, never amidst.
/// Programs can open disks from then on.
[[nodiscard]] Mutex<ranks::devices>& partition_lock() noexcept;

}  // namespace kidney::kernel
