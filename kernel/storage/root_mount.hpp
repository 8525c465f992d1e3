/// The first mount: the disk that `root=` names, as `rootfstype=` says.
#pragma once

#include "kernel/boot/command_line.hpp"

namespace kidney::kernel {

/// Mounts it on /, read-only unless `rw` says otherwise. Without `root=` it is the first disk, and
/// without `rootfstype=` its first bytes say what it holds. Panics with what was tried and what is
/// wrong if there is no root file system: nothing can run then. Once, on a thread, when disks are
/// cached.
void mount_root(const BootOptions& options) noexcept;

}  // namespace kidney::kernel
