/// The devices and pipes that programs open, and the one place that ties them to the VFS.
#pragma once

#include "fs/pipe/pipe_service.hpp"
#include "fs/procfs/text.hpp"
#include "kernel/kernel.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstddef>

namespace kidney::kernel {

/// Memory devices, terminals and fifos can be opened from now on, and pipes be made. After the VFS
/// exists, before the first program.
void start_devices() noexcept;

/// Makes the nodes of a fresh /dev: null, zero, full, random, urandom, console, tty, ptmx, ttyS0-2,
/// kmsg, the disks, links to a program's own descriptors, and where /dev/shm and /dev/pts go.
/// Errors: as Vnode::create().
[[nodiscard]] Status add_device_nodes(fs::Vnode& dev) noexcept;

/// What the pipes of one user may hold.
[[nodiscard]] fs::PipeLimits pipe_limits() noexcept;
/// /proc/devices: which major numbers there are.
void write_device_list(fs::TextOutput& out) noexcept;

/// Bytes that a pipe can hold at most.
[[nodiscard]] std::size_t largest_pipe() noexcept;

/// pipe2(2). Errors: no_memory, file_table_full.
[[nodiscard]] Result<fs::PipeEnds> create_pipe(bool non_blocking, bool packets) noexcept;

}  // namespace kidney::kernel
