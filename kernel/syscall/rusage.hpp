/// struct rusage.
#pragma once

#include "kernel/process/process.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kidney/abi/resource.hpp"

#include <algorithm>

namespace kidney::kernel {

[[nodiscard]] constexpr abi::Timeval timeval_of(Duration d) noexcept {
    constexpr std::int64_t second = 1'000'000'000;
    return {static_cast<std::int32_t>(d.count() / second),
            static_cast<std::int32_t>(d.count() % second / 1000)};
}

[[nodiscard]] inline Status put_rusage(VirtAddr to, const Usage& usage) noexcept {
    abi::Rusage told{};
    told.user_time = timeval_of(usage.times.user);
    told.system_time = timeval_of(usage.times.system);
    told.peak_kib = usage.peak_pages * (page_size / 1024);
    told.minor_faults = usage.faults;
    told.voluntary_switches = usage.switches - std::min(usage.switches, usage.preemptions);
    told.involuntary_switches = usage.preemptions;
    return put_user(UserPtr<abi::Rusage>(to), told);
}

}  // namespace kidney::kernel
