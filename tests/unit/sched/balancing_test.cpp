/// Who runs on which CPU: every balancer's laws, and the placing engine with each of them on the
/// simulated machine.
#include "policies/load_balancer.hpp"
#include "sched/policies/cfs.hpp"
#include "tests/laws/load_balancer_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/support/sim_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace kidney::test {
namespace {

constexpr Duration ms(std::int64_t n) {
    return Duration::milliseconds(n);
}

struct BalancerName {
    template <class B>
    static std::string GetName(int) {
        return B::name;
    }
};

template <class B>
class EveryBalancer : public testing::Test {
protected:
    using World = SimWorld<policies::scheduler::Selected, B>;
    using Dispatcher = typename World::Dispatcher;

    /// Looks every 100 us whether a CPU idles while on another one somebody waits.
    struct IdleWatch {
        explicit IdleWatch(World& watched) : world(watched) {}
        void start() { look_soon(); }
        void look_soon() {
            world.machine().interrupt_in(Duration::microseconds(100), CpuId(0), [this] { look(); });
        }
        void look() {
            bool waiting = false;
            for (std::uint32_t i = 0; i < world.machine().cpus(); ++i) {
                waiting = waiting || world.dispatcher().load(CpuId(i)).queued != 0;
            }
            for (std::uint32_t i = 0; i < world.machine().cpus(); ++i) {
                const bool wasted = waiting && world.dispatcher().load(CpuId(i)).is_idle;
                in_a_row[i] = wasted ? in_a_row[i] + 1 : 0;
                longest = std::max(longest, in_a_row[i]);
            }
            if (--looks != 0) {
                look_soon();
            }
        }
        World& world;
        std::array<int, max_cpus> in_a_row{};
        int longest = 0;
        int looks = 20'000;
    };
};
TYPED_TEST_SUITE(EveryBalancer, AsTestTypes<policies::load_balancer::All>, BalancerName);

TYPED_TEST(EveryBalancer, ObeysTheLaws) {
    LawReport report;
    laws::run_laws<laws::LoadBalancerLaws<TypeParam>>(report);
    EXPECT_GT(report.checks(), 1000U);
    expect_laws_held(report);
}

/// What a trace is made of: as much of everything as the statistics have, and nobody runs on a CPU
/// but the one that he was woken for or moved to last.
TYPED_TEST(EveryBalancer, TellsItsHooksWhoWakesAndWhoMoves) {
    typename TestFixture::World world({.cpus = 4, .seed = 3});
    std::array<std::uint32_t, max_cpus> woken{};
    std::vector<std::uint32_t> place(20, max_cpus);
    std::uint32_t started = 0, moves = 0;
    world.on_wake = [&](const auto& thread, CpuId cpu, bool is_new) {
        ++(is_new ? started : woken[cpu.value()]);
        place[thread.id] = cpu.value();
    };
    world.on_move = [&](const auto& thread, CpuId from, CpuId to) {
        EXPECT_NE(from, to);
        ++moves;
        place[thread.id] = to.value();
    };
    world.on_switch = [&](const auto&, const auto& to) {
        if (to.id != 0) {
            EXPECT_EQ(place[to.id], sim::Cpu::id().value()) << to.name();
        }
    };
    std::vector<typename TestFixture::World::Thread*> threads;
    for (int i = 0; i < 14; ++i) {
        threads.push_back(&world.spawn("worker", [&world, i] {
            for (int turn = 0; turn < 30; ++turn) {
                world.compute(Duration::microseconds(300 + 170 * ((i + turn) % 7)));
                world.sleep(Duration::microseconds(100 + 90 * (i % 5)));
                if (i == 0) {  // bound here and there: it moves, but nobody wakes it
                    world.dispatcher().change(world.current(), [&](auto& parameters) noexcept {
                        parameters.allowed = CpuSet(1U << turn % 4);
                    });
                }
            }
        }));
    }
    ASSERT_EQ(world.run(), sim::Outcome::stopped);
    EXPECT_EQ(started, threads.size());
    std::uint32_t migrations = 0;
    for (auto* const thread : threads) {
        migrations += thread->statistics.migrations;
    }
    EXPECT_EQ(moves, migrations);
    for (std::uint32_t cpu = 0; cpu < 4; ++cpu) {
        EXPECT_EQ(woken[cpu], world.dispatcher().statistics(CpuId(cpu)).wakeups) << cpu;
        EXPECT_GT(woken[cpu], 20U);
    }
}

/// L4. Threads that sleep and compute for odd times, so that CPUs run dry all the time.
TYPED_TEST(EveryBalancer, LeavesNoCpuIdleForLongerThanATick) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        typename TestFixture::World world({.cpus = 4, .seed = seed});
        typename TestFixture::IdleWatch watch(world);
        for (int i = 0; i < 14; ++i) {
            world.spawn("worker", [&world, &watch, i] {
                if (i == 0) {
                    watch.start();
                }
                for (int round = 0; round < 60; ++round) {
                    TestFixture::World::compute(
                        Duration::microseconds(200 + world.machine().random() % 6000));
                    if (world.machine().random() % 3 != 0) {
                        TestFixture::World::sleep(
                            Duration::microseconds(world.machine().random() % 9000));
                    }
                }
            });
        }
        ASSERT_EQ(world.run(), sim::Outcome::stopped) << world.report();
        if (sched::leaves_cpus_idle<TypeParam>()) {
            EXPECT_GT(watch.longest, 30) << "it says that it does";
        } else {
            EXPECT_LE(watch.longest, 11) << "in looks of 100 us, seed " << seed;
        }
    }
}

/// Threads bound to one, two or all CPUs, some of them bound anew while they run, wait or sleep.
TYPED_TEST(EveryBalancer, KeepsThreadsWhereTheyMayRun) {
    using World = typename TestFixture::World;
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        World world({.cpus = 3, .seed = seed});
        std::vector<typename World::Thread*> threads;
        int strayed = 0;
        int ended = 0;
        for (int i = 0; i < 9; ++i) {
            threads.push_back(&world.spawn("bound", [&world, &strayed, &ended] {
                for (int round = 0; round < 200; ++round) {
                    const CpuSet allowed = World::current().allowed;
                    World::compute(Duration::microseconds(world.machine().random() % 900));
                    // Whoever was bound meanwhile has until its next look at the scheduler.
                    const hal::InterruptGuard<sim::Cpu> off;
                    if (World::current().allowed == allowed && !allowed.contains(sim::Cpu::id())) {
                        ++strayed;
                    }
                    if (round % 16 == 15) {
                        World::sleep(Duration::microseconds(world.machine().random() % 500));
                    }
                }
                ++ended;
            }));
            threads.back()->allowed = CpuSet(1U << i % 3 | (i % 2 == 0 ? 4U : 0U));
        }
        world.spawn("master", [&world, &threads] {
            for (int round = 0; round < 300; ++round) {
                World::sleep(Duration::microseconds(200));
                const std::uint32_t which = world.machine().random() % 9;
                const CpuSet allowed(1 + world.machine().random() % 7);
                if (threads[which]->state != sched::ThreadState::exited) {
                    world.dispatcher().change(*threads[which],
                                              [allowed](sched::SchedulingParameters& p) noexcept {
                                                  p.allowed = allowed;
                                              });
                }
            }
        });
        ASSERT_EQ(world.run(), sim::Outcome::stopped) << world.report();
        EXPECT_EQ(ended, 9);
        EXPECT_EQ(strayed, 0) << "seed " << seed;
    }
}

/// A wake-up between the decision to move and the arrival must not get lost.
TYPED_TEST(EveryBalancer, LosesNoWakeUpOfAThreadOnTheMove) {
    using World = typename TestFixture::World;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        World world({.cpus = 2, .seed = seed});
        int heard = 0;
        std::uint32_t posted = 0;
        auto& sleeper = world.spawn("sleeper", [&] {
            while (heard < 300) {
                while (static_cast<int>(posted) <= heard) {
                    world.dispatcher().block();
                }
                ++heard;
            }
        });
        world.spawn("waker", [&] {
            for (int i = 0; i < 300; ++i) {
                ++posted;
                world.dispatcher().wake(sleeper);
                World::compute(Duration::microseconds(world.machine().random() % 20));
                world.dispatcher().change(sleeper, [i](sched::SchedulingParameters& p) noexcept {
                    p.allowed = CpuSet(1U + static_cast<std::uint32_t>(i) % 3);
                });
            }
        });
        ASSERT_EQ(world.run(), sim::Outcome::stopped) << world.report();
        EXPECT_EQ(heard, 300);
    }
}

/// Who waits on a CPU for that CPU alone is no work for another one: that one sleeps.
TEST(Balancing, AnIdleCpuDoesNotSpinForWhoMayNotCome) {
    using World = SimWorld<policies::scheduler::Selected, sched::WorkStealing>;
    World world({.cpus = 2});
    Duration idle;
    for (int i = 0; i < 3; ++i) {
        const auto work = [&world, &idle] {
            for (int round = 0; round < 50; ++round) {
                World::compute(ms(2));
            }
            idle = world.dispatcher().idle_time(CpuId(1));
        };
        world.spawn("pinned", work).allowed = CpuSet(1);
    }
    ASSERT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    // 300 ms: a kick a tick, and hardly anything beside. A CPU that spins makes 100 000 steps.
    EXPECT_LT(world.machine().steps(CpuId(1)), 20'000U);
    EXPECT_GT(idle, ms(290));
}

template <class World>
std::vector<Duration> shares(World& world, std::vector<std::uint32_t> weights, Duration time) {
    std::vector<typename World::Thread*> hogs;
    for (const std::uint32_t weight : weights) {
        hogs.push_back(&world.spawn("hog", [time] {
            while (sim::Clock::now() < Instant(static_cast<std::uint64_t>(time.count()))) {
                World::compute(Duration::microseconds(500));
            }
        }));
        hogs.back()->weight = weight;
    }
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    std::vector<Duration> all;
    for (typename World::Thread* hog : hogs) {
        all.push_back(world.dispatcher().cpu_time(*hog));
    }
    return all;
}

TEST(Balancing, ThreeOnTwoCpusHaveTwoThirdsEach) {
    using World = SimWorld<sched::Cfs, sched::Balanced>;
    World world({.cpus = 2});
    for (const Duration share : shares(world, {1024, 1024, 1024}, ms(6000))) {
        EXPECT_NEAR(static_cast<double>(share.count()) / 6e9, 2.0 / 3, 0.07);
    }
}

TEST(Balancing, EvensOutWeightsAndNotHeads) {
    using World = SimWorld<sched::Cfs, sched::Balanced>;
    World world({.cpus = 2});
    // One CPU for the heavy one, one for the four light ones.
    const std::vector<Duration> got = shares(world, {4096, 1024, 1024, 1024, 1024}, ms(4000));
    EXPECT_NEAR(static_cast<double>(got[0].count()) / 4e9, 1.0, 0.08);
    for (std::size_t i = 1; i < got.size(); ++i) {
        EXPECT_NEAR(static_cast<double>(got[i].count()) / 4e9, 0.25, 0.06);
    }
}

/// The loads that balancers see add up, whatever happened.
TYPED_TEST(EveryBalancer, BooksWeightsRight) {
    using World = typename TestFixture::World;
    World world({.cpus = 3, .seed = 5});
    for (int i = 0; i < 10; ++i) {
        world.spawn("worker", [&world, i] {
            for (int round = 0; round < 50; ++round) {
                World::compute(Duration::microseconds(world.machine().random() % 2000));
                world.dispatcher().change(
                    World::current(), [&](sched::SchedulingParameters& p) noexcept {
                        p.weight = 15 + world.machine().random() % 3000;
                        p.allowed = CpuSet(1 + (world.machine().random() % 7));
                    });
                World::sleep(Duration::microseconds(world.machine().random() % (100U * (1U + i))));
            }
        });
    }
    ASSERT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    for (std::uint32_t cpu = 0; cpu < 3; ++cpu) {
        EXPECT_EQ(world.dispatcher().load(CpuId(cpu)).weight, 0U) << "CPU " << cpu;
    }
}

// --- Wrong ones ---

struct PlacesAnywhere : sched::WorkStealing {
    CpuId place(const sched::Arrival&, std::span<const sched::CpuLoad> loads) noexcept {
        return sched::loads::lightest(loads, CpuSet::all());
    }
};
struct PullsFromItself : sched::WorkStealing {
    std::optional<sched::Pull> when_idle(CpuId self, std::span<const sched::CpuLoad>) noexcept {
        return sched::Pull{self};
    }
};
struct PullsFromTheEmpty : sched::WorkStealing {
    std::optional<sched::Pull> on_tick(CpuId self, std::span<const sched::CpuLoad> cpus,
                                       Instant) noexcept {
        return cpus.size() > 1 ? std::optional(sched::Pull{CpuId(self.value() == 0 ? 1U : 0U)})
                               : std::nullopt;
    }
};
struct KeepsAStatic : sched::WorkStealing {
    CpuId place(const sched::Arrival& a, std::span<const sched::CpuLoad> cpus) noexcept {
        static std::uint32_t calls = 0;
        return ++calls % 7 == 0 ? sched::loads::lightest(cpus, a.allowed)
                                : WorkStealing::place(a, cpus);
    }
};
struct NeverRests : sched::WorkStealing {
    std::optional<sched::Pull> on_tick(CpuId self, std::span<const sched::CpuLoad> cpus,
                                       Instant) noexcept {
        return when_idle(self, cpus);
    }
};

template <class Law>
bool law_holds() {
    laws::Report report;
    laws::run_laws<TypeList<Law>>(report);
    return report.passed();
}

TEST(LoadBalancerLaws, NoticeWrongBalancers) {
    EXPECT_FALSE(law_holds<laws::BalancerL1<PlacesAnywhere>>());
    EXPECT_FALSE(law_holds<laws::BalancerL2<PullsFromItself>>());
    EXPECT_FALSE(law_holds<laws::BalancerL2<PullsFromTheEmpty>>());
    EXPECT_FALSE(law_holds<laws::BalancerL3<KeepsAStatic>>());
    EXPECT_FALSE(law_holds<laws::BalancerL5<NeverRests>>());
}

}  // namespace
}  // namespace kidney::test
