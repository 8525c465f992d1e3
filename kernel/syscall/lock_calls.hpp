/// The record lock commands of fcntl; flock is in file_calls.hpp.
#pragma once

#include "kernel/syscall/adapt.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/vnode.hpp"

namespace kidney::kernel {

[[nodiscard]] bool is_lock_command(std::uint32_t command) noexcept;

/// F_GETLK, F_SETLK, F_SETLKW, their 64-bit and their OFD forms; `file` is what `fd` led to.
[[nodiscard]] Reply control_locks(Process& self, Fd fd, fs::File& file, std::uint32_t command,
                                  VirtAddr argument) noexcept;

}  // namespace kidney::kernel
