/// What is found about locks, by locks that a CPU watches.
#include "sched/sync/lock_checks.hpp"

#include "sched/sync/mutex.hpp"
#include "sched/sync/ranked_lock.hpp"
#include "sched/sync/reader_writer_lock.hpp"
#include "sched/sync/semaphore.hpp"
#include "sched/sync/spin_lock.hpp"
#include "tests/support/std_threads.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace kidney::test {
namespace {

using hal::InterruptState;
using hal::LockKind;
using sched::LockStack;
using sched::MayNotSleep;
using Names = std::vector<std::string>;

/// Of FakeWorld: what the test says that is so, and what was reported.
struct WorldState {
    Instant now;
    std::uintptr_t here = 0;
    bool in_interrupt = false;
    bool preemption_off = false;
    std::vector<sched::LockCircle> circles;
    std::vector<std::array<std::uintptr_t, 2>> interrupts;
    std::vector<std::pair<MayNotSleep, std::uintptr_t>> sleeps;
    Names full;
};

struct FakeWorld {
    using Cpu = StdCpu;
    using Where = std::uintptr_t;
    static inline WorldState state;

    static Instant now() noexcept { return state.now; }
    static sched::LockPlaces places(Where where) noexcept { return {where, where + 1000, 0}; }
    static LockStack stack(Where where) noexcept {
        LockStack stack;
        stack.push(where);
        stack.push(where + 1000);
        return stack;
    }
    static bool in_interrupt() noexcept { return state.in_interrupt; }
    static bool preemption_off() noexcept { return state.preemption_off; }
    static Duration limit(LockKind kind) noexcept {
        return Duration::milliseconds(kind == LockKind::spins ? 1 : 100);
    }
    static void report_circle(const sched::LockCircle& circle) noexcept {
        state.circles.push_back(circle);
    }
    static void report_interrupts(const char*, const LockStack& interrupt,
                                  const LockStack& interruptible) noexcept {
        state.interrupts.push_back({interrupt.view().front(), interruptible.view().front()});
    }
    static void report_sleep(MayNotSleep why, const char*, const LockStack& stack) noexcept {
        state.sleeps.emplace_back(why, stack.view().front());
    }
    static void report_full(const char* what) noexcept { state.full.emplace_back(what); }
};

constexpr LockRank a{1, "a"}, b{2, "b"}, c{3, "c"}, d{4, "d"};

/// What a CPU would do that holds the locks: the books without the locks, so that a test can take
/// them in an order that the ranks forbid.
template <std::size_t Kinds = 8, std::size_t Edges = 8>
class LockChecksTest : public testing::Test {
protected:
    LockChecksTest() { FakeWorld::state = {}; }

    /// Holds `first` when it wants `second`, at the places 10 * rank and 10 * rank.
    void take_both(const LockRank& first, const LockRank& second, std::uintptr_t base = 0,
                   bool tries_first = false) {
        HeldRanks held;
        checks.wanted(held, first, LockKind::spins, base + first.value);
        held.push(first);
        checks.taken(held, LockKind::spins, tries_first, base + first.value);
        checks.wanted(held, second, LockKind::spins, base + second.value);
    }

    sched::LockChecks<FakeWorld, Kinds, Edges> checks;
    WorldState& world = FakeWorld::state;
};

using LockOrder = LockChecksTest<>;

TEST_F(LockOrder, TwoThatWereTakenBothWaysRoundAreACircleWithBothStacks) {
    take_both(a, b, 100);
    EXPECT_TRUE(world.circles.empty());
    take_both(b, a, 200);
    ASSERT_EQ(world.circles.size(), 1U);
    const auto steps = world.circles[0].view();
    ASSERT_EQ(steps.size(), 2U);
    EXPECT_STREQ(steps[0].held, "b");
    EXPECT_STREQ(steps[0].wanted, "a");
    EXPECT_EQ(steps[0].places, (sched::LockPlaces{202, 1202, 0}));
    EXPECT_EQ(steps[0].stack.view()[0], 201U);
    EXPECT_EQ(steps[0].stack.view()[1], 1201U);
    EXPECT_STREQ(steps[1].held, "a");
    EXPECT_STREQ(steps[1].wanted, "b");
    EXPECT_EQ(steps[1].places, (sched::LockPlaces{101, 1101, 0}));
    EXPECT_EQ(steps[1].stack.view()[0], 102U);
}

TEST_F(LockOrder, ACircleIsToldOnce) {
    take_both(a, b);
    for (int i = 0; i < 3; ++i) {
        take_both(b, a);
    }
    EXPECT_EQ(world.circles.size(), 1U);
    EXPECT_EQ(checks.edges(), 2U);
}

TEST_F(LockOrder, ACircleOfFourIsToldFromItsNewEdgeRound) {
    take_both(a, b);
    take_both(b, c);
    take_both(c, d);
    take_both(a, d);  // a shorter way to d; the way from a back to a is still open
    EXPECT_TRUE(world.circles.empty());
    take_both(d, b);
    ASSERT_EQ(world.circles.size(), 1U);
    std::string told;
    for (const sched::LockStep& step : world.circles[0].view()) {
        told += std::string(step.held) + ">" + step.wanted + " ";
    }
    EXPECT_EQ(told, "d>b b>c c>d ");
}

TEST_F(LockOrder, OneWantedByItsHolderIsACircleOfOne) {
    take_both(a, a, 40);
    ASSERT_EQ(world.circles.size(), 1U);
    EXPECT_EQ(world.circles[0].size(), 1U);
    EXPECT_EQ(world.circles[0].view()[0].places[0], 41U);
}

TEST_F(LockOrder, WhatWasTriedIsNotWaitedForButHeld) {
    // a > try b > c: nobody waits for b with a held, but for c with both.
    HeldRanks held;
    held.push(a);
    checks.taken(held, LockKind::spins, false, 1);
    held.push(b);
    checks.taken(held, LockKind::spins, true, 2);
    checks.wanted(held, c, LockKind::spins, 3);
    EXPECT_EQ(checks.edges(), 2U);
    take_both(b, a);
    EXPECT_TRUE(world.circles.empty());
    take_both(c, a);
    EXPECT_EQ(world.circles.size(), 1U);
}

using SmallTables = LockChecksTest<2, 1>;

TEST_F(SmallTables, SayOnceThatTheyAreFullAndGoOnWithWhatTheyHave) {
    take_both(a, b);
    take_both(b, c);
    take_both(c, d);
    EXPECT_EQ(world.full, Names{"kinds"});
    take_both(b, a, 60);  // no room for its stack, but it closes a circle
    EXPECT_EQ(world.full, (Names{"kinds", "orders"}));
    ASSERT_EQ(world.circles.size(), 1U);
    EXPECT_EQ(world.circles[0].view()[0].places[0], 62U);
    take_both(b, a);
    EXPECT_EQ(world.circles.size(), 1U);
    take_both(a, a);  // a third edge: told of, but not that there is no room again
    EXPECT_EQ(world.circles.size(), 2U);
    EXPECT_EQ(world.full, (Names{"kinds", "orders"}));
}

// --- Whole locks, on a CPU that is watched ---

sched::LockChecks<FakeWorld> watched;

struct WatchedCpu : StdCpu {
    struct Watch {
        static void wanted(const HeldRanks& held, const LockRank& rank, LockKind kind) noexcept {
            watched.wanted(held, rank, kind, FakeWorld::state.here);
        }
        static void taken(HeldRanks& held, LockKind kind, bool tried) noexcept {
            watched.taken(held, kind, tried, FakeWorld::state.here);
        }
        static void released(const HeldRanks& held, const LockRank& rank, LockKind kind,
                             const HeldRanks::Taking& taking, bool interrupts_come) noexcept {
            watched.released(held, rank, kind, taking, interrupts_come, FakeWorld::state.here);
        }
        static void may_sleep() noexcept { watched.may_sleep(FakeWorld::state.here); }
    };
};
static_assert(hal::WatchesLocks<WatchedCpu>);
static_assert(!hal::WatchesLocks<StdCpu>);

struct WatchedThreads : StdThreads {
    using Cpu = WatchedCpu;
};

// Below the rank of the wait queues: the semaphore has one.
constexpr LockRank first_mutex{40, "first mutex"}, second_mutex{41, "second mutex"};
constexpr LockRank shared{42, "shared"};
constexpr LockRank outer{60, "outer"}, inner{61, "inner"}, late{62, "late"};
using Outer = sched::SpinLock<outer, WatchedCpu>;
using Inner = sched::SpinLock<inner, WatchedCpu>;

class WatchedLocks : public testing::Test {
protected:
    WatchedLocks() { world = {}; }
    static sched::LockFigures figures(const std::string& name) {
        for (std::size_t n = 0; n < watched.kinds(); ++n) {
            if (const sched::LockFigures f = watched.figures(n); f.name == name) {
                return f;
            }
        }
        return {};
    }
    WorldState& world = FakeWorld::state;
};

#ifdef KIDNEY_DEBUG

TEST_F(WatchedLocks, SpinLocksAndMutexesMakeEdgesOfTheirOwn) {
    Outer x;
    Inner y;
    sched::Mutex<first_mutex, WatchedThreads> m;
    sched::Mutex<second_mutex, WatchedThreads> n;
    const std::size_t before = watched.edges();
    m.lock();
    n.lock();
    x.lock();
    y.lock();
    y.unlock();
    x.unlock();
    if (x.try_lock()) {
        x.unlock();
    }
    n.unlock();
    m.unlock();
    ASSERT_EQ(watched.edges() - before, 2U);  // m > n, x > y
    EXPECT_TRUE(world.circles.empty());
    EXPECT_EQ(figures("outer").taken, 2U);
    EXPECT_EQ(figures("first mutex").kind, LockKind::sleeps);
}

TEST_F(WatchedLocks, AnInterruptThatWantsWhatIsHeldWithInterruptsOn) {
    sched::SpinLock<late, WatchedCpu> z;
    Inner y;
    const InterruptState state = WatchedCpu::interrupts_disable();
    world.in_interrupt = true;
    world.here = 71;
    z.lock();
    z.unlock();
    world.in_interrupt = false;
    WatchedCpu::interrupts_restore(state);
    EXPECT_TRUE(world.interrupts.empty());
    // Released in the order of taking: interrupts come while z is held.
    world.here = 72;
    y.lock();
    z.lock();
    EXPECT_TRUE(world.interrupts.empty());
    y.unlock();
    z.unlock();
    ASSERT_EQ(world.interrupts.size(), 1U);
    EXPECT_EQ(world.interrupts[0], (std::array<std::uintptr_t, 2>{71, 72}));
    EXPECT_TRUE(figures("late").in_interrupts);
}

TEST_F(WatchedLocks, ALockThatLeavesInterruptsToOthersIsTakenWithThemOn) {
    sched::RankedLock<WatchedCpu> lock;
    static constexpr LockRank rank{63, "ranked"};
    lock.set_rank(rank);
    world.here = 81;
    lock.lock();  // a mistake of the caller's
    lock.unlock();
    {
        const hal::InterruptGuard<WatchedCpu> off;
        world.in_interrupt = true;
        world.here = 82;
        lock.lock();
        lock.unlock();
    }
    ASSERT_EQ(world.interrupts.size(), 1U);
    EXPECT_EQ(world.interrupts[0], (std::array<std::uintptr_t, 2>{82, 81}));
}

TEST_F(WatchedLocks, WhatMaySleepSaysWhereItMayNot) {
    sched::Semaphore<WatchedThreads> permits(100);
    sched::Mutex<first_mutex, WatchedThreads> m;
    sched::ReaderWriterLock<shared, WatchedThreads> rw;
    const auto all = [&](std::uintptr_t place) {
        world.here = place;
        permits.acquire();
        world.here = place + 1;
        m.lock();
        m.unlock();
        world.here = place + 2;
        rw.lock_shared();
        rw.unlock_shared();
    };
    all(300);
    EXPECT_TRUE(world.sleeps.empty());
    world.preemption_off = true;
    all(300);
    world.preemption_off = false;
    {
        const hal::InterruptGuard<WatchedCpu> off;
        all(300);
        all(300);  // told before
        world.in_interrupt = true;
        all(300);
        world.in_interrupt = false;
    }
    Outer x;
    x.lock();
    world.here = 310;
    permits.acquire();
    x.unlock();
    using enum MayNotSleep;
    const std::vector<std::pair<MayNotSleep, std::uintptr_t>> expected = {
        {preemption, 300},     {preemption, 301},     {preemption, 302},   {interrupts_off, 300},
        {interrupts_off, 301}, {interrupts_off, 302}, {in_interrupt, 300}, {in_interrupt, 301},
        {in_interrupt, 302},   {under_spin_lock, 310}};
    EXPECT_EQ(world.sleeps, expected);
}

TEST_F(WatchedLocks, WhatIsHeldForLongIsCountedAndTheLongestKept) {
    Outer x;
    sched::Mutex<second_mutex, WatchedThreads> m;
    const auto hold = [&](auto& lock, Duration time, std::uintptr_t place) {
        lock.lock();
        world.here = place;
        world.now = world.now + time;
        lock.unlock();
    };
    hold(x, Duration::milliseconds(1), 400);  // the limit itself is not too long
    EXPECT_EQ(figures("outer").too_long, 0U);
    hold(x, Duration::microseconds(1001), 401);
    hold(x, Duration::milliseconds(7), 402);
    hold(x, Duration::milliseconds(3), 403);
    EXPECT_EQ(figures("outer").too_long, 3U);
    EXPECT_EQ(figures("outer").longest, Duration::milliseconds(7));
    EXPECT_EQ(figures("outer").longest_stack.view()[0], 402U);
    hold(m, Duration::milliseconds(100), 404);
    EXPECT_EQ(figures("second mutex").too_long, 0U);
    hold(m, Duration::milliseconds(101), 405);
    EXPECT_EQ(figures("second mutex").longest_stack.view()[0], 405U);
}

TEST_F(WatchedLocks, OneThatWasWantedInVainIsNotHeld) {
    sched::ReaderWriterLock<shared, WatchedThreads> rw;
    rw.lock();
    std::thread([&] {
        const sched::WaitLimit soon{.deadline = Instant(1'000'000)};
        EXPECT_EQ(rw.lock_shared(soon), fail(Errc::timed_out));
        EXPECT_EQ(WatchedThreads::current().held_mutexes.depth(), 0U);
    }).join();
    rw.unlock();
}

#endif

}  // namespace
}  // namespace kidney::test
