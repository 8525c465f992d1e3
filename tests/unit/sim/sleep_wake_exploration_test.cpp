/// Sleep, wake and the locks through every interleaving of two or three threads; and two classical
/// mistakes, which the explorer must find and replay.
#include "sched/sync/event.hpp"
#include "sched/sync/mutex.hpp"
#include "sched/sync/semaphore.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sched/sync/wait_queue.hpp"
#include "sim/explorer.hpp"
#include "tests/support/expect_all_pass.hpp"
#include "tests/support/explored_threads.hpp"

#include <gtest/gtest.h>

#include <iostream>

namespace kidney::test {
namespace {

using sim::ExploredCpu;
using sim::require;
constexpr LockRank mutex_rank{10, "mutex"};
constexpr LockRank spin_rank{60, "spin lock"};

struct TicketExcludes {
    static constexpr std::size_t threads = 2;
    sched::SpinLock<spin_rank, ExploredCpu> lock;
    ExploredCpu::Atomic<std::uint32_t> inside{0};
    void run(std::size_t) {
        for (int i = 0; i < 2; ++i) {
            LockGuard guard(lock);
            require(inside.exchange(1) == 0, "two holders of a spin lock");
            inside.store(0);
        }
    }
    void check() {}
};

template <class Threads, std::size_t Count>
struct MutexExcludes {
    static constexpr std::size_t threads = Count;
    MutexExcludes() { Threads::reset(); }
    sched::Mutex<mutex_rank, Threads> mutex;
    ExploredCpu::Atomic<std::uint32_t> inside{0};
    std::uint32_t total = 0;
    void run(std::size_t) {
        LockGuard guard(mutex);
        require(inside.exchange(1) == 0, "two holders of a mutex");
        ++total;
        inside.store(0);
    }
    void check() { require(total == threads, "a section was skipped"); }
};

/// One thread waits for a flag, the other sets it.
template <class Threads>
struct SleepAndWake {
    static constexpr std::size_t threads = 2;
    SleepAndWake() { Threads::reset(); }
    sched::SpinLock<spin_rank, ExploredCpu> lock;
    sched::WaitQueue<Threads> queue;
    bool flag GUARDED_BY(lock) = false;
    void run(std::size_t thread) {
        LockGuard guard(lock);
        if (thread == 0) {
            while (!flag) {
                queue.wait(lock);
            }
        } else {
            flag = true;
            queue.wake_one();
        }
    }
    void check() {}
};

/// As above, but the waker wakes after it has released the lock, and the wait may end early.
template <class Threads>
struct LimitedWait {
    static constexpr std::size_t threads = 2;
    LimitedWait() { Threads::reset(); }
    sched::SpinLock<spin_rank, ExploredCpu> lock;
    sched::WaitQueue<Threads> queue;
    bool flag GUARDED_BY(lock) = false;
    bool saw_flag = false;
    bool gave_up = false;
    void run(std::size_t thread) {
        if (thread == 1) {
            {
                LockGuard guard(lock);
                flag = true;
            }
            queue.wake_one();
            Threads::interrupt(Threads::thread(0));
            return;
        }
        LockGuard guard(lock);
        Status status;
        while (!flag && status.has_value()) {
            status = queue.wait(lock, {.interruptible = true, .deadline = Instant(1)});
        }
        saw_flag = flag;
        gave_up = !status.has_value();
    }
    void check() { require(saw_flag || gave_up, "the wait ended for no reason"); }
};

/// An event on the waiter's stack: set() must not touch it once wait() has returned.
template <class Threads>
struct EventDiesEarly {
    static constexpr std::size_t threads = 2;
    EventDiesEarly() { Threads::reset(); }
    union Slot {
        Slot() {}
        ~Slot() {}
        sched::Event<Threads> event;
    };
    Slot slot;
    ExploredCpu::Atomic<std::uint32_t> stage{0};
    void run(std::size_t thread) {
        if (thread == 0) {
            new (&slot.event) sched::Event<Threads>();
            stage.store(1);
            slot.event.wait();
            stage.store(2);
        } else {
            while (stage.load() == 0) {
                ExploredCpu::relax();
            }
            slot.event.set();
        }
    }
    void check() { require(slot.event.is_set(), "the event was set"); }
};

template <class Threads>
struct SemaphoreCounts {
    static constexpr std::size_t threads = 3;
    SemaphoreCounts() { Threads::reset(); }
    sched::Semaphore<Threads> semaphore;
    std::uint32_t taken = 0;
    void run(std::size_t thread) {
        if (thread == 0) {
            semaphore.release();
            semaphore.release();
        } else {
            semaphore.acquire();
            ++taken;
        }
    }
    void check() {
        require(taken == 2, "a permit was lost");
        require(!semaphore.try_acquire(), "a permit was invented");
    }
};

using Good = ExploredThreads<>;

TEST(Exploration, SpinLock) {
    expect_all_pass<TicketExcludes>(3);
}
TEST(Exploration, MutexOfTwo) {
    expect_all_pass<MutexExcludes<Good, 2>>(4);
}
TEST(Exploration, MutexOfThree) {
    expect_all_pass<MutexExcludes<Good, 3>>(2);
}
TEST(Exploration, SleepAndWake) {
    expect_all_pass<SleepAndWake<Good>>(4);
}
TEST(Exploration, LimitedWait) {
    expect_all_pass<LimitedWait<Good>>(3);
}
TEST(Exploration, EventDiesEarly) {
    expect_all_pass<EventDiesEarly<Good>>(4);
}
TEST(Exploration, Semaphore) {
    expect_all_pass<SemaphoreCounts<Good>>(1);
}

// --- Seeded mistakes ---

/// Looks at the condition before it is on the list, so a wake in between finds nobody.
template <class Threads>
struct ChecksBeforeLinking {
    static constexpr std::size_t threads = 2;
    ChecksBeforeLinking() { Threads::reset(); }
    sched::SpinLock<spin_rank, ExploredCpu> lock;
    sched::WaitQueue<Threads> queue;
    ExploredCpu::Atomic<std::uint32_t> flag{0};
    void run(std::size_t thread) {
        if (thread == 0) {
            while (flag.load() == 0) {  // the mistake: not under the lock that the waker takes
                LockGuard guard(lock);
                queue.wait(lock);
            }
        } else {
            LockGuard guard(lock);
            flag.store(1);
            queue.wake_one();
        }
    }
    void check() {}
};

template <class Scenario>
void expect_lost_wake_up() {
    const sim::Exploration found = sim::explore<Scenario>({.preemptions = 2});
    EXPECT_NE(found.failure.find("thread 0 sleeps"), std::string::npos) << found.failure;
    std::cout << "             lost wake-up after " << found.schedules
              << " schedules: " << found.schedule << "\n";
    const sim::Exploration again = sim::replay<Scenario>(found.schedule);
    EXPECT_EQ(again.failure, found.failure);
    EXPECT_EQ(again.schedule, found.schedule);
}

/// The dispatcher forgets a wake that comes between unlock and sleep.
TEST(SeededMistake, WakeBeforeSleepIsForgotten) {
    expect_lost_wake_up<SleepAndWake<ExploredThreads<true>>>();
}
TEST(SeededMistake, ConditionCheckedBeforeLinking) {
    expect_lost_wake_up<ChecksBeforeLinking<Good>>();
}

}  // namespace
}  // namespace kidney::test
