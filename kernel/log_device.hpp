/// /dev/kmsg: programs write lines into the kernel's log.
#pragma once

#include "fs/devfs/device_registry.hpp"

namespace kidney::kernel {

/// Linux's number of it: a memory device's major.
inline constexpr fs::DeviceNumber log_device_number{1, 11};

/// Who opens it. Any thread.
[[nodiscard]] fs::DeviceOpener& log_device() noexcept;

}  // namespace kidney::kernel
