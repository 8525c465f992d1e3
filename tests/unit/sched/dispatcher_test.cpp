/// What the dispatcher promises, one by one: sharing, preemption, stealing, timers, diagnosis.
/// (Many threads under many seeds: threads_on_machine_test.cpp.)
#include "sched/policies/fixed_priority.hpp"
#include "sched/policies/round_robin.hpp"
#include "tests/support/sim_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace kidney::test {
namespace {

constexpr LockRank outer{10, "outer"};
[[maybe_unused]] constexpr LockRank inner{20, "inner"};
constexpr LockRank spin{60, "spin"};

constexpr Duration ms(std::int64_t n) {
    return Duration::milliseconds(n);
}

TEST(Dispatcher, DifferentSeedsDiffer) {
    std::vector<std::uint64_t> hashes;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        SimWorld<> world({.cpus = 2, .seed = seed});
        for (int i = 0; i < 4; ++i) {
            world.spawn("worker", [] { SimWorld<>::compute(ms(30)); });
        }
        EXPECT_EQ(world.run(), sim::Outcome::stopped);
        hashes.push_back(world.machine().trace_hash());
    }
    std::sort(hashes.begin(), hashes.end());
    EXPECT_EQ(std::unique(hashes.begin(), hashes.end()), hashes.end());
}

TEST(Dispatcher, RoundRobinPreemptsAndShares) {
    using World = SimWorld<sched::RoundRobin>;
    World world({.cpus = 1});
    std::vector<World::Thread*> hogs;
    for (int i = 0; i < 3; ++i) {
        hogs.push_back(&world.spawn("hog", [] { World::compute(ms(100)); }));
    }
    Duration at_150ms[3];
    world.spawn("observer", [&] {
        World::sleep(ms(150));
        for (std::size_t i = 0; i < 3; ++i) {
            at_150ms[i] = world.dispatcher().cpu_time(*hogs[i]);
        }
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    // The observer waits its turn: 180 ms have passed, and everybody has a third of it give or take
    // a quantum.
    for (const Duration d : at_150ms) {
        EXPECT_GT(d, ms(48));
        EXPECT_LT(d, ms(72));
    }
    for (const World::Thread* hog : hogs) {
        EXPECT_GE(hog->statistics.ran, ms(100));
        EXPECT_LT(hog->statistics.ran, ms(101));
    }
}

TEST(Dispatcher, AnUrgentThreadRunsAtOnce) {
    using World = SimWorld<sched::FixedPriority>;
    World world({.cpus = 1});
    World::Semaphore go;
    std::string order;
    world.spawn(
        "urgent",
        [&] {
            go.acquire();
            order += "U";
        },
        sched::Priority(50));
    world.spawn(
        "plain",
        [&] {
            order += "a";
            go.release();  // switches here, not at the next tick
            order += "b";
        },
        sched::Priority(10));
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_EQ(order, "aUb");
}

TEST(Dispatcher, PreemptionWaitsForPreemptEnable) {
    using World = SimWorld<sched::FixedPriority>;
    World world({.cpus = 1});
    World::Semaphore go;
    std::string order;
    world.spawn(
        "urgent",
        [&] {
            go.acquire();
            order += "U";
        },
        sched::Priority(50));
    world.spawn(
        "plain",
        [&] {
            World::Dispatcher::preempt_disable();
            go.release();
            World::compute(ms(5));
            order += "b";
            world.dispatcher().preempt_enable();
            order += "c";
        },
        sched::Priority(10));
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_EQ(order, "bUc");
}

TEST(Dispatcher, PriorityChangesWhileQueuedAndRunning) {
    using World = SimWorld<sched::FixedPriority>;
    World world({.cpus = 1});
    std::string order;
    World::Thread* low = nullptr;
    world.spawn(
        "boss",
        [&] {
            world.dispatcher().set_priority(*low, sched::Priority(40));  // still below us
            order += "1";
            world.dispatcher().set_priority(World::current(), sched::Priority(5));  // now below it
            order += "3";
        },
        sched::Priority(50));
    low = &world.spawn("low", [&] { order += "2"; }, sched::Priority(1));
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_EQ(order, "123");
}

TEST(Dispatcher, IdleCpusStealAndKeepBusy) {
    using World = SimWorld<>;
    World world({.cpus = 4});
    Instant end;
    for (int i = 0; i < 8; ++i) {
        world.spawn("hog", [&] {
            World::compute(ms(50));
            end = sim::Clock::now();
        });
    }
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    // 400 ms of work on four CPUs: 100 ms, and Graham's bound (2 - 1/4) at the very worst.
    EXPECT_LT(end, Instant() + ms(125));
}

/// One thread waits on a CPU that idles then; another one, elsewhere, wakes it and goes to sleep.
/// Returns whether it woke up on the waker's CPU.
bool wakes_on_the_wakers_cpu(sched::WakeHint hint) {
    using World = SimWorld<>;
    World world({.cpus = 2});
    World::SpinLock<spin> lock;
    World::WaitQueue queue;
    bool ready = false;
    CpuId waited;
    CpuId woke;
    CpuId waker;
    world.spawn("reader", [&] {
        World::compute(ms(1));
        LockGuard guard(lock);
        waited = sim::Cpu::id();
        while (!ready) {
            queue.wait(lock);
        }
        woke = sim::Cpu::id();
    });
    world.spawn("writer", [&] {
        World::compute(ms(5));
        {
            LockGuard guard(lock);
            ready = true;
            waker = sim::Cpu::id();
            queue.wake_one(hint);
        }
        World::compute(Duration::microseconds(100));  // time enough for the other CPU to come up
        World::sleep(ms(5));
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_NE(waited, waker);
    return woke == waker;
}

TEST(Dispatcher, AWakerThatSleepsGivesItsCpu) {
    EXPECT_TRUE(wakes_on_the_wakers_cpu(sched::WakeHint::sync));
    EXPECT_FALSE(wakes_on_the_wakers_cpu(sched::WakeHint::none));
}

TEST(Dispatcher, AnIdleCpuIsTickless) {
    using World = SimWorld<>;
    World world({.cpus = 2});
    world.spawn("sleeper", [] {
        for (int i = 0; i < 10; ++i) {
            World::sleep(Duration::seconds(1));
        }
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_LT(world.machine().interrupts_delivered(), 60U);  // a tick would have made 10000
}

TEST(Dispatcher, PeriodicTimersRearmThemselves) {
    using World = SimWorld<>;
    struct Period : sched::TimerEntry {
        int count = 0;
    };
    World world({.cpus = 2});
    Period period;
    world.spawn("owner", [&] {
        period.deadline = sim::Clock::now() + ms(1);
        period.fired = [](sched::TimerEntry& entry, Instant) noexcept -> Instant {
            ++static_cast<Period&>(entry).count;
            return entry.deadline + ms(1);
        };
        world.dispatcher().arm_timer(period);
        World::sleep(Duration::microseconds(10'500));
        EXPECT_TRUE(world.dispatcher().cancel_timer(period));
        World::sleep(ms(5));
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_EQ(period.count, 10);
}

TEST(Dispatcher, YieldAlternates) {
    using World = SimWorld<sched::RoundRobin>;
    World world({.cpus = 1});
    std::string order;
    for (const char name : {'a', 'b'}) {
        world.spawn("yielder", [&, name] {
            for (int i = 0; i < 4; ++i) {
                order += name;
                world.dispatcher().yield();
            }
        });
    }
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_EQ(order, "abababab");
}

TEST(Dispatcher, ADeadlockIsReported) {
    using World = SimWorld<>;
    World world({.cpus = 2});
    World::Semaphore never;
    World::Mutex<outer> mutex;
    world.spawn("holder", [&] {
        LockGuard guard(mutex);
        never.acquire();
    });
    world.spawn("victim", [&] {
        World::sleep(ms(1));
        LockGuard guard(mutex);
    });
    EXPECT_EQ(world.run(), sim::Outcome::deadlock);
    EXPECT_NE(world.report().find("holder waiting"), std::string::npos) << world.report();
    EXPECT_NE(world.report().find("holds outer"), std::string::npos) << world.report();
    EXPECT_NE(world.report().find("victim waiting"), std::string::npos) << world.report();
}

#ifdef KIDNEY_DEBUG
TEST(DispatcherDeathTest, LockOrderIsChecked) {
    using World = SimWorld<>;
    const auto inverted = [] {
        World world;
        World::Mutex<outer> first;
        World::Mutex<inner> second;
        world.spawn("wrong", [&] {
            LockGuard a(second);
            LockGuard b(first);
        });
        static_cast<void>(world.run());
    };
    EXPECT_DEATH(inverted(), "lock order");
    const auto sleeps_under_spin_lock = [] {
        World world;
        World::SpinLock<spin> lock;
        World::Mutex<inner> mutex;
        world.spawn("wrong", [&] {
            LockGuard a(lock);
            LockGuard b(mutex);
        });
        static_cast<void>(world.run());
    };
    EXPECT_DEATH(sleeps_under_spin_lock(), "mutex under a spin lock");
}
#endif

TEST(Dispatcher, ASpinLockCanBeTriedWithoutWaiting) {
    using World = SimWorld<>;
    World world({.cpus = 1});
    World::SpinLock<spin> lock;
    world.spawn("reporter", [&]() KIDNEY_NO_TSA("tries what it holds") {
        ASSERT_TRUE(lock.try_lock());
        EXPECT_FALSE(sim::Cpu::interrupts_enabled());
        EXPECT_FALSE(lock.try_lock());
        EXPECT_FALSE(sim::Cpu::interrupts_enabled()) << "the one who holds it has them off";
        lock.unlock();
        EXPECT_TRUE(sim::Cpu::interrupts_enabled());
        EXPECT_TRUE(lock.try_lock()) << "the refused try left nothing behind";
        lock.unlock();
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
}

TEST(DispatcherDeathTest, AMutexBelongsToItsHolder) {
    using World = SimWorld<>;
    const auto foreign_unlock = [] {
        World world({.cpus = 1});
        World::Mutex<outer> mutex;
        World::Thread* holder = nullptr;
        holder = &world.spawn("holder", [&]() KIDNEY_NO_TSA("the mistake under test") {
            mutex.lock();
            World::sleep(ms(2));
        });
        world.spawn("thief", [&]() KIDNEY_NO_TSA("the mistake under test") {
            World::sleep(ms(1));
            World::current().held_mutexes.push(outer);  // past the debug check, to the other one
            mutex.unlock();
        });
        static_cast<void>(holder);
        static_cast<void>(world.run());
    };
    EXPECT_DEATH(foreign_unlock(), "does not hold it");
}

}  // namespace
}  // namespace kidney::test
