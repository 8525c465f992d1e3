/// Priority inheritance through every interleaving of three threads: whatever comes, goes and gives
/// up, a holder is as urgent as all that wait for it, and in the end nobody owes anything.
#include "sched/sync/ceiling_mutex.hpp"
#include "sched/sync/mutex.hpp"
#include "sim/explorer.hpp"
#include "tests/support/expect_all_pass.hpp"
#include "tests/support/explored_threads.hpp"

#include <gtest/gtest.h>

namespace kidney::test {
namespace {

using sched::Urgency;
using sim::ExploredCpu;
using sim::require;
using Threads = ExploredLendingThreads;

constexpr LockRank near_rank{10, "near"};
constexpr LockRank far_rank{11, "far"};

struct Debts {
    Debts() {
        Threads::reset();
        for (std::size_t i = 0; i < sim::explored::max_threads; ++i) {
            Threads::thread(i).own = Urgency{10 * (i + 1)};
        }
    }
    /// Of the running thread to `other`, if that waits for `lock`.
    static void require_paid(std::size_t other) {
        LockGuard guard(Threads::inheritance_lock());
        require(
            Threads::thread(other).borrower.waits_at == nullptr ||
                Threads::urgency(Threads::current()) >= Threads::urgency(Threads::thread(other)),
            "a holder is less urgent than who waits for it");
    }
    static void require_none() {
        for (std::size_t i = 0; i < sim::explored::max_threads; ++i) {
            require(Threads::thread(i).lent == Urgency::none, "something stays lent");
            require(Threads::thread(i).borrower.lenders.empty(), "a lock still lends");
            require(Threads::thread(i).borrower.waits_at == nullptr, "a wait has not ended");
        }
    }
};

template <class Mutex>
struct Excludes : Debts {
    static constexpr std::size_t threads = 3;
    Mutex mutex;
    ExploredCpu::Atomic<std::uint32_t> inside{0};
    std::uint32_t total = 0;
    void run(std::size_t thread) {
        LockGuard guard(mutex);
        require(inside.exchange(1) == 0, "two holders of a mutex");
        for (std::size_t other = 0; other < threads; ++other) {
            if (other != thread) {
                require_paid(other);
            }
        }
        ++total;
        inside.store(0);
    }
    void check() {
        require(total == threads, "a section was skipped");
        require_none();
    }
};

/// 0 holds `far`; 1 holds `near` and waits for `far`; 2 waits for `near`, and may give up.
struct Chain : Debts {
    static constexpr std::size_t threads = 3;
    sched::Mutex<near_rank, Threads> near;
    sched::Mutex<far_rank, Threads> far;
    bool one_waits_for_far = false;
    void run(std::size_t thread) KIDNEY_NO_TSA("a limited lock")
    {
        if (thread == 0) {
            far.lock();
            if (one_waits_for_far) {
                require_paid(1);
            }
            far.unlock();
        } else if (thread == 1) {
            near.lock();
            one_waits_for_far = true;  // and for nothing else, if it waits
            far.lock();
            far.unlock();
            require_paid(2);
            near.unlock();
        } else if (near.lock({.interruptible = true, .deadline = Instant(1)})) {
            near.unlock();
        }
    }
    void check() {
        require_none();
        require(!near.is_held_by_me() && !far.is_held_by_me(), "a mutex stays held");
    }
};

/// Two that give up, and a third who holds and releases.
struct AllGiveUp : Debts {
    static constexpr std::size_t threads = 3;
    sched::Mutex<near_rank, Threads> mutex;
    std::uint32_t got = 0;
    void run(std::size_t thread) KIDNEY_NO_TSA("a limited lock")
    {
        if (thread == 0) {
            mutex.lock();
            ++got;
            mutex.unlock();
            Threads::interrupt(Threads::thread(1));
        } else if (mutex.lock({.interruptible = true, .deadline = Instant(1)})) {
            ++got;
            mutex.unlock();
        }
    }
    void check() KIDNEY_NO_TSA("in nobody's thread")
    {
        require(got >= 1 && got <= 3, "who got it");
        require_none();
    }
};

struct Ceiling : sched::CeilingMutex<near_rank, Threads> {
    Ceiling() noexcept : CeilingMutex(Urgency{30}) {}
};

TEST(InheritanceExploration, Excludes) {
    expect_all_pass<Excludes<sched::Mutex<near_rank, Threads>>>(2);
}
TEST(InheritanceExploration, CeilingExcludes) {
    expect_all_pass<Excludes<Ceiling>>(1);
}
TEST(InheritanceExploration, Chain) {
    expect_all_pass<Chain>(2);
}
TEST(InheritanceExploration, AllGiveUp) {
    expect_all_pass<AllGiveUp>(2);
}

}  // namespace
}  // namespace kidney::test
