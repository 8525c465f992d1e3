/// CPU time as a clock: the ids CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, and those that
/// clock_getcpuclockid(3) makes out of a process's number.
#pragma once

#include "kidney/abi/resource.hpp"
#include "kidney/core/time.hpp"
#include "proc/pid.hpp"
#include "proc/usage.hpp"

#include <cstdint>
#include <optional>

namespace kidney::proc {

struct CpuClock {
    enum class Kind : std::uint8_t {
        profile,    ///< user and system time
        user,       ///< user time
        scheduled,  ///< the same as `profile`, to the nanosecond
    };
    Kind kind = Kind::scheduled;
    bool of_thread = false;
    Pid pid{0};  ///< 0: the caller

    [[nodiscard]] constexpr Duration of(const CpuTimes& times) const noexcept {
        return kind == Kind::user ? times.user : times.total();
    }
    friend constexpr bool operator==(const CpuClock&, const CpuClock&) noexcept = default;
};

/// The clock that an id names; nullopt: another clock, or none. Negative ids hold the number,
/// inverted, above three bits: the kind, and whether a thread is meant.
[[nodiscard]] constexpr std::optional<CpuClock> cpu_clock_of(std::uint32_t id) noexcept {
    if (id == abi::clock_process_cputime || id == abi::clock_thread_cputime) {
        return CpuClock{.of_thread = id == abi::clock_thread_cputime};
    }
    constexpr std::uint32_t kinds = 3;
    if (static_cast<std::int32_t>(id) >= 0 || id % 4 >= kinds) {
        return std::nullopt;
    }
    return CpuClock{static_cast<CpuClock::Kind>(id % 4), (id & 4U) != 0,
                    Pid(~(static_cast<std::int32_t>(id) >> 3))};
}

/// A clock behind a descriptor (the other negative ids). There are none, but one does not sleep on
/// them nor set timers: that is another error.
[[nodiscard]] constexpr bool is_file_clock(std::uint32_t id) noexcept {
    return static_cast<std::int32_t>(id) < 0 && id % 8 == 3;
}

}  // namespace kidney::proc
