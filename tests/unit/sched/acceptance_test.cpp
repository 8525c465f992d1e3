/// Acceptance: what teaching kernels check a scheduler with, in virtual time. The machine takes
/// nanoseconds for what it does, so milliseconds are exact. Donation has a file of its own
/// (donation_test.cpp), and so have the numbers of 4.4BSD (bsd_test.cpp);
/// user/tests/acceptance.cpp asks the same of the running kernel.
#include "sched/policies/bsd.hpp"
#include "sched/policies/fixed_priority.hpp"
#include "sched/policies/round_robin.hpp"
#include "tests/support/stage.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace kidney::test {
namespace {

constexpr LockRank lock_rank{10, "lock"};

using Strict = Stage<sched::FixedPriority>;
using Turns = Stage<sched::RoundRobin>;

// --- Alarms ---

/// Five sleepers; the n-th alarm of sleeper i is at n (i + 1) 10 ms. They ring in the order of
/// their times, each at its time, and of equal times the one that was set first.
template <class S>
void expect_alarms_in_order(int alarms) {
    S stage;
    using Alarm = std::tuple<std::int64_t, std::int64_t, int>;  // when, set when, whose
    std::vector<Alarm> expected, rang;
    const Instant start = Instant() + ms(100);
    for (int who = 0; who < 5; ++who) {
        for (int n = 1; n <= alarms; ++n) {
            const std::int64_t period = (who + 1) * 10;
            expected.emplace_back(100 + n * period, n == 1 ? 0 : 100 + (n - 1) * period, who);
        }
        stage.spawn("sleeper", 31, [&stage, &rang, who, alarms, start] {
            for (int n = 1; n <= alarms; ++n) {
                const Instant set = stage.now();
                stage.sleep_until(start + ms((who + 1) * 10 * n));
                rang.emplace_back((stage.now() - Instant()).count() / 1'000'000,
                                  (set - Instant()).count() / 1'000'000, who);
                EXPECT_LT((stage.now() - Instant()).count() % 1'000'000, 10'000);
            }
        });
    }
    EXPECT_EQ(stage.world.run(), sim::Outcome::stopped) << stage.world.report();
    std::ranges::sort(expected);
    EXPECT_EQ(rang, expected);
}
TEST(Acceptance, OneAlarmForEach) {
    expect_alarms_in_order<Turns>(1);
    expect_alarms_in_order<Strict>(1);
}
TEST(Acceptance, SevenAlarmsForEach) {
    expect_alarms_in_order<Turns>(7);
    expect_alarms_in_order<Strict>(7);
}

TEST(Acceptance, AlarmsAtTheSameTimeRingTogether) {
    Turns stage;
    for (int who = 0; who < 3; ++who) {
        stage.spawn("sleeper", 31, [&stage] {
            for (int n = 1; n <= 5; ++n) {
                stage.sleep_until(Instant() + ms(10 * n));
                stage.tell(static_cast<int>((stage.now() - Instant()).count() / 1'000'000));
            }
        });
    }
    EXPECT_EQ(stage.play([] {}), "10 10 10 20 20 20 30 30 30 40 40 40 50 50 50");
}

TEST(Acceptance, OfThoseThatWakeAtOnceTheUrgentOneIsFirst) {
    Strict stage;
    EXPECT_EQ(stage.play([&stage] {
        const Instant at = stage.now() + ms(50);
        for (int n = 0; n < 10; ++n) {
            const int priority = 21 + (n * 3 + 5) % 10;
            stage.spawn("sleeper", priority, [&stage, at, priority] {
                stage.sleep_until(at);
                stage.tell(priority);
            });
        }
        stage.sleep_until(at + ms(10));
    }),
              "30 29 28 27 26 25 24 23 22 21");
}

TEST(Acceptance, AnAlarmOfThePastIsNoSleep) {
    Turns stage;
    EXPECT_EQ(stage.play([&stage] {
        const Instant before = stage.now();
        stage.sleep_until(before);
        stage.sleep_until(Instant());
        stage.tell(stage.now() - before < ms(1) ? "at once" : "later");
    }),
              "at once");
}

// --- Preemption ---

TEST(Acceptance, AnUrgentThreadRunsWhileItIsStarted) {
    Strict stage;
    EXPECT_EQ(stage.play([&stage] {
        stage.spawn("urgent", 32, [&stage] {
            for (int n = 0; n < 3; ++n) {
                stage.tell(n);
                stage.yield();  // to nobody: the other one is below
            }
            stage.tell("done");
        });
        stage.tell("main");
    }),
              "0 1 2 done main");
}

TEST(Acceptance, WhoeverLowersItselfGivesWay) {
    Strict stage;
    EXPECT_EQ(stage.play([&stage] {
        stage.spawn("other", 30, [&stage] {
            stage.tell("other");
            stage.set_priority(stage.world.current(), 28);
            stage.tell("exits");
        });
        stage.tell("main");
        stage.set_priority(stage.world.current(), 29);
        stage.tell("between");
        stage.set_priority(stage.world.current(), 27);
        stage.tell("last");
    }),
              "main other between exits last");
}

TEST(Acceptance, EqualsTakeTurnsInTheOrderOfTheirComing) {
    Strict stage;
    std::string expected;
    for (int round = 0; round < 16; ++round) {
        for (int who = 0; who < 16; ++who) {
            expected += (expected.empty() ? "" : " ") + std::to_string(who);
        }
    }
    EXPECT_EQ(stage.play(
                  [&stage] {
                      for (int who = 0; who < 16; ++who) {
                          stage.spawn("equal", 32, [&stage, who] {
                              for (int n = 0; n < 16; ++n) {
                                  stage.tell(who);
                                  stage.yield();
                              }
                          });
                      }
                  },
                  40),
              expected);
}

/// SCHED_FIFO and SCHED_RR at the same level: 15 ms of work each, slices of 10 ms.
TEST(Acceptance, WhoRunsOnHasNoSlices) {
    const auto play = [](bool runs_on) {
        Strict stage;
        const auto work = [&stage](std::string_view name) {
            return [&stage, name] {
                for (int n = 0; n < 5; ++n) {
                    stage.world.compute(ms(3));
                    stage.tell(name);
                }
            };
        };
        return stage.play(
            [&] {
                auto& a = stage.spawn("a", 31, work("a"));
                stage.spawn("b", 31, work("b"));
                if (runs_on) {
                    stage.set_runs_on(a);
                }
            },
            40);
    };
    EXPECT_EQ(play(false), "a a a b b b a a b b");
    EXPECT_EQ(play(true), "a a a a a b b b b b");
}

/// Whoever runs on was not through when somebody above came: it is the next of its level again.
TEST(Acceptance, WhoRunsOnKeepsItsPlaceWhenItIsPreempted) {
    const auto play = [](bool runs_on) {
        Strict stage;
        return stage.play(
            [&] {
                auto& a = stage.spawn("a", 31, [&stage] {
                    stage.world.compute(ms(6));
                    stage.tell("a");
                });
                stage.spawn("b", 31, [&stage] {
                    stage.world.compute(ms(6));
                    stage.tell("b");
                });
                stage.spawn("urgent", 35, [&stage] {
                    stage.world.sleep(ms(3));
                    stage.tell("urgent");
                });
                if (runs_on) {
                    stage.set_runs_on(a);
                }
            },
            40);
    };
    EXPECT_EQ(play(false), "urgent b a");
    EXPECT_EQ(play(true), "urgent a b");
}

// --- Blocking, under 4.4BSD ---

/// One computes for twenty seconds, then asks for a lock whose holder slept all the time and
/// computes for five more then. The CPU time of the first is forgotten while it waits, so it is
/// the one that runs when it gets the lock, and not the holder, who goes on computing.
TEST(Acceptance, WhoWaitedForALockIsForgivenMeanwhile) {
    using S = Stage<sched::Bsd>;
    S stage;
    typename S::World::template Mutex<lock_rank> lock;
    EXPECT_EQ(stage.play([&]() KIDNEY_NO_TSA("a lambda cannot name what it locks") {
        lock.lock();
        stage.spawn("block", 31, [&]() KIDNEY_NO_TSA("a lambda cannot name what it locks") {
            stage.world.compute(ms(20'000));
            stage.tell("asks");
            lock.lock();
            stage.tell("has");
            lock.unlock();
        });
        stage.world.sleep(ms(25'000));
        stage.tell("spins");
        stage.world.compute(ms(5'000));
        stage.tell("releases");
        lock.unlock();
        stage.tell("done");
    }),
              "asks spins releases has done");
}

/// Two that compute for half a minute, at nice values 0 and 5, after so many seconds of rest: the
/// CPU time of both, in milliseconds.
std::pair<std::int64_t, std::int64_t> nice_shares_after(std::int64_t idle) {
    Stage<sched::Bsd> stage;
    std::pair<std::int64_t, std::int64_t> shares;
    bool is_over = false;
    const auto set_nice = [&](auto& thread, std::int8_t nice) {
        stage.world.dispatcher().change(thread,
                                        [nice](sched::SchedulingParameters& p) { p.nice = nice; });
    };
    stage.play([&] {
        set_nice(stage.world.current(), -20);  // who measures does not wait
        stage.world.sleep(ms(idle * 1000 + 37));
        const auto compute = [&] {
            while (!is_over) {
                stage.world.compute(ms(1));
            }
        };
        auto& plain = stage.spawn("plain", 31, compute);
        auto& nice = stage.spawn("nice", 31, compute);
        set_nice(nice, 5);
        stage.world.sleep(ms(30'000));
        const auto time_of = [&](auto& thread) {
            return stage.world.dispatcher().cpu_time(thread).count() / 1'000'000;
        };
        shares = {time_of(plain), time_of(nice)};
        is_over = true;
        stage.world.sleep(ms(1'000));
    });
    return shares;
}
TEST(Acceptance, RestBeforeIsNobodysLoad) {
    const auto [plain, nice] = nice_shares_after(0);
    EXPECT_EQ(plain + nice, 30'039);
    EXPECT_NEAR(static_cast<double>(plain), 19'040, 190);  // G60's; where slices begin differs
    for (const std::int64_t idle : {1, 100, 700}) {
        EXPECT_NEAR(static_cast<double>(nice_shares_after(idle).first), static_cast<double>(plain),
                    45)
            << idle;
    }
}

}  // namespace
}  // namespace kidney::test
