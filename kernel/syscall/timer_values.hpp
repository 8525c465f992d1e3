/// Settings of timers as programs pass them.
#pragma once

#include "kernel/syscall/time_values.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"

namespace kidney::kernel {

/// struct itimerspec.
template <class Timespec>
struct TimerSpec {
    Timespec interval, value;
};

/// Of a `Setting` with `remaining` and `interval`. Error: bad_address.
template <class Timespec, class Setting>
[[nodiscard]] Status put_timer(VirtAddr to, const Setting& s) noexcept {
    return put_user(UserPtr<TimerSpec<Timespec>>(to),
                    {timespec_of<Timespec>(s.interval), timespec_of<Timespec>(s.remaining)});
}
}  // namespace kidney::kernel
