/// When a periodic timer rings again.
#include "kernel/process/interval_timer.hpp"

#include <gtest/gtest.h>

namespace kidney::kernel {
namespace {

constexpr Duration ten = Duration::milliseconds(10);

Instant at(std::int64_t milliseconds) {
    return Instant() + Duration::milliseconds(milliseconds);
}

TEST(IntervalTimer, KeepsItsBeatHoweverLateItIsServed) {
    EXPECT_EQ(next_ring(at(100), ten, at(100)), at(110));
    EXPECT_EQ(next_ring(at(100), ten, at(103)), at(110));
    EXPECT_EQ(next_ring(at(100), ten, at(109)), at(110));
}

TEST(IntervalTimer, DoesNotMakeUpForWhatItMissed) {
    EXPECT_EQ(next_ring(at(100), ten, at(110)), at(120));
    EXPECT_EQ(next_ring(at(100), ten, at(157)), at(160));
}

TEST(IntervalTimer, WithoutAnIntervalRingsOnce) {
    EXPECT_EQ(next_ring(at(100), Duration(), at(100)), Instant::never());
}

TEST(IntervalTimer, TheShortestAndTheLongestIntervalEndAfterNow) {
    const Duration longest = Duration::seconds(std::int64_t{1} << 31);
    EXPECT_EQ(next_ring(at(0), Duration::nanoseconds(1), at(5)), at(5) + Duration::nanoseconds(1));
    EXPECT_EQ(next_ring(at(7), longest, at(8)), at(7) + longest);
}

}  // namespace
}  // namespace kidney::kernel
