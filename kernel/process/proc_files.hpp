/// /proc: what this kernel tells about itself and its processes.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstdint>

namespace kidney::kernel {

/// Makes the file system; the caller mounts it. Once. Errors: no_memory, no_space.
[[nodiscard]] Result<fs::FileSystem*> create_proc_files(std::uint32_t device) noexcept;

}  // namespace kidney::kernel
