/// 4.4BSD's numbers: who gets how many ticks, and how load and recent CPU time go up and down.
#include "sched/policies/bsd.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace kidney::sched {
namespace {

/// One CPU and threads that compute, in whole ticks.
class Machine {
public:
    explicit Machine(const std::vector<int>& nice) : entities_(nice.size()), ticks_(nice.size()) {
        for (std::size_t i = 0; i < nice.size(); ++i) {
            entities_[i].id = static_cast<std::uint32_t>(i + 1);
            entities_[i].nice = static_cast<std::int8_t>(nice[i]);
            policy_.enqueue(entities_[i], EnqueueReason::started, now_);
        }
    }
    void run(std::size_t ticks) {
        for (; ticks != 0; --ticks) {
            if (running_ == nullptr) {
                running_ = policy_.pick_next(now_);
            }
            now_ = now_ + Bsd::tick;
            if (running_ == nullptr) {
                static_cast<void>(policy_.pick_next(now_));  // the clock goes on
                continue;
            }
            ++ticks_[running_->id - 1];
            if (policy_.charge(*running_, Bsd::tick, now_) == TickVerdict::preempt) {
                policy_.enqueue(*running_, EnqueueReason::preempted, now_);
                running_ = policy_.pick_next(now_);
            }
        }
    }
    void seconds(std::size_t n) { run(100 * n); }
    /// Whoever runs falls asleep.
    void sleep() {
        if (running_ == nullptr) {
            running_ = policy_.pick_next(now_);
        }
        running_ = nullptr;
    }
    [[nodiscard]] const std::vector<std::size_t>& ticks() const { return ticks_; }
    [[nodiscard]] double load() const { return policy_.load_average().hundredths() / 100.0; }
    [[nodiscard]] double recent(std::size_t i) const {
        return Bsd::recent_cpu(entities_[i]).hundredths() / 100.0;
    }

private:
    Bsd policy_;
    std::vector<Entity> entities_;
    std::vector<std::size_t> ticks_;
    Entity* running_ = nullptr;
    Instant now_;
};

/// The published table is from a model that decides once in four ticks, in floating point. Ours
/// ticks, in 17.14: a slice of difference where two are close, and to the tick the same everywhere.
void expect_ticks(const std::vector<int>& nice, const std::vector<std::size_t>& published,
                  const std::vector<std::size_t>& exact) {
    Machine machine(nice);
    machine.seconds(30);
    EXPECT_EQ(machine.ticks(), exact);
    for (std::size_t i = 0; i < published.size(); ++i) {
        EXPECT_NEAR(static_cast<double>(machine.ticks()[i]), static_cast<double>(published[i]), 4)
            << i;
    }
}

TEST(Bsd, G60TicksOfThirtySeconds) {
    expect_ticks({0, 0}, {1500, 1500}, {1500, 1500});
    expect_ticks({0, 5}, {1904, 1096}, {1900, 1100});
    expect_ticks({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {672, 588, 492, 408, 316, 232, 152, 92, 40, 8},
                 {672, 588, 496, 408, 316, 228, 152, 92, 40, 8});
    std::vector<std::size_t> twenty(10, 152);
    twenty.resize(20, 148);
    expect_ticks(std::vector<int>(20, 0), twenty, twenty);
}

TEST(Bsd, G61LoadOfSixtyThatComputeForAMinute) {
    Machine machine(std::vector<int>(60, 0));
    machine.seconds(60);
    EXPECT_NEAR(machine.load(), 60 * (1 - 0.3646), 0.5) << "1 - (59/60)^60";
    for (int i = 0; i < 60; ++i) {
        machine.sleep();
    }
    machine.seconds(60);
    EXPECT_NEAR(machine.load(), 60 * (1 - 0.3646) * 0.3646, 0.5);
}

TEST(Bsd, G62RecentCpuOfOneThatComputes) {
    Machine machine({0});
    std::size_t t = 0;
    // Just after the second's decay.
    for (const auto& [second, expected] : std::vector<std::pair<std::size_t, double>>{
             {2, 6.40}, {10, 30.08}, {30, 77.60}, {60, 125.46}, {120, 172.58}, {178, 189.63}}) {
        machine.seconds(second - t);
        t = second;
        EXPECT_NEAR(machine.recent(0), expected, 2.5) << second;
    }
}

TEST(Bsd, SleepersAreForgivenWhenTheyWake) {
    Bsd policy;
    Entity sleeper, hog;
    sleeper.id = 1;
    hog.id = 2;
    Instant now;
    policy.enqueue(sleeper, EnqueueReason::started, now);
    ASSERT_EQ(policy.pick_next(now), &sleeper);
    for (int i = 0; i < 90; ++i) {
        now = now + Bsd::tick;
        static_cast<void>(policy.charge(sleeper, Bsd::tick, now));
    }
    EXPECT_EQ(Bsd::recent_cpu(sleeper).whole(), 90);
    EXPECT_EQ(Bsd::level_of(sleeper), 63U - 90 / 4) << "at the last fourth tick: 88 of them";
    policy.enqueue(hog, EnqueueReason::started, now);
    ASSERT_EQ(policy.pick_next(now), &hog);
    for (int i = 0; i < 1000; ++i) {
        now = now + Bsd::tick;
        static_cast<void>(policy.charge(hog, Bsd::tick, now));
    }
    policy.enqueue(sleeper, EnqueueReason::woken, now);
    EXPECT_EQ(Bsd::recent_cpu(sleeper).whole(), 0);
    EXPECT_EQ(Bsd::level_of(sleeper), 63U);
    EXPECT_TRUE(policy.preempts(sleeper, hog));
}

/// Both CPUs rested, and neither has counted the seconds yet.
TEST(Bsd, MovingToAnotherCpuForgivesAsMuchAsStaying) {
    const auto recent_after_a_minute = [](bool moves) {
        sched::Bsd home, away;
        sched::Entity sleeper;
        sleeper.nice = 5;
        const auto at = [](std::int64_t seconds) { return Instant() + Duration::seconds(seconds); };
        home.enqueue(sleeper, sched::EnqueueReason::started, at(0));
        EXPECT_EQ(home.pick_next(at(0)), &sleeper);
        for (std::int64_t n = 1; n <= 100; ++n) {
            static_cast<void>(
                home.charge(sleeper, sched::Bsd::tick, at(0) + Duration::milliseconds(10 * n)));
        }
        home.leave(sleeper, sched::LeaveReason::blocked, at(1));
        if (moves) {
            home.move_out(sleeper, at(61));
            away.move_in(sleeper, at(61));
        }
        (moves ? away : home).enqueue(sleeper, sched::EnqueueReason::woken, at(61));
        return sched::Bsd::recent_cpu(sleeper).raw();
    };
    EXPECT_EQ(recent_after_a_minute(true), recent_after_a_minute(false));
}

TEST(Fixed, IsSeventeenPointFourteen) {
    EXPECT_EQ(Fixed(1).raw(), 16384);
    EXPECT_EQ(Fixed::ratio(59, 60).raw(), 16110);
    EXPECT_EQ(Fixed::ratio(1, 60).raw(), 273);
    EXPECT_EQ((Fixed::ratio(-7, 2)).whole(), -3) << "towards zero";
    EXPECT_EQ((Fixed(5) / Fixed(2)).hundredths(), 250);
    EXPECT_EQ((Fixed(-5) / Fixed(2)).hundredths(), -250);
    EXPECT_EQ((Fixed(3) * Fixed::ratio(1, 2)).raw(), 3 * 8192);
    EXPECT_EQ(Fixed::ratio(1, 200).hundredths(), 0) << "the nearest: 0.499 hundredths";
}

}  // namespace
}  // namespace kidney::sched
