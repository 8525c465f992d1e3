/// When a periodic timer rings again.
#include "proc/time/timer_schedule.hpp"

#include "proc/time/cpu_clock.hpp"

#include <gtest/gtest.h>

namespace kidney::proc {
namespace {

constexpr Duration ms(std::int64_t n) {
    return Duration::milliseconds(n);
}
constexpr TimerSchedule every_ten(Duration expiry) {
    return {expiry, ms(10), true};
}

TEST(TimerSchedule, KeepsItsBeatHoweverLateItIsServed) {
    for (const std::int64_t late : {0, 3, 9}) {
        TimerSchedule s = every_ten(ms(100));
        EXPECT_EQ(s.advance(ms(100 + late)), 1U);
        EXPECT_EQ(s.expiry, ms(110));
    }
}

TEST(TimerSchedule, CountsWhatItMissedAndDoesNotMakeUpForIt) {
    TimerSchedule s = every_ten(ms(100));
    EXPECT_EQ(s.advance(ms(157)), 6U);
    EXPECT_EQ(s.expiry, ms(160));
    EXPECT_EQ(s.remaining(ms(158)), ms(2));
    EXPECT_EQ(s.remaining(ms(160)), Duration::nanoseconds(1)) << "due, not served";
}

TEST(TimerSchedule, StaysWhereItIsWhenTheClockIsSetBack) {
    for (const std::int64_t now : {95, 85, -100'000}) {
        TimerSchedule s = every_ten(ms(100));
        EXPECT_EQ(s.advance(ms(now)), 0U);
        EXPECT_TRUE(s.is_armed);
        EXPECT_EQ(s.expiry, ms(100));
    }
}

TEST(TimerSchedule, WithoutAnIntervalRingsOnce) {
    TimerSchedule s{ms(100), {}, true};
    EXPECT_EQ(s.advance(ms(100)), 0U);
    EXPECT_FALSE(s.is_armed);
    EXPECT_EQ(s.remaining(ms(100)), Duration());
}

TEST(TimerSchedule, TheShortestAndTheLongestIntervalEndAfterNow) {
    TimerSchedule shortest{ms(0), Duration::nanoseconds(1), true};
    EXPECT_EQ(shortest.advance(ms(5)), 5'000'001U);
    EXPECT_EQ(shortest.expiry, ms(5) + Duration::nanoseconds(1));
    TimerSchedule longest{ms(7), Duration::longest(), true};
    EXPECT_EQ(longest.advance(ms(8)), 1U);
    EXPECT_EQ(longest.expiry, Duration::longest());
}

TEST(CpuClock, IdsAreThoseOfTheLibrary) {
    // MAKE_PROCESS_CPUCLOCK(pid, kind) and MAKE_THREAD_CPUCLOCK of the C library.
    const auto id = [](std::int32_t pid, std::uint32_t kind) {
        return static_cast<std::uint32_t>(~pid) << 3 | kind;
    };
    EXPECT_EQ(cpu_clock_of(id(77, 2)), (CpuClock{CpuClock::Kind::scheduled, false, Pid(77)}));
    EXPECT_EQ(cpu_clock_of(id(0, 1 | 4)), (CpuClock{CpuClock::Kind::user, true, Pid(0)}));
    EXPECT_EQ(cpu_clock_of(id(5, 0)), (CpuClock{CpuClock::Kind::profile, false, Pid(5)}));
    EXPECT_FALSE(cpu_clock_of(id(5, 3))) << "a clock behind a descriptor";
    EXPECT_FALSE(cpu_clock_of(id(5, 7)));
    EXPECT_EQ(cpu_clock_of(2), CpuClock{});
    EXPECT_TRUE(cpu_clock_of(3)->of_thread);
    EXPECT_FALSE(cpu_clock_of(0));
    EXPECT_FALSE(cpu_clock_of(99));
}

}  // namespace
}  // namespace kidney::proc
