/// What a process has used: CPU time, and what getrusage(2) counts.
#pragma once

#include "kidney/core/time.hpp"

#include <cstdint>

namespace kidney::proc {

/// CPU time in user and kernel mode; of a process, or of the children it has waited for.
struct CpuTimes {
    Duration user, system;
    [[nodiscard]] constexpr Duration total() const noexcept { return user + system; }
    friend constexpr CpuTimes operator+(CpuTimes a, CpuTimes b) noexcept {
        return {a.user + b.user, a.system + b.system};
    }
};

/// What getrusage(2) tells of a process, or of the children it has waited for.
struct Usage {
    CpuTimes times{};
    std::uint32_t peak_pages = 0;   ///< the most that were ever present at once
    std::uint32_t faults = 0;       ///< pages that it touched and that were not there
    std::uint32_t switches = 0;     ///< how often it was given a CPU
    std::uint32_t preemptions = 0;  ///< how often it left one against its will

    friend constexpr Usage operator+(const Usage& a, const Usage& b) noexcept {
        return {a.times + b.times, a.peak_pages > b.peak_pages ? a.peak_pages : b.peak_pages,
                a.faults + b.faults, a.switches + b.switches, a.preemptions + b.preemptions};
    }
};

}  // namespace kidney::proc
