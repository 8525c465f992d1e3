/// Priority inversion and what three kinds of mutexes make of it: exact schedules in virtual time.
#include "sched/policies/fixed_priority.hpp"
#include "sched/sync/ceiling_mutex.hpp"
#include "tests/support/sim_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace kidney::test {
namespace {

using World = SimWorld<sched::FixedPriority>;
using sched::Priority;

constexpr LockRank shared{10, "shared"};

constexpr Duration ms(std::int64_t n) {
    return Duration::milliseconds(n);
}
constexpr Duration us(std::int64_t n) {
    return Duration::microseconds(n);
}

/// The same dispatcher without what lending needs: mutexes do not inherit then.
struct Indifferent {
    using Cpu = World::Threads::Cpu;
    using Thread = World::Threads::Thread;
    static constexpr const LockRank& wait_queue_rank = World::Threads::wait_queue_rank;
    [[nodiscard]] static Thread& current() noexcept { return World::Threads::current(); }
    static void block() noexcept { World::Threads::block(); }
    [[nodiscard]] static bool block_until(Instant deadline) noexcept {
        return World::Threads::block_until(deadline);
    }
    static void wake(Thread& thread, sched::WakeHint hint) noexcept {
        World::Threads::wake(thread, hint);
    }
    static void preempt_point() noexcept { World::Threads::preempt_point(); }
};
static_assert(sched::ThreadControl<Indifferent> && !sched::LendingThreads<Indifferent>);

using NoInheritance = sched::Mutex<shared, Indifferent>;
using Inheritance = World::Mutex<shared>;
struct Ceiling : sched::CeilingMutex<shared, World::Threads> {
    Ceiling() noexcept : CeilingMutex(sched::Urgency{50}) {}
};

/// Who ran when, in whole milliseconds: "L[0,2)H[2,3)".
class Chart {
public:
    explicit Chart(World& world) {
        world.on_switch = [this](const World::Thread& from, const World::Thread&) {
            const std::int64_t now = (sim::Clock::now() - Instant() + us(500)).count() / 1'000'000;
            if (now != since_ && from.name() != "idle") {
                add(std::string(from.name()), now);
            }
            since_ = now;
        };
    }
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] int slices() const { return slices_; }

private:
    /// Two slices of one thread, with nobody else's between them, are one.
    void add(const std::string& name, std::int64_t until) {
        if (name == previous_ && since_ == end_) {
            text_.resize(begin_);
        } else {
            previous_ = name;
            start_ = since_;
            begin_ = text_.size();
            ++slices_;
        }
        end_ = until;
        text_ += name + "[" + std::to_string(start_) + "," + std::to_string(end_) + ")";
    }

    std::string text_;
    std::string previous_;
    std::size_t begin_ = 0;
    std::int64_t since_ = 0;
    std::int64_t start_ = 0;
    std::int64_t end_ = -1;
    int slices_ = 0;
};

struct Outcome {
    std::string chart;
    int switches = 0;
    std::int64_t response = 0;  ///< of H, ms
};

/// L comes at 0 and holds the lock from 1 for 4; H comes at 2 and wants it after 1; M, between
/// them, comes at 4 and computes for 10.
template <class Lock>
Outcome inversion() {
    World world({.cpus = 1});
    Chart chart(world);
    Lock lock;
    std::int64_t response = 0;
    const auto at = [&](std::int64_t when) {
        world.dispatcher().sleep_until(Instant() + ms(when));
    };
    const auto section = [&](std::int64_t before, std::int64_t inside, std::int64_t after) {
        World::compute(ms(before));
        {
            const LockGuard guard(lock);
            World::compute(ms(inside));
        }
        World::compute(ms(after));
    };
    world.spawn(
        "H",
        [&] {
            at(2);
            section(1, 1, 1);
            response = (sim::Clock::now() - Instant() - ms(2) + us(500)).count() / 1'000'000;
        },
        Priority(50));
    world.spawn(
        "M",
        [&] {
            at(4);
            World::compute(ms(10));
        },
        Priority(40));
    world.spawn("L", [&] { section(1, 4, 1); }, Priority(10));
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    return {chart.text(), chart.slices() - 1, response};
}

TEST(Inversion, WithoutInheritanceTheMiddleOneKeepsTheUrgentOneWaiting) {
    const Outcome outcome = inversion<NoInheritance>();
    EXPECT_EQ(outcome.chart, "L[0,2)H[2,3)L[3,4)M[4,14)L[14,16)H[16,18)L[18,19)");
    EXPECT_EQ(outcome.switches, 6);
    EXPECT_EQ(outcome.response, 16);
}
TEST(Inversion, WithInheritanceForOneCriticalSection) {
    const Outcome outcome = inversion<Inheritance>();
    EXPECT_EQ(outcome.chart, "L[0,2)H[2,3)L[3,6)H[6,8)M[8,18)L[18,19)");
    EXPECT_EQ(outcome.switches, 5);
    EXPECT_EQ(outcome.response, 6);
}
TEST(Inversion, WithACeilingNobodyComesBetween) {
    const Outcome outcome = inversion<Ceiling>();
    EXPECT_EQ(outcome.chart, "L[0,5)H[5,8)M[8,18)L[18,19)");
    EXPECT_EQ(outcome.switches, 3);
    EXPECT_EQ(outcome.response, 6);
}

/// With two locks held by two less urgent threads the urgent one waits for two sections under
/// inheritance, min(2 threads, 2 locks), and for one under the ceiling.
template <class Lock>
std::int64_t blocked_by_two() {
    World world({.cpus = 1});
    Lock first;
    Lock second;
    std::int64_t response = 0;
    const auto holds = [&](Lock& lock, std::int64_t from) {
        World::sleep(ms(from));
        const LockGuard guard(lock);
        World::compute(ms(4));
    };
    world.spawn(
        "H",
        [&] {
            const Instant came = Instant() + ms(3);
            world.dispatcher().sleep_until(came);
            {
                const LockGuard guard(first);
                World::compute(ms(1));
            }
            {
                const LockGuard guard(second);
                World::compute(ms(1));
            }
            response = (sim::Clock::now() - came + us(500)).count() / 1'000'000;
        },
        Priority(50));
    world.spawn("L1", [&] { holds(first, 1); }, Priority(10));
    world.spawn("L2", [&] { holds(second, 2); }, Priority(20));
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    return response;
}

TEST(Inversion, TheBoundOfInheritanceIsTheSmallerOfThreadsAndLocks) {
    // L1 has had 1 of its 4 ms when L2 comes, L2 1 of its 4 when H comes: 3 + 3 + 2 of its own.
    EXPECT_EQ(blocked_by_two<Inheritance>(), 3 + 3 + 2);
    // L1 goes on to its end before L2 or H run at all: 2 ms are left when H comes.
    EXPECT_EQ(blocked_by_two<Ceiling>(), 2 + 2);
}

// --- Mars Pathfinder, 1997 ---

struct Mission {
    int resets = 0;
    std::int64_t worst_ms = 0;  ///< from the release of bc_dist to its end
};

/// bc_dist moves data over the information bus in each period of 125 ms and takes its mutex; a
/// meteorological task at the bottom takes it for a moment in each second; between them
/// communication computes for as long as it likes. A watchdog at the top resets the machine if
/// bc_dist is not done when the next period begins.
template <class Lock>
Mission mission() {
    World world({.cpus = 1});
    Lock bus;
    Mission result;
    bool over = false;
    bool done = true;
    const auto until = [&](std::int64_t when) {
        world.dispatcher().sleep_until(Instant() + ms(when));
    };
    world.spawn(
        "watchdog",
        [&] {
            for (int period = 0; period <= 24; ++period) {
                until(period * 125);
                if (!done) {
                    ++result.resets;
                }
                done = false;
            }
            over = true;
        },
        Priority(60));
    world.spawn(
        "bc_dist",
        [&] {
            for (int period = 0; period < 24; ++period) {
                until(period * 125);
                const Instant released = Instant() + ms(period * 125);
                World::compute(ms(5));
                {
                    const LockGuard guard(bus);
                    World::compute(ms(5));
                }
                World::compute(ms(5));
                done = true;
                result.worst_ms = std::max<std::int64_t>(
                    result.worst_ms, (sim::Clock::now() - released + us(500)).count() / 1'000'000);
            }
        },
        Priority(50));
    world.spawn(
        "comms",
        [&] {
            for (int second = 0; second < 3; ++second) {
                until(second * 1000 + 631);
                World::compute(ms(120));
            }
        },
        Priority(40));
    world.spawn(
        "asi_met",
        [&] {
            for (int second = 0; second < 3; ++second) {
                until(second * 1000 + 623);
                World::compute(ms(1));
                const LockGuard guard(bus);
                World::compute(ms(4));
            }
        },
        Priority(10));
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    EXPECT_TRUE(over);
    return result;
}

TEST(Inversion, MarsPathfinder) {
    // The bus is taken at 624; bc_dist comes at 625 and wants it at 630; at 631 communication.
    const Mission before = mission<NoInheritance>();
    EXPECT_EQ(before.resets, 3);
    EXPECT_EQ(before.worst_ms, 5 + 1 + 120 + 2 + 10) << "one more ms of the section came first";
    const Mission after = mission<Inheritance>();
    EXPECT_EQ(after.resets, 0);
    EXPECT_EQ(after.worst_ms, 5 + 3 + 10);
}

}  // namespace
}  // namespace kidney::test
