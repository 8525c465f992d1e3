/// What threads and CPUs have had so far: for /proc, and for whoever asks why something is slow.
#pragma once

#include "kidney/core/time.hpp"

#include <algorithm>
#include <cstdint>

namespace kidney::sched {

struct ThreadStatistics {
    Duration ran;             ///< CPU time
    Duration waited;          ///< ready, while others ran
    Duration longest_wait;    ///< of one stay in a queue, or of several in a row
    std::uint32_t picks = 0;  ///< how often it was given a CPU
    std::uint32_t preemptions =
        0;                         ///< how often it left one although it was ready, yields included
    std::uint32_t migrations = 0;  ///< how often it went to another CPU

    /// It gets a CPU after it was ready since `since`. Returns how long that was.
    Duration picked(Instant since, Instant now) noexcept {
        // Another CPU's clock may be a little ahead.
        const Duration wait = now < since ? Duration() : now - since;
        waited += wait;
        longest_wait = std::max(longest_wait, wait);
        ++picks;
        return wait;
    }
};

struct CpuStatistics {
    Duration ran;             ///< by threads, the idle one not counted
    Duration waited;          ///< by the threads that ran here, before they did
    std::uint32_t picks = 0;  ///< how often a thread was given this CPU
    std::uint32_t idles = 0;  ///< how often there was none
    std::uint32_t yields = 0;
    std::uint32_t wakeups = 0;       ///< threads that woke up into its queue
    std::uint32_t wakeups_here = 0;  ///< of these, the ones that it woke itself
};

}  // namespace kidney::sched
