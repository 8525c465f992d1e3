/// Times as programs pass them: 32-bit and 64-bit timespec, timeval.
#pragma once

#include "kernel/syscall/user_copy.hpp"
#include "kidney/core/time.hpp"

#include <algorithm>
#include <cstdint>

namespace kidney::kernel {

struct Timespec32 {
    std::int32_t seconds;
    std::int32_t nanoseconds;
};
/// struct __kernel_timespec on i386: the upper half of the second word is padding.
struct Timespec64 {
    std::int64_t seconds;
    std::int64_t nanoseconds;
};

inline constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;

/// Error: invalid_argument. Very long times are as good as for ever, and do not overflow.
[[nodiscard]] constexpr Result<Duration> duration_of(std::int64_t seconds,
                                                     std::int64_t nanoseconds) noexcept {
    constexpr std::int64_t longest = 1'000'000'000;  // 31 years
    if (seconds < 0 || nanoseconds < 0 || nanoseconds >= nanoseconds_per_second) {
        return fail(Errc::invalid_argument);
    }
    return Duration::seconds(std::min(seconds, longest)) + Duration::nanoseconds(nanoseconds);
}

[[nodiscard]] inline Result<Duration> get_timespec32(VirtAddr from) noexcept {
    const Timespec32 t = TRY(get_user(UserPtr<const Timespec32>(from)));
    return duration_of(t.seconds, t.nanoseconds);
}
[[nodiscard]] inline Result<Duration> get_timespec64(VirtAddr from) noexcept {
    const Timespec64 t = TRY(get_user(UserPtr<const Timespec64>(from)));
    return duration_of(t.seconds, t.nanoseconds & 0xffff'ffff);
}
[[nodiscard]] inline Status put_timespec32(VirtAddr to, Duration d) noexcept {
    return put_user(UserPtr<Timespec32>(to),
                    {static_cast<std::int32_t>(d.count() / nanoseconds_per_second),
                     static_cast<std::int32_t>(d.count() % nanoseconds_per_second)});
}
[[nodiscard]] inline Status put_timespec64(VirtAddr to, Duration d) noexcept {
    return put_user(UserPtr<Timespec64>(to),
                    {d.count() / nanoseconds_per_second, d.count() % nanoseconds_per_second});
}

}  // namespace kidney::kernel
