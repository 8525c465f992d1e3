/// The rules of the multi-level feedback queue, one by one.
#include "sched/policies/mlfq.hpp"

#include <gtest/gtest.h>

#include <array>

namespace kidney::sched {
namespace {

constexpr Duration ms(std::int64_t n) {
    return Duration::milliseconds(n);
}
constexpr Instant at(std::uint64_t milliseconds) {
    return Instant(milliseconds * 1'000'000);
}

struct MlfqRulesTest : testing::Test {
    MlfqRulesTest() {
        for (std::size_t i = 0; i < e.size(); ++i) {
            e[i].id = static_cast<std::uint32_t>(i + 1);
        }
    }
    /// Runs alone for `time` from `now` on.
    void compute(Entity& entity, Instant now, Duration time) {
        for (Duration t; t < time; t += ms(1)) {
            static_cast<void>(mlfq.charge(entity, ms(1), now + t + ms(1)));
        }
    }
    Mlfq mlfq{MlfqRules{.levels = 3, .quantum = ms(10), .allotment = 2, .boost = ms(1000)}};
    std::array<Entity, 3> e;
};

TEST_F(MlfqRulesTest, WhoeverComputesSinksLevelByLevel) {
    mlfq.enqueue(e[0], EnqueueReason::started, at(1));
    ASSERT_EQ(mlfq.pick_next(at(1)), &e[0]);
    EXPECT_EQ(mlfq.level_of(e[0]), 0);
    compute(e[0], at(1), ms(19));
    EXPECT_EQ(mlfq.level_of(e[0]), 0);
    compute(e[0], at(20), ms(1));
    EXPECT_EQ(mlfq.level_of(e[0]), 1) << "two quanta of 10 ms";
    compute(e[0], at(21), ms(39));
    EXPECT_EQ(mlfq.level_of(e[0]), 1);
    compute(e[0], at(60), ms(1));
    EXPECT_EQ(mlfq.level_of(e[0]), 2) << "two quanta of 20 ms";
    compute(e[0], at(61), ms(500));
    EXPECT_EQ(mlfq.level_of(e[0]), 2) << "there is nothing below";
}

TEST_F(MlfqRulesTest, SleepingDoesNotGiveTheAllotmentBack) {
    Entity& gamer = e[0];
    Instant now = at(1);
    mlfq.enqueue(gamer, EnqueueReason::started, now);
    for (int piece = 0; piece < 3; ++piece) {
        EXPECT_EQ(mlfq.level_of(gamer), 0) << piece;
        ASSERT_EQ(mlfq.pick_next(now), &gamer);
        compute(gamer, now, ms(9));
        now = now + ms(10);
        mlfq.enqueue(gamer, EnqueueReason::woken, now);
    }
    EXPECT_EQ(mlfq.level_of(gamer), 1) << "three times 9 ms are more than 20";
}

TEST_F(MlfqRulesTest, ABoostLiftsWhoeverRunsWaitsAndSleeps) {
    for (Entity& entity : e) {
        mlfq.enqueue(entity, EnqueueReason::started, at(1));
        ASSERT_EQ(mlfq.pick_next(at(1)), &entity);
        compute(entity, at(1), ms(100));
        ASSERT_EQ(mlfq.level_of(entity), 2);
    }
    Entity& running = e[0];
    Entity& waiting = e[1];
    Entity& sleeping = e[2];
    mlfq.enqueue(waiting, EnqueueReason::woken, at(300));
    EXPECT_EQ(mlfq.level_of(waiting), 2);
    static_cast<void>(mlfq.charge(running, ms(1), at(1100)));
    for (const Entity& entity : e) {
        EXPECT_EQ(mlfq.level_of(entity), 0) << entity.id;
    }
    mlfq.enqueue(sleeping, EnqueueReason::woken, at(1200));
    EXPECT_EQ(mlfq.level_of(sleeping), 0);
    mlfq.remove(waiting);
    EXPECT_EQ(mlfq.pick_next(at(1200)), &sleeping);
    EXPECT_EQ(mlfq.size(), 0U);
}

TEST_F(MlfqRulesTest, TheHigherLevelPreempts) {
    Entity& low = e[0];
    mlfq.enqueue(low, EnqueueReason::started, at(1));
    ASSERT_EQ(mlfq.pick_next(at(1)), &low);
    compute(low, at(1), ms(100));
    mlfq.enqueue(e[1], EnqueueReason::started, at(102));
    EXPECT_TRUE(mlfq.preempts(e[1], low));
    EXPECT_FALSE(mlfq.preempts(low, e[1]));
    EXPECT_EQ(mlfq.charge(low, ms(1), at(103)), TickVerdict::preempt);
}

}  // namespace
}  // namespace kidney::sched
