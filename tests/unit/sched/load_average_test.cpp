#include "sched/load_average.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace kidney::sched {
namespace {

TEST(LoadAverage, FollowsTheExponential) {
    constexpr double minutes[] = {1, 5, 15};
    LoadAverage load;
    for (int n = 1; n <= 12 * 30; ++n) {
        load.sample(3);
        for (std::size_t i = 0; i < LoadAverage::periods; ++i) {
            const double exact = 3 * (1 - std::exp(-n * 5.0 / (60 * minutes[i])));
            ASSERT_NEAR(load.hundredths(i) / 100.0, exact, 0.02) << n << " " << i;
        }
    }
    for (int n = 1; n <= 12 * 5; ++n) {
        load.sample(0);
    }
    EXPECT_NEAR(load.hundredths(0) / 100.0, 3 * std::exp(-5.0), 0.03);
}

TEST(LoadAverage, ASteadyLoadIsReachedAndLeft) {
    LoadAverage load;
    for (int n = 0; n < 12 * 60 * 5; ++n) {
        load.sample(1);
    }
    for (std::size_t i = 0; i < LoadAverage::periods; ++i) {
        EXPECT_EQ(load.hundredths(i), 100U);
    }
    for (int n = 0; n < 12 * 60 * 5; ++n) {
        load.sample(0);
    }
    for (std::size_t i = 0; i < LoadAverage::periods; ++i) {
        EXPECT_EQ(load.hundredths(i), 0U);
    }
}

TEST(LoadAverage, ManyThreadsDoNotOverflow) {
    LoadAverage load;
    for (int n = 0; n < 10000; ++n) {
        load.sample(4096);
    }
    EXPECT_EQ(load.hundredths(0), 409600U);
}

}  // namespace
}  // namespace kidney::sched
