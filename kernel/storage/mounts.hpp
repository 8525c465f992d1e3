/// The file systems that exist when the first program starts.
#pragma once

#include "kernel/boot/command_line.hpp"
#include "kidney/core/result.hpp"

namespace kidney::kernel {

/// Mounts the root disk (`root=`, else the first disk) read-only on /, a tmpfs on /tmp, and devices
/// on /dev. Panics with a clear reason when there is no root file system: nothing can run then.
void mount_file_systems(const BootOptions& options) noexcept;

}  // namespace kidney::kernel
