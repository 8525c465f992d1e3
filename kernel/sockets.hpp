/// The sockets of this kernel.
#pragma once

#include "fs/procfs/text.hpp"
#include "fs/socket/socket_service.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process/wall_clock.hpp"

#include <cstdint>

namespace kidney::kernel {

/// An fs::SocketCaller: the process that makes the call.
struct CallingProcess {
    [[nodiscard]] static Payer payer() noexcept;
    [[nodiscard]] static fs::SocketIdentity real_identity() noexcept;
    [[nodiscard]] static fs::SocketIdentity effective_identity() noexcept;
    [[nodiscard]] static std::uint64_t most_in_flight() noexcept;
    [[nodiscard]] static Instant now() noexcept { return Clock::now(); }
};

using Sockets = fs::SocketService<Heap, ReclaimingFrames, PhysMap, Mutex<ranks::sockets>, WaitQueue,
                                  SpinLock<ranks::poll>, WallFileClock, CallingProcess>;

/// Before the first program.
void start_sockets() noexcept;
[[nodiscard]] Sockets& sockets() noexcept;

/// /proc/net/unix
void write_sockets(void*, fs::TextOutput& out) noexcept;

}  // namespace kidney::kernel
