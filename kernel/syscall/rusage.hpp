/// struct rusage from CPU times.
#pragma once

#include "kernel/process/process.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kidney/abi/resource.hpp"

namespace kidney::kernel {

[[nodiscard]] constexpr abi::Timeval timeval_of(Duration d) noexcept {
    constexpr std::int64_t second = 1'000'000'000;
    return {static_cast<std::int32_t>(d.count() / second),
            static_cast<std::int32_t>(d.count() % second / 1000)};
}

[[nodiscard]] inline Status put_rusage(VirtAddr to, const CpuTimes& times) noexcept {
    abi::Rusage usage{};
    usage.user_time = timeval_of(times.user);
    usage.system_time = timeval_of(times.system);
    return put_user(UserPtr<abi::Rusage>(to), usage);
}

}  // namespace kidney::kernel
