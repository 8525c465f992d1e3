/// What time it is without a system call: the kernel's own clock, over the page of it that programs
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

constexpr std::uint32_t of_machine =
    1U << abi::clock_monotonic | 1U << abi::clock_monotonic_raw | 1U << abi::clock_boottime;
constexpr std::uint32_t of_day = 1U << abi::clock_realtime;
constexpr std::uint32_t coarse_of_machine = 1U << abi::clock_monotonic_coarse;
constexpr std::uint32_t coarse_of_day = 1U << abi::clock_realtime_coarse;

/// A call of the kernel's with two arguments, for what it alone knows.
int ask_kernel(int call, std::uint32_t first, const void* second) noexcept {
    int outcome = call;
    asm volatile("int $0x80" : "+a"(outcome) : "b"(first), "c"(second) : "memory");
    return outcome;
}

[[nodiscard]] SplitTime time_of_day() noexcept {
    return split(Clock::now() - Instant() + Duration::nanoseconds(clock_state.time_of_day.load()));
}

template <class Timespec>
int read_clock(int call, std::uint32_t clock, Timespec* to) noexcept {
    SplitTime now{};
    if (includes(of_machine | coarse_of_machine, clock)) {
        now = split(Clock::now() - Instant());
    } else if (includes(of_day | coarse_of_day, clock)) {
        now = time_of_day();
    } else {
        return ask_kernel(call, clock, to);
    }
    to->seconds = static_cast<decltype(to->seconds)>(now.seconds);
    to->nanoseconds = static_cast<decltype(to->nanoseconds)>(now.nanoseconds);
    return 0;
}

}  // namespace

extern "C" {
[[gnu::visibility("default")]] int clock_gettime32(std::uint32_t clock, Timespec32* to) noexcept
    asm("__vdso_clock_gettime");
[[gnu::visibility("default")]] int clock_gettime64(std::uint32_t clock, Timespec64* to) noexcept
    asm("__vdso_clock_gettime64");
[[gnu::visibility("default")]] int clock_getres32(std::uint32_t clock, Timespec32* to) noexcept
    asm("__vdso_clock_getres");
[[gnu::visibility("default")]] int gettimeofday(abi::Timeval* to, void* zone) noexcept
    asm("__vdso_gettimeofday");
[[gnu::visibility("default")]] std::int32_t seconds_of_day(std::int32_t* to) noexcept
    asm("__vdso_time");

int clock_gettime32(std::uint32_t clock, Timespec32* to) noexcept {
    return read_clock(__NR_clock_gettime, clock, to);
}
int clock_gettime64(std::uint32_t clock, Timespec64* to) noexcept {
    return read_clock(__NR_clock_gettime64, clock, to);
}
int clock_getres32(std::uint32_t clock, Timespec32* to) noexcept {
    if (!includes(of_machine | of_day, clock)) {
        return ask_kernel(__NR_clock_getres, clock, to);
    }
    if (to != nullptr) {
        *to = {0, 1};
    }
    return 0;
}
int gettimeofday(abi::Timeval* to, void* zone) noexcept {
    if (to == nullptr || zone != nullptr) {  // the zone is the kernel's
        return ask_kernel(__NR_gettimeofday, reinterpret_cast<std::uint32_t>(to), zone);
    }
    const SplitTime now = time_of_day();
    *to = {static_cast<std::int32_t>(now.seconds),
           static_cast<std::int32_t>(now.nanoseconds / 1000)};
    return 0;
}
std::int32_t seconds_of_day(std::int32_t* to) noexcept {
    const auto now = static_cast<std::int32_t>(time_of_day().seconds);
    if (to != nullptr) {
        *to = now;
    }
    return now;
}
}

}  // namespace kidney::arch
