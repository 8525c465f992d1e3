/// Brings home what is dirty, in the background.
#pragma once

namespace kidney::kernel {

/// Starts the thread: every five seconds, and when too much is dirty or memory is short, every
/// file system and every disk without one. Once, after the mounts; without memory for the thread
/// only sync(2) and its kin write.
void start_flusher() noexcept;

}  // namespace kidney::kernel
