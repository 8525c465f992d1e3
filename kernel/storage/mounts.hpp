/// The file systems that exist when the first program starts.
#pragma once

#include "kernel/boot/command_line.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstdint>

namespace kidney::kernel {

/// Mounts the root disk (`root=`, else the first disk) read-only on /, a tmpfs on /tmp, and devices
/// on /dev. Panics with a clear reason when there is no root file system: nothing can run then.
void mount_file_systems(const BootOptions& options) noexcept;

/// A file of `size` zeros in memory that has no name: what is behind shared anonymous memory.
/// Errors: no_memory, no_space, file_too_big.
[[nodiscard]] Result<Ref<fs::Vnode>> create_memory_file(const fs::NewNode& node,
                                                        std::uint64_t size) noexcept;

}  // namespace kidney::kernel
