/// Times as programs pass them: 32-bit and 64-bit timespec, timeval.
#pragma once

#include "kernel/syscall/user_copy.hpp"
#include "kidney/core/time.hpp"

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

/// Error: invalid_argument. What does not fit is as good as for ever: Duration::longest().
[[nodiscard]] constexpr Result<Duration> duration_of(std::int64_t seconds,
                                                     std::int64_t nanoseconds) noexcept {
    constexpr std::int64_t too_long = Duration::longest().count() / nanoseconds_per_second;
    if (seconds < 0 || nanoseconds < 0 || nanoseconds >= nanoseconds_per_second) {
        return fail(Errc::invalid_argument);
    }
    return seconds >= too_long ? Duration::longest()
                               : Duration::seconds(seconds) + Duration::nanoseconds(nanoseconds);
}

[[nodiscard]] constexpr Result<Duration> duration_of(const Timespec32& t) noexcept {
    return duration_of(t.seconds, t.nanoseconds);
}
[[nodiscard]] constexpr Result<Duration> duration_of(const Timespec64& t) noexcept {
    return duration_of(t.seconds, t.nanoseconds & 0xffff'ffff);
}
/// `d` must not be negative.
template <class Timespec>
[[nodiscard]] constexpr Timespec timespec_of(Duration d) noexcept {
    const SplitTime t = split(d);
    return {static_cast<decltype(Timespec::seconds)>(t.seconds),
            static_cast<decltype(Timespec::nanoseconds)>(t.nanoseconds)};
}

/// Errors: bad_address, invalid_argument.
template <class Timespec>
[[nodiscard]] Result<Duration> get_timespec(VirtAddr from) noexcept {
    return duration_of(TRY(get_user(UserPtr<const Timespec>(from))));
}
template <class Timespec>
[[nodiscard]] Status put_timespec(VirtAddr to, Duration d) noexcept {
    return put_user(UserPtr<Timespec>(to), timespec_of<Timespec>(d));
}
[[nodiscard]] inline Result<Duration> get_timespec32(VirtAddr from) noexcept {
    return get_timespec<Timespec32>(from);
}
[[nodiscard]] inline Result<Duration> get_timespec64(VirtAddr from) noexcept {
    return get_timespec<Timespec64>(from);
}

}  // namespace kidney::kernel
