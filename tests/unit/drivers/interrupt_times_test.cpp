/// What interrupts leave behind: that it depends on each of them, and on nothing else.
#include "drivers/random/interrupt_times.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace kidney::drivers {
namespace {

struct Noted {
    InterruptTimes times;
    Noted(std::uint64_t tenth, std::uint32_t source, std::uint32_t cpu) {
        for (std::uint64_t n = 0; n < 200; ++n) {
            times.note(CpuId(n % 2 == 0 ? 0 : cpu), n == 10 ? tenth : n * 1000,
                       n == 10 ? source : 3);
        }
    }
};

TEST(InterruptTimes, DependOnEachInterrupt) {
    const Noted usual(10'000, 3, 1);
    EXPECT_EQ(usual.times.count(), 200U);
    EXPECT_EQ(usual.times.words(), Noted(10'000, 3, 1).times.words());
    EXPECT_NE(usual.times.words(), Noted(10'001, 3, 1).times.words());
    EXPECT_NE(usual.times.words(), Noted(10'000 + (1ULL << 32U), 3, 1).times.words());
    EXPECT_NE(usual.times.words(), Noted(10'000, 4, 1).times.words());
}

TEST(InterruptTimes, KeepCpusApart) {
    InterruptTimes times;
    times.note(CpuId(2), 77, 0);
    const InterruptTimes::Words words = times.words();
    for (std::size_t n = 0; n < words.size(); ++n) {
        EXPECT_EQ(words[n] != 0, n / 2 == 2) << n;
    }
}

TEST(InterruptTimes, DoNotFadeIntoOneValue) {
    // A clock that ticks evenly is the worst case: the words must go on changing.
    InterruptTimes times;
    InterruptTimes::Words before = times.words();
    for (std::uint64_t n = 1; n < 10'000; ++n) {
        times.note(CpuId(0), n << 20U, 0);
        const InterruptTimes::Words now = times.words();
        ASSERT_NE(now, before);
        before = now;
    }
}

}  // namespace
}  // namespace kidney::drivers
