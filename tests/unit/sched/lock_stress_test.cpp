/// The locks under real threads. Built in every host preset; it earns its keep under
/// ThreadSanitizer, which checks the memory orders that the explorer takes for granted.
#include "sched/sync/barrier.hpp"
#include "sched/sync/event.hpp"
#include "sched/sync/mcs_lock.hpp"
#include "sched/sync/mutex.hpp"
#include "sched/sync/reader_writer_lock.hpp"
#include "sched/sync/semaphore.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sched/sync/ticket_lock.hpp"
#include "sched/sync/wait_queue.hpp"
#include "tests/support/std_threads.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <thread>
#include <vector>

namespace kidney::test {
namespace {

constexpr LockRank mutex_rank{10, "mutex"};
constexpr LockRank spin_rank{60, "spin lock"};

void on_threads(std::uint32_t count, const std::function<void(std::uint32_t)>& body) {
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < count; ++i) {
        threads.emplace_back([&, i] {
            StdCpu::become(CpuId(i));
            body(i);
        });
    }
    for (std::thread& t : threads) {
        t.join();
    }
}

template <class Lock>
struct Counter {
    Lock lock;
    int value GUARDED_BY(lock) = 0;
    void add() {
        LockGuard guard(lock);
        ++value;
    }
    int read() {
        LockGuard guard(lock);
        return value;
    }
};

TEST(LockStress, TicketLock) {
    Counter<sched::SpinLock<spin_rank, StdCpu>> counter;
    on_threads(4, [&](std::uint32_t) {
        for (int i = 0; i < 2000; ++i) {
            counter.add();
        }
    });
    EXPECT_EQ(counter.read(), 8000);
}

TEST(LockStress, McsLock) {
    Counter<sched::SpinLock<spin_rank, StdCpu, sched::McsLock>> counter;
    on_threads(4, [&](std::uint32_t) {
        for (int i = 0; i < 2000; ++i) {
            counter.add();
        }
    });
    EXPECT_EQ(counter.read(), 8000);
}

TEST(LockStress, ReadersAndWriters) {
    sched::ReaderWriterLock<mutex_rank, StdThreads> lock;
    std::array<int, 2> both{};  // plain on purpose: equal whenever somebody reads
    on_threads(4, [&](std::uint32_t me) {
        for (int i = 0; i < 1000; ++i) {
            if (me == 0) {
                const LockGuard guard(lock);
                ++both[0];
                ++both[1];
            } else {
                const sched::ReaderGuard guard(lock);
                EXPECT_EQ(both[0], both[1]);
            }
        }
    });
    EXPECT_EQ(both[0], 1000);
}

TEST(LockStress, BarrierOrdersRounds) {
    sched::Barrier<StdThreads> barrier(4);
    std::array<int, 4> done{};  // plain on purpose
    on_threads(4, [&](std::uint32_t me) {
        for (int round = 1; round <= 200; ++round) {
            done[me] = round;
            barrier.arrive_and_wait();
            EXPECT_EQ(done[(me + 1) % 4], round);
            barrier.arrive_and_wait();
        }
    });
}

TEST(LockStress, TryLockNeverBlocksAndExcludes) {
    sched::TicketLock<StdCpu> lock;
    int value = 0;
    std::array<int, 4> got{};
    on_threads(4, [&](std::uint32_t me) KIDNEY_NO_TSA("a lambda cannot name the lock it guards") {
        for (int i = 0; i < 2000; ++i) {
            if (lock.try_lock()) {
                ++value;
                ++got[me];
                lock.unlock();
            }
        }
    });
    EXPECT_EQ(value, got[0] + got[1] + got[2] + got[3]);
}

TEST(LockStress, Mutex) {
    Counter<sched::Mutex<mutex_rank, StdThreads>> counter;
    on_threads(4, [&](std::uint32_t) {
        for (int i = 0; i < 1000; ++i) {
            counter.add();
        }
    });
    EXPECT_EQ(counter.read(), 4000);
}

TEST(LockStress, SemaphoreHandsDataOver) {
    sched::Semaphore<StdThreads> full;
    sched::Semaphore<StdThreads> empty(1);
    int slot = 0;  // plain on purpose: the semaphores order it
    long sum = 0;
    on_threads(2, [&](std::uint32_t me) {
        for (int i = 1; i <= 1000; ++i) {
            if (me == 0) {
                empty.acquire();
                slot = i;
                full.release();
            } else {
                full.acquire();
                sum += slot;
                empty.release();
            }
        }
    });
    EXPECT_EQ(sum, 500500);
}

TEST(LockStress, WaitQueueWithSignalsAndDeadlines) {
    sched::SpinLock<spin_rank, StdCpu> lock;
    sched::WaitQueue<StdThreads> queue;
    int tokens = 0;
    int taken = 0;
    bool over = false;
    on_threads(4, [&](std::uint32_t me) {
        if (me == 0) {
            for (int i = 0; i < 1000; ++i) {
                LockGuard guard(lock);
                ++tokens;
                queue.wake_one();
            }
            LockGuard guard(lock);
            over = true;
            queue.wake_all();
            return;
        }
        LockGuard guard(lock);
        while (!over || tokens != 0) {
            if (tokens != 0) {
                --tokens;
                ++taken;
                continue;
            }
            ignore_error(queue.wait(lock, {.interruptible = true, .deadline = Instant(20'000)}),
                         "the loop looks again");
        }
    });
    EXPECT_EQ(taken, 1000);
}

TEST(LockStress, EventOnTheStackOfItsWaiter) {
    std::atomic<sched::Event<StdThreads>*> current{nullptr};
    on_threads(2, [&](std::uint32_t me) {
        for (int i = 0; i < 500; ++i) {
            if (me == 0) {
                sched::Event<StdThreads> event;
                current.store(&event);
                event.wait();
            } else {
                sched::Event<StdThreads>* event = nullptr;
                while ((event = current.exchange(nullptr)) == nullptr) {
                    std::this_thread::yield();
                }
                event->set();
            }
        }
    });
}

}  // namespace
}  // namespace kidney::test
