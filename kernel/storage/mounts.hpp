/// The file systems that exist when the first program starts.
#pragma once

#include "kernel/boot/command_line.hpp"
#include "kernel/config.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::kernel {

/// Mounts the root disk (`root=`, else the first disk) on /, read-only unless `rw` says otherwise,
/// a tmpfs on /tmp and /dev/shm, devices on /dev, and on /host the
/// folder that the host shares by that name, if it does. Panics with a clear reason when there is
/// no root file system: nothing can run then.
void mount_file_systems(const BootOptions& options) noexcept;

/// Those who change the tree of mounts take turns.
[[nodiscard]] Mutex<ranks::mounting>& mounting_lock() noexcept;

/// A file of `size` zeros in memory that has no name: what is behind shared anonymous memory.
/// Errors: no_memory, no_space, file_too_big.
[[nodiscard]] Result<Ref<fs::Vnode>> create_memory_file(const fs::NewNode& node,
                                                        std::uint64_t size) noexcept;
/// The same, counted as what is on /dev/shm: for memory that no process need have mapped.
[[nodiscard]] Result<Ref<fs::Vnode>> create_counted_file(const fs::NewNode& node,
                                                         std::uint64_t size) noexcept;
/// Pages with the data of files that are only in memory.
[[nodiscard]] std::size_t memory_file_pages() noexcept;

/// Every file system writes back. Who mounts or unmounts waits: it must not find one in use that is
/// only being synced. Returns the first error, after trying all.
[[nodiscard]] Status sync_file_systems() noexcept;

/// Before the machine stops: the disks get everything, and are marked as clean. Programs that
/// still run may write on. Errors are logged.
void finish_disks() noexcept;
/// At shutdown, when nobody uses files any more: forgets the mounts, and what was in memory only.
void discard_memory_files() noexcept;

}  // namespace kidney::kernel
