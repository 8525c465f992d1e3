/// MCS lock, reader-writer lock and barrier through every interleaving of two or three threads.
#include "sched/sync/barrier.hpp"
#include "sched/sync/mcs_lock.hpp"
#include "sched/sync/reader_writer_lock.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sim/explorer.hpp"
#include "tests/support/expect_all_pass.hpp"
#include "tests/support/explored_threads.hpp"

#include <gtest/gtest.h>

#include <array>

namespace kidney::test {
namespace {

using sim::ExploredCpu;
using sim::require;
using Threads = ExploredThreads<>;
constexpr LockRank rank{10, "lock"};

template <std::size_t Count, int rounds>
struct McsExcludes {
    static constexpr std::size_t threads = Count;
    sched::SpinLock<rank, ExploredCpu, sched::McsLock> lock;
    ExploredCpu::Atomic<std::uint32_t> inside{0};
    std::uint32_t total = 0;
    void run(std::size_t) {
        for (int i = 0; i < rounds; ++i) {
            LockGuard guard(lock);
            require(inside.exchange(1) == 0, "two holders of an MCS lock");
            ++total;
            inside.store(0);
        }
    }
    void check() { require(total == threads * rounds, "a section was skipped"); }
};

struct McsTries {
    static constexpr std::size_t threads = 3;
    sched::McsLock<ExploredCpu> lock;
    ExploredCpu::Atomic<std::uint32_t> inside{0};
    void run(std::size_t thread) KIDNEY_NO_TSA("tries")
    {
        if (thread == 0) {
            if (!lock.try_lock()) {
                return;
            }
        } else {
            lock.lock();
        }
        require(inside.exchange(1) == 0, "two holders of an MCS lock");
        inside.store(0);
        lock.unlock();
    }
    void check() KIDNEY_NO_TSA("tries")
    {
        require(lock.try_lock(), "the lock is free");
    }
};

/// Notes who has begun to spin, and so stands in the queue.
struct NotingCpu : ExploredCpu {
    static void relax() noexcept {
        Atomic<std::uint32_t>& mine = queued[explored_thread()];
        if (mine.load() == 0) {
            mine.store(1);
        }
        ExploredCpu::relax();
    }
    static std::size_t explored_thread() noexcept { return sim::explored::current(); }
    static inline std::array<Atomic<std::uint32_t>, 3> queued{};
};

/// Thread 0 holds the lock until 1 and then 2 queue: that is the order in which they get it.
template <template <hal::Cpu> class Lock>
struct ServesInOrder {
    static constexpr std::size_t threads = 3;
    ServesInOrder() { NotingCpu::queued = {}; }
    Lock<NotingCpu> lock;
    ExploredCpu::Atomic<std::uint32_t> held{0};
    std::uint32_t served = 0;
    static void until(ExploredCpu::Atomic<std::uint32_t>& flag) {
        while (flag.load() == 0) {
            ExploredCpu::relax();
        }
    }
    void run(std::size_t thread) KIDNEY_NO_TSA("the lock under test")
    {
        if (thread == 0) {
            lock.lock();
            held.store(1);
            until(NotingCpu::queued[1]);
            until(NotingCpu::queued[2]);
            lock.unlock();
            return;
        }
        until(thread == 1 ? held : NotingCpu::queued[1]);
        lock.lock();
        require(++served == thread, "overtaken");
        lock.unlock();
    }
    void check() {}
};

/// Thread 0 writes; 1 reads; 2 does either with a limit.
struct ReadersAndWriters {
    static constexpr std::size_t threads = 3;
    ReadersAndWriters() { Threads::reset(); }
    sched::ReaderWriterLock<rank, Threads> lock;
    ExploredCpu::Atomic<std::uint32_t> writers{0};
    ExploredCpu::Atomic<std::uint32_t> readers{0};
    void write() {
        require(writers.exchange(1) == 0, "two writers");
        require(readers.load() == 0, "a writer beside a reader");
        writers.store(0);
    }
    void read() {
        readers.fetch_add(1);
        require(writers.load() == 0, "a reader beside a writer");
        readers.fetch_add(~std::uint32_t{0});
    }
    void run(std::size_t thread) KIDNEY_NO_TSA("limited locks")
    {
        if (thread == 0) {
            const LockGuard guard(lock);
            write();
        } else if (thread == 1) {
            const sched::ReaderGuard guard(lock);
            read();
        } else if (lock.lock({.deadline = Instant(1)})) {
            write();
            lock.unlock();
        }
    }
    void check() KIDNEY_NO_TSA("in nobody's thread")
    {
        require(lock.lock(sched::WaitLimit{}).has_value(), "it is free");
        lock.unlock();
    }
};

struct TwoRounds {
    static constexpr std::size_t threads = 3;
    TwoRounds() { Threads::reset(); }
    sched::Barrier<Threads> barrier{3};
    std::uint32_t arrived = 0;
    std::uint32_t last = 0;
    void run(std::size_t) {
        for (std::uint32_t round = 1; round <= 2; ++round) {
            ++arrived;
            last += barrier.arrive_and_wait() ? 1 : 0;
            require(arrived >= 3 * round, "somebody is a round ahead");
        }
    }
    void check() { require(last == 2, "one is the last of each round"); }
};

TEST(LocksExploration, McsOfTwo) {
    expect_all_pass<McsExcludes<2, 2>>(3);
}
TEST(LocksExploration, McsOfThree) {
    expect_all_pass<McsExcludes<3, 1>>(2);
}
TEST(LocksExploration, McsTries) {
    expect_all_pass<McsTries>(2);
}
TEST(LocksExploration, TicketsAreServedInOrder) {
    expect_all_pass<ServesInOrder<sched::TicketLock>>(1);
}
TEST(LocksExploration, McsServesInOrder) {
    expect_all_pass<ServesInOrder<sched::McsLock>>(1);
}
TEST(LocksExploration, ReadersAndWriters) {
    expect_all_pass<ReadersAndWriters>(2);
}
TEST(LocksExploration, Barrier) {
    expect_all_pass<TwoRounds>(1);
}

}  // namespace
}  // namespace kidney::test
