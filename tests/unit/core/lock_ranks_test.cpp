#include "kidney/core/lock.hpp"

#include <gtest/gtest.h>

namespace kidney {
namespace {

constexpr LockRank outer{1, "outer"};
constexpr LockRank inner{2, "inner"};

TEST(HeldRanks, AcceptsIncreasingRanksReleasedInAnyOrder) {
    HeldRanks held;
    held.push(outer);
    held.push(inner);
    EXPECT_STREQ(held.innermost(), "inner");
    held.pop(outer);
    held.pop(inner);
    EXPECT_EQ(held.depth(), 0U);
}

TEST(HeldRanksDeathTest, RefusesAnInversion) {
    HeldRanks held;
    held.push(inner);
    EXPECT_DEATH(held.push(outer), "lock order");
    EXPECT_DEATH(held.push(inner), "lock order");
    EXPECT_DEATH(held.pop(outer), "not held");
}

}  // namespace
}  // namespace kidney
