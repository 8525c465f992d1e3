/// Advisory locks on files: fcntl's and flock's.
#pragma once

#include "fs/locks/lock_table.hpp"
#include "kernel/process/process.hpp"
#include "kernel/resource/accounts.hpp"

namespace kidney::kernel {

using FileLocks = fs::LockTable<Heap, Mutex<ranks::file_locks>, WaitQueue, CurrentUserPays>;

/// fcntl: owned by processes, or by open files (F_OFD_SETLK).
[[nodiscard]] FileLocks& record_locks() noexcept;
/// flock: owned by open files, always whole files.
[[nodiscard]] FileLocks& whole_file_locks() noexcept;

/// From now on the process loses its record locks on a file with the first close of it.
void give_up_locks_at_close(Process& self) noexcept;
/// From now on the locks of this open file end with it.
void give_up_locks_at_end(fs::File& file) noexcept;

/// Once, when there is a heap.
void start_file_locks() noexcept;

}  // namespace kidney::kernel
