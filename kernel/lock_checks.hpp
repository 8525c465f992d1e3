/// What a debug kernel knows about its locks, and tells: sched/sync/lock_checks.hpp in this kernel.
#pragma once

#include "fs/procfs/text.hpp"

namespace kidney::kernel {

/// /proc/kidney/locks: each kind of lock, how often it was taken, and how long it was held at most.
/// A release kernel says that it does not know.
void write_locks(fs::TextOutput& out) noexcept;

/// To the log, of those that were held for longer than they should: how often, the longest time,
/// and who let it go then. For the magic key.
void report_long_holds() noexcept;

}  // namespace kidney::kernel
