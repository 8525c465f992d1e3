/// Time values: splitting without a division, and numbers of 64 bits read in two steps.
#include "kidney/core/time.hpp"

#include "kidney/core/sequenced.hpp"

#include <gtest/gtest.h>

#include <random>
#include <thread>

namespace kidney {
namespace {

constexpr std::int64_t second = 1'000'000'000;

SplitTime by_division(std::int64_t n) {
    return {n / second, static_cast<std::uint32_t>(n % second)};
}

TEST(SplitTime, AgreesWithTheDivisionAtEveryEdge) {
    static_assert(split(Duration::longest()) == SplitTime{9'223'372'036, 854'775'807});
    for (const std::int64_t around :
         {std::int64_t{0}, second, std::int64_t{1} << 31, std::int64_t{1} << 32, 2 * second,
          4294967296 * second, 9223372035 * second}) {
        for (std::int64_t n = around - 3; n <= around + 3; ++n) {
            if (n >= 0) {
                EXPECT_EQ(split(Duration::nanoseconds(n)), by_division(n)) << n;
            }
        }
    }
}

TEST(SplitTime, AgreesWithTheDivisionAnywhere) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 100'000; ++i) {
        const auto n = static_cast<std::int64_t>(random() >> (1 + random() % 63));
        ASSERT_EQ(split(Duration::nanoseconds(n)), by_division(n)) << n;
    }
}

TEST(Duration, TheLongestReachesFromAnyInstantWithoutWrapping) {
    const Instant late(std::uint64_t{1} << 62);
    EXPECT_GT(late + Duration::longest(), late);
    EXPECT_NE(late + Duration::longest(), Instant::never());
}

TEST(Sequenced64, AReaderNeverSeesHalfAWrite) {
    Sequenced64 number;
    constexpr int rounds = 200'000;
    std::thread writer([&] {
        for (std::int64_t i = 1; i <= rounds; ++i) {
            number.store(i << 32 | i);
        }
    });
    std::int64_t last = 0;
    while (last >> 32 != rounds) {
        const std::int64_t now = number.load();
        ASSERT_EQ(now >> 32, now & 0xffff'ffff);
        ASSERT_GE(now, last);
        last = now;
    }
    writer.join();
}

}  // namespace
}  // namespace kidney
