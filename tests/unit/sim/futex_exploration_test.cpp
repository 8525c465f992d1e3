/// The futex engine through every interleaving of two or three threads.
#include "sched/sync/futex.hpp"
#include "sim/explorer.hpp"
#include "tests/support/explored_threads.hpp"

#include <gtest/gtest.h>

namespace kidney::test {
namespace {

using sim::ExploredCpu;
using sim::require;
constexpr LockRank futex_rank{71, "futex"};

struct Word {
    std::uint32_t number = 0;
    [[nodiscard]] std::uint32_t hash() const noexcept { return number; }
    friend bool operator==(const Word&, const Word&) noexcept = default;
};
/// In another bucket than word a; b_beside is in the same one.
constexpr Word a{1}, b{2}, beside_a{1 + 64};

using Good = ExploredThreads<false>;
template <class Threads>
using Table = sched::FutexTable<Threads, Word, futex_rank>;

Instant never() noexcept {
    return Instant::never();
}

/// What every lock does: wait while the word is 0; the other sets it and wakes.
template <class Threads>
struct SetAndWake {
    static constexpr std::size_t threads = 2;
    SetAndWake() { Threads::reset(); }
    Table<Threads> table;
    ExploredCpu::Atomic<std::uint32_t> word{0};
    void run(std::size_t thread) {
        if (thread == 1) {
            word.store(1);
            table.wake(a, 1);
            return;
        }
        while (word.load() == 0) {
            const Status status = table.wait(
                a, 1, [&]() noexcept -> Result<bool> { return word.load() == 0; }, &never);
            require(status.has_value() || status.error() == Errc::would_block, "a strange error");
        }
    }
    void check() { require(table.wake(a, 9) == 0, "a waiter was left behind"); }
};

/// The wake may come together with the deadline and a signal: counted as woken, it must return 0.
template <class Threads>
struct WakeAgainstTheLimits {
    static constexpr std::size_t threads = 2;
    WakeAgainstTheLimits() { Threads::reset(); }
    Table<Threads> table;
    std::uint32_t woken = 0;
    Status status;
    void run(std::size_t thread) {
        if (thread == 1) {
            woken = table.wake(a, 1);
            Threads::interrupt(Threads::thread(0));
            return;
        }
        status = table.wait(
            a, 1, []() noexcept -> Result<bool> { return true; },
            []() noexcept { return Instant(1); });
    }
    void check() {
        require((woken == 1) == status.has_value(), "the waker and the waiter disagree");
        require(status.has_value() || status.error() == Errc::timed_out ||
                    status.error() == Errc::interrupted,
                "a strange error");
        require(table.wake(a, 9) == 0, "a waiter was left behind");
    }
};

/// Two sleepers and a single wake: one goes on, and only a second wake reaches the other.
template <class Threads>
struct OneOfTwo {
    static constexpr std::size_t threads = 3;
    OneOfTwo() { Threads::reset(); }
    Table<Threads> table;
    ExploredCpu::Atomic<std::uint32_t> awake{0};
    void run(std::size_t thread) {
        if (thread != 0) {
            require(table.wait(
                             a, 1, []() noexcept -> Result<bool> { return true; }, &never)
                        .has_value(),
                    "not woken");
            awake.fetch_add(1);
            return;
        }
        for (std::uint32_t left = 2; left != 0;) {
            const std::uint32_t woken = table.wake(a, 1);
            require(woken <= 1, "too many woken");
            left -= woken;
            ExploredCpu::relax();
        }
    }
    void check() { require(awake.load() == 2, "somebody sleeps"); }
};

/// The bits choose who is woken, wherever in the queue, and every woken one is counted.
template <class Threads>
struct BitsChoose {
    static constexpr std::size_t threads = 3;
    BitsChoose() { Threads::reset(); }
    Table<Threads> table;
    ExploredCpu::Atomic<std::uint32_t> awake{0};
    void run(std::size_t thread) {
        if (thread != 0) {
            const auto bits = static_cast<std::uint32_t>(thread);
            require(table.wait(
                             a, bits, []() noexcept -> Result<bool> { return true; }, &never)
                        .has_value(),
                    "not woken");
            awake.fetch_add(1);
            return;
        }
        std::uint32_t woken = 0;
        for (;;) {
            const std::uint32_t second = table.wake(a, 9, 2);
            require(second <= 1, "woken by another's bits");
            woken += second + table.wake(a, 9);
            if (awake.load() == 2) {
                break;
            }
            ExploredCpu::relax();
        }
        require(woken == 2, "not counted");
    }
    void check() {}
};

/// A moved waiter is reached under its new name, and under no other. One that sees the change of
/// the word before it sleeps leaves by itself.
template <class Threads, const Word& Target>
struct MovedIsWokenThere {
    static constexpr std::size_t threads = 2;
    MovedIsWokenThere() { Threads::reset(); }
    Table<Threads> table;
    ExploredCpu::Atomic<std::uint32_t> word{0};
    std::uint32_t moved = 0;
    std::uint32_t woken = 0;
    Status status;
    void run(std::size_t thread) {
        if (thread == 0) {
            status = table.wait(
                a, 1, [&]() noexcept -> Result<bool> { return word.load() == 0; }, &never);
            require(status.has_value() || status.error() == Errc::would_block, "a strange error");
            return;
        }
        const auto done = table.requeue(
            a, Target, 0, 9, [&]() noexcept -> Result<bool> { return word.load() == 0; });
        require(done.has_value(), "nobody changed the word");
        moved = *done;
        word.store(1);
        // A waiter that came too late for the move sleeps on `a`, or sees the change.
        woken = table.wake(Target, 9);
        table.wake(a, 9);
    }
    void check() {
        require(woken == moved || (woken < moved && !status), "a moved waiter was not there");
        require(table.wake(a, 9) + table.wake(Target, 9) == 0, "left behind");
    }
};

/// Between the look at the word and the move, nobody may have changed it and gone to sleep: who
/// sleeps for another value is not moved.
template <class Threads>
struct NoMoveAfterAChange {
    static constexpr std::size_t threads = 2;
    NoMoveAfterAChange() { Threads::reset(); }
    Table<Threads> table;
    ExploredCpu::Atomic<std::uint32_t> word{0};
    void run(std::size_t thread) {
        if (thread == 0) {
            word.store(1);
            require(
                table
                    .wait(
                        a, 1, [&]() noexcept -> Result<bool> { return word.load() == 1; }, &never)
                    .has_value(),
                "not woken");
            return;
        }
        const Result<std::uint32_t> moved =
            table.requeue(a, b, 0, 9, [&]() noexcept -> Result<bool> { return word.load() == 0; });
        require(moved ? *moved == 0 : moved.error() == Errc::would_block,
                "moved although the word had changed");
        while (table.wake(a, 9) == 0) {
            ExploredCpu::relax();
        }
    }
    void check() { require(table.wake(a, 9) + table.wake(b, 9) == 0, "left behind"); }
};

/// Whoever comes first, the more urgent one is woken first.
struct UrgencyChooses {
    static constexpr std::size_t threads = 3;
    static constexpr std::size_t urgent = 2;
    UrgencyChooses() { Good::reset(); }
    Table<Good> table;
    ExploredCpu::Atomic<std::uint32_t> asleep{0}, awake{0};
    void run(std::size_t thread) {
        if (thread != 0) {
            const auto falls_asleep = [&]() noexcept -> Result<bool> {
                asleep.fetch_add(1);
                return true;
            };
            require(table.wait(a, 1, falls_asleep, &never, thread == urgent ? 5 : 0).has_value(),
                    "not woken");
            require((awake.fetch_add(1) == 0) == (thread == urgent), "woken out of turn");
            return;
        }
        while (asleep.load() != 2) {
            ExploredCpu::relax();
        }
        for (std::uint32_t n = 1; n <= 2; ++n) {
            require(table.wake(a, 1) == 1, "one was not woken");
            while (awake.load() != n) {
                ExploredCpu::relax();
            }
        }
    }
    void check() {}
};

/// A single thread: each way to fail.
struct Errors {
    static constexpr std::size_t threads = 1;
    Errors() { Good::reset(); }
    Table<Good> table;
    void run(std::size_t) {
        const auto look = [](Result<bool> answer) {
            return [answer]() noexcept -> Result<bool> { return answer; };
        };
        require(table.wait(a, 1, look(false), &never).error() == Errc::would_block, "value");
        require(
            table.wait(a, 1, look(fail(Errc::bad_address)), &never).error() == Errc::bad_address,
            "fault");
        require(table.requeue(a, b, 1, 1, look(false)).error() == Errc::would_block, "move");
        require(table.requeue(a, b, 1, 1, look(true)).value() == 0, "nobody there");
        require(table.wake(a, 9) == 0, "left behind");
    }
    void check() {}
};

/// Three threads have so many schedules that one preemption must do: it finds every fault that two
/// have found.
template <class Scenario>
void explores(std::size_t preemptions = 2) {
    const sim::Exploration all = sim::explore<Scenario>({.preemptions = preemptions});
    EXPECT_TRUE(all.passed()) << all.failure << "\nschedule " << all.schedule;
}

TEST(FutexExploration, NoWakeUpIsLost) {
    explores<SetAndWake<Good>>();
    explores<OneOfTwo<Good>>(1);
    explores<BitsChoose<Good>>(1);
    explores<UrgencyChooses>(1);
}
TEST(FutexExploration, AWakeUpIsNotLostToASignalOrADeadline) {
    explores<WakeAgainstTheLimits<Good>>();
}
TEST(FutexExploration, MovedWaitersAreWokenWhereTheyAre) {
    explores<MovedIsWokenThere<Good, b>>();
    explores<MovedIsWokenThere<Good, beside_a>>();
}
TEST(FutexExploration, AChangedWordIsSeenBeforeAMove) {
    explores<NoMoveAfterAChange<Good>>();
}
TEST(FutexExploration, ADispatcherThatForgetsWakeUpsIsFoundOut) {
    EXPECT_FALSE(sim::explore<SetAndWake<ExploredThreads<true>>>({.preemptions = 2}).passed());
}

TEST(FutexExploration, ErrorsLeaveNobodyBehind) {
    explores<Errors>();
}

}  // namespace
}  // namespace kidney::test
