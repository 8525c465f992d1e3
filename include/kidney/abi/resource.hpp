/// Resource limits, usage and clocks as programs see them (Linux i386).
///
/// Own definitions: <linux/resource.h> and <linux/time.h> define struct timeval a second time where
/// the C library's headers are in reach, which C++'s own headers drag in.
#pragma once

#include <cstdint>

namespace kidney::abi {

/// RLIMIT_*
enum LimitKind : std::uint32_t {
    limit_cpu = 0,
    limit_file_size = 1,
    limit_data = 2,
    limit_stack = 3,
    limit_core = 4,
    limit_resident = 5,
    limit_processes = 6,
    limit_open_files = 7,
    limit_locked = 8,
    limit_address_space = 9,
    limit_file_locks = 10,
    limit_pending_signals = 11,
    limit_message_queue = 12,
    limit_nice = 13,
    limit_realtime_priority = 14,
    limit_realtime_time = 15,
    limit_kinds = 16,
};

struct Timeval {
    std::int32_t seconds;
    std::int32_t microseconds;
};
struct Itimerval {
    Timeval interval;
    Timeval value;
};

struct Rusage {
    Timeval user_time, system_time;
    std::uint32_t peak_kib;
    std::uint32_t integrals[3];  ///< nobody keeps them
    std::uint32_t minor_faults, major_faults;
    std::uint32_t swaps, blocks_read, blocks_written, messages_sent, messages_received, signals;
    std::uint32_t voluntary_switches, involuntary_switches;
};
static_assert(sizeof(Rusage) == 72);

inline constexpr std::int32_t usage_self = 0, usage_children = -1, usage_thread = 1;

/// PRIO_*
inline constexpr std::uint32_t priority_process = 0, priority_group = 1, priority_user = 2;

/// CLOCK_*
enum ClockId : std::uint32_t {
    clock_realtime = 0,
    clock_monotonic = 1,
    clock_process_cputime = 2,
    clock_thread_cputime = 3,
    clock_monotonic_raw = 4,
    clock_realtime_coarse = 5,
    clock_monotonic_coarse = 6,
    clock_boottime = 7,
    clock_realtime_alarm = 8,
    clock_boottime_alarm = 9,
    clock_tai = 11,
};
inline constexpr std::uint32_t timer_absolute = 1;  ///< TIMER_ABSTIME

/// ITIMER_*
inline constexpr std::uint32_t timer_real = 0, timer_virtual = 1, timer_profile = 2;

}  // namespace kidney::abi
