/// Reading the kernel's log from where the last reader left off: syslog(2) and /proc/kmsg.
#pragma once

#include "kernel/console.hpp"
#include "kernel/process/process.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::kernel {

/// Where the readers are; they share one place, as on Linux. relaxed: it carries no other data, and
/// the console's lock orders the bytes.
inline constinit std::atomic<LogPosition> unread_log{0};

/// Calls put(span of char) with what comes at `from`, which moves on, until `size` bytes are done.
/// In pieces: nothing may be copied to a program under the console's lock. Errors: put's.
template <class Put>
[[nodiscard]] Result<std::uint32_t> copy_log(LogPosition& from, std::uint32_t size,
                                             Put&& put) noexcept {
    std::array<char, 256> piece;
    std::uint32_t done = 0;
    while (done < size) {
        const auto room = std::span(piece).first(std::min<std::size_t>(piece.size(), size - done));
        const std::size_t count = read_log(from, room);
        if (count == 0) {
            break;
        }
        TRY(put(room.first(count)));
        done += static_cast<std::uint32_t>(count);
    }
    return done;
}

/// The same for what nobody has read yet. Logging must work anywhere, so it wakes nobody: a reader
/// looks again from time to time. Errors: would_block, restart, put's.
template <class Put>
[[nodiscard]] Result<std::uint32_t> read_unread_log(Process& self, std::uint32_t size,
                                                    bool non_blocking, Put&& put) noexcept {
    constexpr Duration patience = Duration::milliseconds(200);
    while (size > 0) {
        LogPosition at = unread_log.load(std::memory_order_relaxed);
        const std::uint32_t count = TRY(copy_log(at, size, put));
        if (count > 0) {
            unread_log.store(at, std::memory_order_relaxed);
            return count;
        }
        if (non_blocking) {
            return fail(Errc::would_block);
        }
        if (self.is_interrupted()) {
            self.this_thread().restart_mode = RestartMode::by_flag;
            return fail(Errc::restart);
        }
        // Woken or not: the loop looks for itself.
        (void)dispatcher().block_until(Clock::now() + patience);
    }
    return 0U;
}

}  // namespace kidney::kernel
