/// Threads, timers and all sleeping locks on 1 to 4 simulated CPUs, under many seeds.
#include "tests/support/sim_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

namespace kidney::test {
namespace {

constexpr LockRank outer{10, "outer"};
constexpr LockRank spin{60, "spin"};

constexpr Duration ms(std::int64_t n) {
    return Duration::milliseconds(n);
}

struct Shape {
    std::uint32_t cpus;
    std::uint64_t seed;
};
void PrintTo(const Shape& shape, std::ostream* out) {
    *out << shape.cpus << " CPUs, seed " << shape.seed;
}

class OnMachine : public testing::TestWithParam<Shape> {
protected:
    [[nodiscard]] sim::MachineOptions options() const {
        return {.cpus = GetParam().cpus, .seed = GetParam().seed};
    }
};

std::vector<Shape> shapes() {
    std::vector<Shape> all;
    for (const std::uint32_t cpus : {1U, 2U, 4U}) {
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            all.push_back({cpus, seed});
        }
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(Seeds, OnMachine, testing::ValuesIn(shapes()), [](const auto& param) {
    return "cpus" + std::to_string(param.param.cpus) + "seed" + std::to_string(param.param.seed);
});

TEST_P(OnMachine, ThreadsRunToTheirEnd) {
    SimWorld<> world(options());
    int done = 0;
    for (int i = 0; i < 20; ++i) {
        world.spawn("worker", [&] {
            SimWorld<>::compute(ms(1));
            ++done;
        });
    }
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_EQ(done, 20);
}

TEST_P(OnMachine, MutexExcludes) {
    SimWorld<> world(options());
    SimWorld<>::Mutex<outer> mutex;
    int inside = 0;
    int worst = 0;
    int total = 0;
    for (int i = 0; i < 6; ++i) {
        world.spawn("locker", [&] {
            for (int round = 0; round < 40; ++round) {
                LockGuard guard(mutex);
                worst = std::max(worst, ++inside);
                EXPECT_TRUE(mutex.is_held_by_me());
                SimWorld<>::compute(Duration::microseconds(30));
                ++total;
                --inside;
            }
        });
    }
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_EQ(worst, 1);
    EXPECT_EQ(total, 240);
}

TEST_P(OnMachine, SpinLockExcludes) {
    SimWorld<> world(options());
    SimWorld<>::SpinLock<spin> lock;
    int inside = 0;
    int worst = 0;
    for (int i = 0; i < 4; ++i) {
        world.spawn("spinner", [&] {
            for (int round = 0; round < 40; ++round) {
                LockGuard guard(lock);
                EXPECT_FALSE(sim::Cpu::interrupts_enabled());
                worst = std::max(worst, ++inside);
                SimWorld<>::compute(Duration::microseconds(1));
                --inside;
            }
        });
    }
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_EQ(worst, 1);
}

/// A bounded buffer: a spin lock and two wait queues, as pipes are made.
TEST_P(OnMachine, ProducersAndConsumers) {
    using World = SimWorld<>;
    World world(options());
    World::SpinLock<spin> lock;
    World::WaitQueue not_empty;
    World::WaitQueue not_full;
    std::vector<int> buffer;
    std::vector<int> received;
    constexpr std::size_t room = 3;
    for (int p = 0; p < 3; ++p) {
        world.spawn("producer", [&, p] {
            for (int i = 0; i < 50; ++i) {
                LockGuard guard(lock);
                while (buffer.size() == room) {
                    not_full.wait(lock);
                }
                buffer.push_back(p * 1000 + i);
                not_empty.wake_one();
            }
        });
    }
    for (int c = 0; c < 2; ++c) {
        world.spawn("consumer", [&] {
            for (int i = 0; i < 75; ++i) {
                LockGuard guard(lock);
                while (buffer.empty()) {
                    not_empty.wait(lock);
                }
                received.push_back(buffer.front());
                buffer.erase(buffer.begin());
                not_full.wake_one();
            }
        });
    }
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    std::sort(received.begin(), received.end());
    ASSERT_EQ(received.size(), 150U);
    EXPECT_EQ(std::unique(received.begin(), received.end()), received.end());
}

TEST_P(OnMachine, MonitorWithConditionVariable) {
    using World = SimWorld<>;
    World world(options());
    World::Mutex<outer> mutex;
    World::ConditionVariable changed;
    int turn = 0;
    std::vector<int> order;
    for (int me = 0; me < 3; ++me) {
        world.spawn("player", [&, me] {
            for (int round = 0; round < 20; ++round) {
                LockGuard guard(mutex);
                while (turn != me) {
                    changed.wait(mutex);
                }
                order.push_back(me);
                turn = (turn + 1) % 3;
                changed.broadcast();
            }
        });
    }
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    ASSERT_EQ(order.size(), 60U);
    for (std::size_t i = 0; i < order.size(); ++i) {
        EXPECT_EQ(order[i], static_cast<int>(i % 3));
    }
}

TEST_P(OnMachine, SemaphoreFromDeviceInterrupts) {
    using World = SimWorld<>;
    World world(options());
    World::Semaphore completions;
    const std::uint32_t cpus = GetParam().cpus;
    int served = 0;
    world.spawn("driver", [&] {
        for (std::uint32_t i = 0; i < 50; ++i) {
            world.machine().interrupt_in(Duration::microseconds(1 + i % 7), CpuId(i % cpus),
                                         [&] { completions.release(); });
            completions.acquire();
            ++served;
        }
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_EQ(served, 50);
}

TEST_P(OnMachine, EventOnTheStackOfItsWaiter) {
    using World = SimWorld<>;
    World world(options());
    int seen = 0;
    for (int i = 0; i < 4; ++i) {
        world.spawn("asker", [&, i] {
            for (int round = 0; round < 20; ++round) {
                World::Event done;  // gone as soon as wait() returns
                world.machine().interrupt_in(Duration::microseconds(i + round % 3),
                                             CpuId(static_cast<std::uint32_t>(i) % GetParam().cpus),
                                             [&done] { done.set(); });
                done.wait();
                ++seen;
            }
        });
    }
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_EQ(seen, 80);
}

TEST_P(OnMachine, SleepersWakeInTime) {
    using World = SimWorld<>;
    World world(options());
    for (int i = 0; i < 10; ++i) {
        world.spawn("sleeper", [i] {
            for (int round = 0; round < 10; ++round) {
                const Instant start = sim::Clock::now();
                World::sleep(ms(1 + i * 3 % 7));
                const Duration slept = sim::Clock::now() - start;
                EXPECT_GE(slept, ms(1 + i * 3 % 7));
                EXPECT_LT(slept, ms(2 + i * 3 % 7));
            }
        });
    }
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
}

/// Wake-ups, signals and deadlines hit the same waiter; none may be lost or touch a dead waiter.
TEST_P(OnMachine, WaitsEndByWakeSignalOrDeadline) {
    using World = SimWorld<>;
    World world(options());
    World::SpinLock<spin> lock;
    World::WaitQueue queue;
    int tokens = 0;
    int woken = 0;
    int timed_out = 0;
    int interrupted = 0;
    bool over = false;
    std::vector<World::Thread*> waiters;
    int left = 4;
    for (int i = 0; i < 4; ++i) {
        waiters.push_back(&world.spawn("waiter", [&] {
            while (true) {
                LockGuard guard(lock);
                Status status;
                while (tokens == 0 && !over && status.has_value()) {
                    status = queue.wait(
                        lock, {.interruptible = true,
                               .deadline = sim::Clock::now() + Duration::microseconds(200)});
                }
                if (over) {
                    break;
                }
                if (status.has_value()) {
                    --tokens;
                    ++woken;
                } else if (status.error() == Errc::interrupted) {
                    World::current().interrupted.store(0);
                    ++interrupted;
                } else {
                    EXPECT_EQ(status.error(), Errc::timed_out);
                    ++timed_out;
                }
            }
            --left;
        }));
    }
    world.spawn("source", [&] {
        for (int i = 0; i < 200; ++i) {
            {
                LockGuard guard(lock);
                ++tokens;
                queue.wake_one();
            }
            World::compute(Duration::microseconds(world.machine().random() % 300));
            if (i % 5 == 0) {
                world.dispatcher().interrupt(*waiters[static_cast<std::size_t>(i / 5 % 4)]);
            }
        }
        LockGuard guard(lock);
        over = true;
        queue.wake_all();
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_EQ(left, 0);
    EXPECT_GT(woken, 0);
    EXPECT_EQ(woken + tokens, 200);
    EXPECT_GT(interrupted, 0);
}

TEST_P(OnMachine, SameSeedSameTrace) {
    const auto hash = [&] {
        using World = SimWorld<>;
        World world(options());
        World::Mutex<outer> mutex;
        for (int i = 0; i < 8; ++i) {
            world.spawn("mixed", [&, i] {
                for (int round = 0; round < 10; ++round) {
                    World::compute(Duration::microseconds(100 * i));
                    LockGuard guard(mutex);
                    World::compute(Duration::microseconds(world.machine().random() % 500));
                    World::sleep(Duration::microseconds(50));
                }
            });
        }
        EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
        return world.machine().trace_hash();
    };
    EXPECT_EQ(hash(), hash());
}

}  // namespace
}  // namespace kidney::test
