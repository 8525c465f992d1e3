/// Each policy under the dispatcher, on simulated machines: nobody is forgotten, tables grow, and
/// the CPU is shared as promised.
#include "sched/policies/stride.hpp"
#include "tests/fakes/fake_heap.hpp"
#include "tests/support/law_test.hpp"
#include "tests/support/sim_world.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kidney::test {
namespace {

constexpr Duration ms(std::int64_t n) {
    return Duration::milliseconds(n);
}

struct PolicyName {
    template <class P>
    static std::string GetName(int) {
        return P::name;
    }
};
template <class P>
class EveryPolicy : public testing::Test {};
TYPED_TEST_SUITE(EveryPolicy, AsTestTypes<policies::scheduler::All>, PolicyName);

template <class P>
void a_sleeper_comes_back() {
    using World = SimWorld<P>;
    World world({.cpus = 1, .seed = 1});
    int woke = 0;
    bool done = false;
    world.spawn("hog", [&] {
        while (!done) {
            World::compute(ms(1));
        }
    });
    world.spawn("sleeper", [&] {
        for (; woke < 50; ++woke) {
            World::sleep(ms(5));
        }
        done = true;
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_EQ(woke, 50);
}
TEST(EveryPolicyThatPreempts, LetsASleeperComeBackBesideAHog) {
    policies::scheduler::All::for_each([]<class P>() {
        if constexpr (!sched::traits_of<P>().run_to_completion) {
            SCOPED_TRACE(P::name);
            a_sleeper_comes_back<P>();
        }
    });
}

TYPED_TEST(EveryPolicy, MoreThreadsThanFirstTablesHold) {
    using World = SimWorld<TypeParam>;
    for (const std::uint32_t cpus : {1U, 4U}) {
        World world({.cpus = cpus, .seed = cpus});
        int ended = 0;
        world.spawn("parent", [&] {
            for (int i = 0; i < 300; ++i) {
                world.spawn("child", [&, i] {
                    World::compute(Duration::microseconds(100));
                    World::sleep(Duration::microseconds(i * 37 % 1000));
                    World::compute(Duration::microseconds(100));
                    ++ended;
                });
                if (i % 10 == 0) {
                    World::sleep(Duration::microseconds(200));  // some end, and their slots return
                }
            }
        });
        EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
        EXPECT_EQ(ended, 300);
    }
}

template <class P>
void weights_count() {
    using World = SimWorld<P>;
    World world({.cpus = 1, .seed = 5});
    bool done = false;
    std::vector<typename World::Thread*> hogs;
    for (int i = 0; i < 2; ++i) {
        hogs.push_back(&world.spawn("hog", [&] {
            while (!done) {
                World::compute(ms(1));
            }
        }));
    }
    hogs[0]->weight = 15;  // nice 19
    Duration light, heavy;
    world.spawn("timer", [&] {
        World::sleep(Duration::seconds(60));
        light = world.dispatcher().cpu_time(*hogs[0]);
        heavy = world.dispatcher().cpu_time(*hogs[1]);
        done = true;
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    const double share = static_cast<double>(light.count()) / static_cast<double>(heavy.count());
    // Five standard deviations of 6000 draws; the others are exact but for a slice.
    const double tolerance = sched::traits_of<P>().draws_lots ? 0.55 : 0.02;
    EXPECT_NEAR(share / (15.0 / 1024), 1.0, tolerance);
}
TEST(EveryPolicyWithWeights, SharesTheProcessorAsPromised) {
    policies::scheduler::All::for_each([]<class P>() {
        if constexpr (sched::traits_of<P>().shares_by_weight) {
            SCOPED_TRACE(P::name);
            weights_count<P>();
        }
    });
}

/// Parameters that change while the thread runs, waits and sleeps.
TYPED_TEST(EveryPolicy, ChangesReachWhoeverTheyAreFor) {
    using World = SimWorld<TypeParam>;
    World world({.cpus = 2, .seed = 9});
    int ended = 0;
    std::vector<typename World::Thread*> workers;
    for (int i = 0; i < 6; ++i) {
        workers.push_back(&world.spawn("worker", [&] {
            for (int n = 0; n < 20; ++n) {
                World::compute(ms(1));
                World::sleep(ms(1));
            }
            ++ended;
        }));
    }
    world.spawn("changer", [&] {
        const auto all_ended = [&] { return ended == 6; };
        for (std::uint32_t n = 0; !all_ended(); ++n) {
            world.dispatcher().change(*workers[n % 6], [n](sched::SchedulingParameters& p) {
                p = {sched::Priority(static_cast<std::uint8_t>(n * 11 % 64)), 15 + n * 97 % 4000,
                     0};
            });
            World::sleep(Duration::microseconds(700));
        }
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_EQ(ended, 6);
}

TEST(Roster, SaysThatThereIsNoMemoryForTables) {
    using World = SimWorld<sched::Stride>;
    World world({.cpus = 1, .seed = 1});
    fakes::FakeHeap empty;
    empty.fail_at(1);
    World::Thread thread;
    world.spawn("asks", [&] {
        // 64 slots, one of which is taken by this thread; then the tables must grow.
        std::vector<World::Thread> others(63);
        for (World::Thread& other : others) {
            EXPECT_TRUE(world.dispatcher().admit(other, empty));
        }
        EXPECT_EQ(world.dispatcher().admit(thread, empty).error(), Errc::no_memory);
        world.dispatcher().dismiss(others[5]);
        EXPECT_TRUE(world.dispatcher().admit(thread, empty));
        EXPECT_EQ(thread.slot, others[5].slot);
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped);
}

}  // namespace
}  // namespace kidney::test
