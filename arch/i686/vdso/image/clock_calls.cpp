/// clock_gettime without a system call: the kernel's own clock, over the page of it that programs
/// may read. Runs in user mode.
#include "arch/i686/time/clock.hpp"
#include "kidney/abi/resource.hpp"

#include <asm/unistd_32.h>
#include <cstdint>

namespace kidney::arch {
namespace {

struct Timespec32 {
    std::int32_t seconds, nanoseconds;
};
struct Timespec64 {
    std::int64_t seconds, nanoseconds;
};

constexpr bool includes(std::uint32_t set, std::uint32_t clock) noexcept {
    return clock < 32 && (set >> clock & 1U) != 0;
}

template <class Timespec>
int read_clock(int call, std::uint32_t clock, Timespec* to) noexcept {
    using namespace abi;
    constexpr std::uint32_t of_machine = 1U << clock_monotonic | 1U << clock_monotonic_raw |
                                         1U << clock_monotonic_coarse | 1U << clock_boottime;
    constexpr std::uint32_t of_day = 1U << clock_realtime | 1U << clock_realtime_coarse;
    if (!includes(of_machine | of_day, clock)) {
        int outcome = call;
        asm volatile("int $0x80" : "+a"(outcome) : "b"(clock), "c"(to) : "memory");
        return outcome;
    }
    Duration now = Clock::now() - Instant();
    if (includes(of_day, clock)) {
        now += Duration::nanoseconds(clock_state.time_of_day.load());
    }
    const SplitTime t = split(now);
    to->seconds = static_cast<decltype(to->seconds)>(t.seconds);
    to->nanoseconds = static_cast<decltype(to->nanoseconds)>(t.nanoseconds);
    return 0;
}

}  // namespace

extern "C" {
[[gnu::visibility("default")]] int clock_gettime32(std::uint32_t clock, Timespec32* to) noexcept
    asm("__vdso_clock_gettime");
[[gnu::visibility("default")]] int clock_gettime64(std::uint32_t clock, Timespec64* to) noexcept
    asm("__vdso_clock_gettime64");

int clock_gettime32(std::uint32_t clock, Timespec32* to) noexcept {
    return read_clock(__NR_clock_gettime, clock, to);
}
int clock_gettime64(std::uint32_t clock, Timespec64* to) noexcept {
    return read_clock(__NR_clock_gettime64, clock, to);
}
}

}  // namespace kidney::arch
