/// /dev/kmsg: programs write lines into the kernel's log. /proc/kmsg: they read it.
#pragma once

#include "fs/devfs/device_registry.hpp"

namespace kidney::kernel {

/// Linux's number of it: a memory device's major.
inline constexpr fs::DeviceNumber log_device_number{1, 11};

/// Who opens it. Any thread.
[[nodiscard]] fs::DeviceOpener& log_device() noexcept;

/// Opens /proc/kmsg: each byte of the log once, for whoever reads first. Errors: permission_denied
/// (for writing), no_memory.
[[nodiscard]] Result<Ref<fs::File>> open_kernel_log(fs::Vnode& node, fs::OpenMode mode) noexcept;

}  // namespace kidney::kernel
