/// Levels in use, against a plain set.
#include "sched/policies/level_set.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace kidney::sched {
namespace {

template <unsigned levels>
void compare_with_a_set() {
    LevelSet<levels> used;
    std::set<unsigned> plain;
    std::mt19937 random(levels);
    for (int step = 0; step < 20000; ++step) {
        // By turns few and many.
        const auto level = static_cast<unsigned>(random() % levels);
        if (random() % 100 < (step / 1000 % 2 == 0 ? 30 : 70)) {
            used.insert(level);
            plain.insert(level);
        } else {
            used.erase(level);
            plain.erase(level);
        }
        ASSERT_EQ(used.contains(level), plain.contains(level));
        const auto other = static_cast<unsigned>(random() % levels);
        ASSERT_EQ(used.contains(other), plain.contains(other));
        ASSERT_EQ(used.has_above(other), plain.upper_bound(other) != plain.end());
        if (!plain.empty()) {
            ASSERT_EQ(used.highest(), *plain.rbegin());
        }
    }
}

TEST(LevelSet, Is64Levels) {
    compare_with_a_set<64>();
}
TEST(LevelSet, Is1024Levels) {
    compare_with_a_set<1024>();
    compare_with_a_set<32>();
}

}  // namespace
}  // namespace kidney::sched
