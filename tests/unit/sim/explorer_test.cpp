/// The explorer itself, on scenarios whose number of interleavings can be counted by hand.
#include "sim/explorer.hpp"

#include <gtest/gtest.h>

#include <set>

namespace kidney::sim {
namespace {

std::set<std::string> outcomes;

/// Two threads of two steps each: 4! / (2! 2!) = 6 orders.
struct TwoByTwo {
    static constexpr std::size_t threads = 2;
    std::string order;
    ExploredCpu::Atomic<std::uint32_t> x{0};
    void run(std::size_t thread) {
        for (int i = 0; i < 2; ++i) {
            x.store(0);
            order += static_cast<char>('a' + thread);
        }
    }
    void check() { outcomes.insert(order); }
};

TEST(Explorer, VisitsEveryInterleaving) {
    outcomes.clear();
    const Exploration all = explore<TwoByTwo>({.preemptions = 10});
    EXPECT_TRUE(all.passed()) << all.failure;
    EXPECT_EQ(outcomes, (std::set<std::string>{"aabb", "abab", "abba", "baab", "baba", "bbaa"}));
}

TEST(Explorer, TheBoundLimitsPreemptions) {
    outcomes.clear();
    EXPECT_TRUE(explore<TwoByTwo>({.preemptions = 0}).passed());
    EXPECT_EQ(outcomes, (std::set<std::string>{"aabb", "bbaa"}));
    EXPECT_TRUE(explore<TwoByTwo>({.preemptions = 1}).passed());
    EXPECT_EQ(outcomes, (std::set<std::string>{"aabb", "abba", "baab", "bbaa"}));
}

/// x = x + 1 without a lock.
struct LostUpdate {
    static constexpr std::size_t threads = 2;
    ExploredCpu::Atomic<std::uint32_t> x{0};
    void run(std::size_t) { x.store(x.load() + 1); }
    void check() { require(x.load() == 2, "an update was lost"); }
};

TEST(Explorer, FindsALostUpdateAndReplaysIt) {
    const Exploration found = explore<LostUpdate>({.preemptions = 1});
    EXPECT_EQ(found.failure, "an update was lost");
    EXPECT_FALSE(found.schedule.empty());
    const Exploration again = replay<LostUpdate>(found.schedule);
    EXPECT_EQ(again.failure, found.failure);
    EXPECT_EQ(again.schedule, found.schedule);
    EXPECT_TRUE(explore<LostUpdate>({.preemptions = 0}).passed());
}

struct SpinsForever {
    static constexpr std::size_t threads = 2;
    ExploredCpu::Atomic<std::uint32_t> flag{0};
    void run(std::size_t thread) {
        if (thread == 0) {
            while (flag.load() == 0) {
                ExploredCpu::relax();
            }
        }
    }
    void check() {}
};

TEST(Explorer, ALoopThatNobodyEndsIsAFailure) {
    const Exploration found = explore<SpinsForever>();
    EXPECT_NE(found.failure.find("thread 0 spins"), std::string::npos) << found.failure;
}

}  // namespace
}  // namespace kidney::sim
