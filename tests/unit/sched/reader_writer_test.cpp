/// Reader-writer lock and barrier with the real dispatcher, in virtual time.
#include "sched/sync/barrier.hpp"
#include "sched/sync/reader_writer_lock.hpp"
#include "tests/support/sim_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace kidney::test {
namespace {

using World = SimWorld<>;
constexpr LockRank shared{10, "shared"};
using Lock = sched::ReaderWriterLock<shared, World::Threads>;

constexpr Duration ms(std::int64_t n) {
    return Duration::milliseconds(n);
}

TEST(ReaderWriterLock, ReadersShareAndWritersDoNot) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        World world({.cpus = 4, .seed = seed});
        Lock lock;
        int reading = 0;
        int writing = 0;
        int most_readers = 0;
        for (int i = 0; i < 6; ++i) {
            world.spawn("user", [&, i] {
                for (int round = 0; round < 20; ++round) {
                    if (i < 4) {
                        const sched::ReaderGuard guard(lock);
                        most_readers = std::max(most_readers, ++reading);
                        EXPECT_EQ(writing, 0);
                        World::compute(Duration::microseconds(100));
                        --reading;
                    } else {
                        const LockGuard guard(lock);
                        EXPECT_EQ(++writing, 1);
                        EXPECT_EQ(reading, 0);
                        World::compute(Duration::microseconds(50));
                        --writing;
                    }
                    World::compute(Duration::microseconds(world.machine().random() % 100));
                }
            });
        }
        EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
        EXPECT_GT(most_readers, 1);
    }
}

/// Readers overlap all the time, so that there is no moment without one.
TEST(ReaderWriterLock, AStreamOfReadersDoesNotStarveAWriter) {
    World world({.cpus = 4});
    Lock lock;
    bool written = false;
    Duration waited;
    for (int i = 0; i < 3; ++i) {
        world.spawn("reader", [&, i] {
            World::sleep(ms(i));
            for (int round = 0; round < 50; ++round) {
                const sched::ReaderGuard guard(lock);
                World::sleep(ms(3));
            }
        });
    }
    world.spawn("writer", [&] {
        World::sleep(ms(10));
        const Instant came = sim::Clock::now();
        const LockGuard guard(lock);
        waited = sim::Clock::now() - came;
        written = true;
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_TRUE(written);
    EXPECT_LT(waited, ms(4)) << "those that read when it came, and nobody else";
}

TEST(ReaderWriterLock, AStreamOfWritersDoesNotStarveAReader) {
    World world({.cpus = 4});
    Lock lock;
    Duration waited = ms(1000);
    for (int i = 0; i < 3; ++i) {
        world.spawn("writer", [&] {
            for (int round = 0; round < 30; ++round) {
                const LockGuard guard(lock);
                World::sleep(ms(3));
            }
        });
    }
    world.spawn("reader", [&] {
        World::sleep(ms(10));
        const Instant came = sim::Clock::now();
        const sched::ReaderGuard guard(lock);
        waited = sim::Clock::now() - came;
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_LT(waited, ms(4)) << "one writer";
}

/// Readers wait for a writer that waits for a reader; when it gives up they go on.
TEST(ReaderWriterLock, AWriterThatGivesUpLetsReadersPass) {
    World world({.cpus = 1});
    Lock lock;
    std::string order;
    world.spawn("first", [&] {
        const sched::ReaderGuard guard(lock);
        World::sleep(ms(20));
        order += " first";
    });
    world.spawn("writer", [&] {
        World::sleep(ms(1));
        const Status got = lock.lock({.deadline = sim::Clock::now() + ms(5)});
        order += got ? " wrote" : " gave-up";
    });
    world.spawn("second", [&] {
        World::sleep(ms(2));
        const sched::ReaderGuard guard(lock);
        order += " second";
    });
    world.spawn("third", [&]() KIDNEY_NO_TSA("a limited lock") {
        World::sleep(ms(3));
        const Status got = lock.lock_shared({.deadline = sim::Clock::now() + ms(1)});
        order += got ? " third" : " third-gave-up";
    });
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_EQ(order, " third-gave-up gave-up second first");
}

TEST(Barrier, NobodyIsARoundAhead) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        World world({.cpus = 3, .seed = seed});
        sched::Barrier<World::Threads> barrier(5);
        int arrived = 0;
        int last = 0;
        for (int i = 0; i < 5; ++i) {
            world.spawn("runner", [&] {
                for (int round = 1; round <= 20; ++round) {
                    World::compute(Duration::microseconds(world.machine().random() % 500));
                    ++arrived;
                    last += barrier.arrive_and_wait() ? 1 : 0;
                    EXPECT_GE(arrived, 5 * round);
                    EXPECT_LE(arrived, 5 * (round + 1));
                }
            });
        }
        EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
        EXPECT_EQ(last, 20) << "one of each round is told that it was the last";
    }
}

}  // namespace
}  // namespace kidney::test
