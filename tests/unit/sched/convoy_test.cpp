/// Two CPUs that take one mutex again and again, for moments: the convoy, and what ends it.
#include "tests/support/sim_world.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace kidney::test {
namespace {

constexpr LockRank short_sections{30, "short sections"};

/// Of two threads, each on a CPU of its own, how often one left a CPU before both had ended.
template <std::uint32_t Tries>
std::uint32_t switches() {
    constexpr int rounds = 200;
    SimWorld<> world({.cpus = 2, .seed = 7});
    sched::Mutex<short_sections, SimWorld<>::Threads, Tries> mutex;
    std::uint32_t count = 0, inside = 0;
    world.on_switch = [&](const auto& from, const auto&) {
        count += from.name() == "taker" ? 1U : 0U;
    };
    for (int n = 0; n < 2; ++n) {
        world.spawn("taker", [&] {
            for (int i = 0; i < rounds; ++i) {
                {
                    LockGuard guard(mutex);
                    EXPECT_EQ(++inside, 1U);
                    SimWorld<>::compute(Duration::microseconds(2));
                    --inside;
                }
                SimWorld<>::compute(Duration::microseconds(2));
            }
        });
    }
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    return count;
}

TEST(Convoy, AHandedOverMutexOfShortSectionsCostsASwitchEachTime) {
    EXPECT_GT(switches<1>(), 200U);
}
TEST(Convoy, WhoLooksAgainBeforeItSleepsHardlyEverSleeps) {
    EXPECT_LT(switches<1000>(), 10U);
}

}  // namespace
}  // namespace kidney::test
