/// How long a thread has been in user mode, measured at every way in and out.
#pragma once

#include "arch/i686/cpu/cpu_local.hpp"
#include "arch/i686/cpu/instructions.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::arch {

/// In ticks of the time-stamp counter. Written by the thread itself; `since` also by entry.S.
struct UserTime {
    std::uint64_t since = 0;  ///< when it went to user mode; 0: it is in the kernel
    std::uint64_t ticks = 0;  ///< up to its last way into the kernel
};
static_assert(offsetof(UserTime, since) == 0, "entry.S knows it");

/// The thread that this CPU switches to keeps its books there. Interrupts off.
inline void set_user_time(UserTime& of_thread) noexcept {
    this_cpu().user_time = &of_thread;
}

/// First thing on a way in from user mode. One instruction fetches the pointer, and it is the
/// thread's own: a switch to another CPU between two lines does no harm. A second call before the
/// way out does nothing (an interrupt may come between the entry code and this).
inline void user_mode_ended() noexcept {
    UserTime& time =
        **reinterpret_cast<UserTime* volatile KIDNEY_FS_RELATIVE*>(offsetof(CpuLocal, user_time));
    if (time.since != 0) {
        time.ticks += rdtsc() - time.since;
        time.since = 0;
    }
}

/// Ticks so far, of any thread. It may be writing on another CPU: reads until two readings agree.
[[nodiscard]] inline std::uint64_t user_ticks(const UserTime& time) noexcept {
    const auto read = [](const std::uint64_t& value) noexcept {
        return *const_cast<const volatile std::uint64_t*>(&value);
    };
    constexpr int tries = 16;
    const auto ticks = [&]() noexcept {
        const std::uint64_t since = read(time.since);
        return read(time.ticks) + (since == 0 ? 0 : rdtsc() - since);
    };
    std::uint64_t before = ticks();
    for (int i = 0; i < tries; ++i) {
        const std::uint64_t now = ticks();
        // A running stretch grows between two readings; a torn one differs by 2^32 ticks.
        if (now - before < (std::uint64_t{1} << 31)) {
            return now;
        }
        before = now;
    }
    return before;
}

}  // namespace kidney::arch
