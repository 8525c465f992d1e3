/// Periodic tasks: what EDF and rate monotonic make of the text books' sets, and that a server
/// gives nobody more than its share.
#include "kidney/sched/with_tables.hpp"
#include "sched/policies/edf.hpp"
#include "sched/policies/rate_monotonic.hpp"
#include "sim/single_cpu.hpp"
#include "tests/laws/scheduler/one_cpu.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace kidney::sim {
namespace {

constexpr Duration ms(std::int64_t n) {
    return Duration::milliseconds(n);
}

/// Computes for `runtime` ticks from each multiple of `period` on; the deadline is the next one.
struct Task {
    const char* name;
    std::uint32_t runtime;
    std::uint32_t period;
};

struct Outcome {
    std::string text;
    std::map<std::string, std::uint32_t> worst_response;
    std::uint32_t misses = 0;
};

/// Each job of each task is a job of its own; of equals the one whose task comes first in the list
/// runs. No server stops anybody, since this is about priorities.
template <class P>
Outcome run_tasks(const std::vector<Task>& tasks, std::uint32_t until) {
    std::vector<Job> jobs;
    for (std::uint32_t t = 0; t < until; ++t) {
        for (std::uint32_t task_index = 0; task_index < tasks.size(); ++task_index) {
            const Task& task = tasks[task_index];
            if (t % task.period == 0) {
                const Duration period = ms(task.period);
                jobs.push_back({.name = task.name,
                                .arrival = t,
                                .burst = task.runtime,
                                .reservation = {ms(1000), period, period},
                                .slot = task_index * 128 + t / task.period});
            }
        }
    }
    const Schedule s = run_jobs(sched::WithTables<P, 512>(), jobs);
    Outcome outcome;
    outcome.text = s.text();
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const auto period =
            static_cast<std::uint32_t>(jobs[i].reservation.period.count() / 1'000'000);
        const std::uint32_t response = s.jobs[i].turnaround;
        std::uint32_t& worst = outcome.worst_response[jobs[i].name];
        worst = std::max(worst, response);
        // Late jobs count where their deadline lies within the time that is looked at.
        outcome.misses += response > period && jobs[i].arrival + period <= until ? 1 : 0;
    }
    return outcome;
}
using sched::Edf;
using sched::RateMonotonic;
using Responses = std::map<std::string, std::uint32_t>;

TEST(Deadlines, G20ShortPeriodFirst) {
    const std::vector<Task> tasks{{"P1", 20, 50}, {"P2", 35, 100}};
    const Outcome rm = run_tasks<RateMonotonic>(tasks, 100);
    EXPECT_EQ(rm.text, "P1[0,20) P2[20,50) P1[50,70) P2[70,75)");
    EXPECT_EQ(rm.worst_response, (Responses{{"P1", 20}, {"P2", 75}}));
    EXPECT_EQ(rm.misses, 0U);
    const Outcome edf = run_tasks<Edf>(tasks, 100);
    EXPECT_EQ(edf.worst_response, (Responses{{"P1", 25}, {"P2", 55}})) << edf.text;
}

TEST(Deadlines, G21EdfCanWhatFixedPrioritiesCannot) {
    const std::vector<Task> tasks{{"P1", 25, 50}, {"P2", 35, 80}};
    EXPECT_NE(run_tasks<RateMonotonic>(tasks, 400).misses, 0U);
    const Outcome edf = run_tasks<Edf>(tasks, 400);
    EXPECT_EQ(edf.misses, 0U);
    EXPECT_EQ(edf.worst_response, (Responses{{"P1", 35}, {"P2", 65}})) << edf.text;
}

TEST(Deadlines, G22NearlyAllOfTheProcessor) {
    const std::vector<Task> tasks{{"t1", 2, 5}, {"t2", 4, 7}};
    const Outcome edf = run_tasks<Edf>(tasks, 35);
    EXPECT_EQ(edf.text,
              "t1[0,2) t2[2,6) t1[6,8) t2[8,12) t1[12,14) t2[14,15) t1[15,17) t2[17,20) t1[20,22) "
              "t2[22,26) t1[26,28) t2[28,32) t1[32,34)");
    EXPECT_EQ(edf.misses, 0U);
    const Outcome rm = run_tasks<RateMonotonic>(tasks, 35);
    EXPECT_EQ(rm.worst_response.at("t2"), 8U) << "its first deadline is at 7";
}

TEST(Deadlines, G25HarmonicPeriodsFillTheProcessor) {
    const std::vector<Task> tasks{{"t1", 1, 2}, {"t2", 1, 4}, {"t3", 2, 8}};
    for (const Outcome& o : {run_tasks<RateMonotonic>(tasks, 8), run_tasks<Edf>(tasks, 8)}) {
        EXPECT_EQ(o.text, "t1[0,1) t2[1,2) t1[2,3) t3[3,4) t1[4,5) t2[5,6) t1[6,7) t3[7,8)");
        EXPECT_EQ(o.misses, 0U);
    }
}

TEST(Deadlines, G26ResponseTimesAreThoseOfTheAnalysis) {
    const std::vector<Task> tasks{{"a", 3, 7}, {"b", 3, 12}, {"c", 5, 20}};
    EXPECT_EQ(run_tasks<RateMonotonic>(tasks, 420).worst_response,
              (Responses{{"a", 3}, {"b", 6}, {"c", 20}}));
    EXPECT_EQ(run_tasks<Edf>(tasks, 420).worst_response,
              (Responses{{"a", 3}, {"b", 8}, {"c", 16}}));
}

TEST(Deadlines, G27AllOfTheProcessorWithFixedPriorities) {
    const std::vector<Task> tasks{{"a", 40, 80}, {"b", 10, 40}, {"c", 5, 20}};
    const Outcome rm = run_tasks<RateMonotonic>(tasks, 80);
    EXPECT_EQ(rm.text,
              "c[0,5) b[5,15) a[15,20) c[20,25) a[25,40) c[40,45) b[45,55) a[55,60) c[60,65) "
              "a[65,80)");
    EXPECT_EQ(rm.worst_response, (Responses{{"c", 5}, {"b", 15}, {"a", 80}}));
}

// --- Servers ---

/// How much one had in the worst `window` steps, sliding.
std::size_t most_in_a_window(const std::vector<bool>& ran, std::size_t window) {
    std::size_t most = 0;
    for (std::size_t i = 0; i + window <= ran.size(); ++i) {
        most = std::max<std::size_t>(
            most, static_cast<std::size_t>(
                      std::count(ran.begin() + static_cast<std::ptrdiff_t>(i),
                                 ran.begin() + static_cast<std::ptrdiff_t>(i + window), true)));
    }
    return most;
}

struct Servers : testing::Test {
    Servers() { arena.reset_equal(); }
    laws::SchedulerArena arena;
    laws::OneCpu<Edf> cpu;
};

TEST_F(Servers, AHogGetsItsRuntimeInEveryPeriodAndNoMore) {
    sched::Entity& hog = arena.entity(0);
    hog.reservation = {ms(3), ms(10), ms(10)};
    cpu.start(hog);
    std::vector<bool> ran;
    for (int i = 0; i < 1000; ++i) {
        ran.push_back(cpu.step() == &hog);
    }
    EXPECT_EQ(cpu.served(hog), 300U) << "the processor idles the rest of the time";
    EXPECT_EQ(most_in_a_window(ran, 10), 3U);
    EXPECT_EQ(cpu.population(), 1U);

    sched::Entity& other = arena.entity(1);
    cpu.start(other);
    cpu.forget_served();
    cpu.run(1000);
    EXPECT_EQ(cpu.served(hog), 300U);
    EXPECT_EQ(cpu.served(other), 700U);
}

TEST_F(Servers, SleepingIsNoWayToGetMore) {
    sched::Entity& gamer = arena.entity(0);
    gamer.reservation = {ms(3), ms(10), ms(10)};
    cpu.start(gamer);
    cpu.start(arena.entity(1));
    std::vector<bool> ran;
    bool asleep = false;
    for (int i = 0; i < 2000; ++i) {
        if (asleep && i % 3 == 0) {
            cpu.wake(gamer);
            asleep = false;
        }
        ran.push_back(cpu.step() == &gamer);
        if (cpu.is_running(gamer) && i % 2 == 0) {
            cpu.block();
            asleep = true;
        }
    }
    EXPECT_LE(cpu.served(gamer), 600U);
    EXPECT_GE(cpu.served(gamer), 300U) << "nor to get much less";
    EXPECT_LE(most_in_a_window(ran, 20), 9U);
}

TEST_F(Servers, ADeadlineThatIsNearerPreempts) {
    sched::Entity& late = arena.entity(0);
    sched::Entity& soon = arena.entity(1);
    late.reservation = {ms(10), ms(50), ms(50)};
    soon.reservation = {ms(2), ms(8), ms(8)};
    cpu.start(late);
    cpu.step();
    ASSERT_TRUE(cpu.is_running(late));
    cpu.start(soon);
    EXPECT_TRUE(cpu.is_running(soon));
    cpu.run(2);
    EXPECT_TRUE(cpu.is_running(late)) << "the other's runtime is spent";
    cpu.run(6);
    EXPECT_TRUE(cpu.is_running(soon)) << "and comes back with its next period";
}

TEST_F(Servers, AReservationThatIsGivenUpLeavesTheThreadAmongTheOthers) {
    sched::Entity& one = arena.entity(0);
    sched::Entity& other = arena.entity(1);
    one.reservation = {ms(1), ms(10), ms(10)};
    cpu.start(one);
    cpu.start(other);
    cpu.run(5);
    ASSERT_TRUE(cpu.is_running(other));
    cpu.change(one, [](sched::SchedulingParameters& p) { p.reservation = {}; });
    cpu.forget_served();
    cpu.run(1000);
    EXPECT_NEAR(static_cast<double>(cpu.served(one)), 500, 10);
    cpu.change(other,
               [](sched::SchedulingParameters& p) { p.reservation = {ms(2), ms(4), ms(4)}; });
    cpu.run(1);
    cpu.forget_served();
    cpu.run(1000);
    EXPECT_NEAR(static_cast<double>(cpu.served(other)), 500, 4);
}

// --- Lent deadlines ---

sched::Entity task(std::uint32_t slot, std::int64_t period) {
    sched::Entity e;
    e.id = slot + 1;
    e.slot = slot;
    if (period != 0) {
        e.reservation = {ms(1), ms(period), ms(period)};
    }
    return e;
}

/// Whoever waits for it cannot wait until its next period.
TEST(Edf, AHolderThatHasSpentItsRuntimeRunsOnALentDeadline) {
    sched::WithTables<Edf, 4> policy;
    sched::Entity holder = task(0, 100);
    sched::Entity other = task(1, 50);
    sched::Entity waiter = task(2, 10);
    const Instant now(1'000'000);
    for (sched::Entity* e : {&holder, &waiter}) {
        policy.enqueue(*e, sched::EnqueueReason::started, now);
        policy.remove(*e);
    }
    EXPECT_EQ(policy.charge(holder, ms(3), now), sched::TickVerdict::preempt);
    policy.enqueue(holder, sched::EnqueueReason::preempted, now);
    EXPECT_EQ(policy.eligible(), 0U);

    policy.lend(holder, policy.urgency(waiter), now);
    policy.enqueue(other, sched::EnqueueReason::started, now);
    EXPECT_EQ(policy.eligible(), 2U);
    EXPECT_EQ(policy.pick_next(now), &holder) << "before one whose deadline is later";
    EXPECT_EQ(policy.charge(holder, ms(1), now), sched::TickVerdict::keep_running);
    EXPECT_EQ(policy.look_again(&holder, now), Instant::never()) << "nothing runs out";

    policy.lend(holder, sched::Urgency::none, now);
    EXPECT_EQ(policy.charge(holder, Duration(), now), sched::TickVerdict::preempt);
    policy.enqueue(holder, sched::EnqueueReason::preempted, now);
    EXPECT_EQ(policy.eligible(), 1U) << "it waits for its next period, to which it owes 3 ms";
    EXPECT_EQ(policy.size(), 2U);
}

TEST(Edf, OneWithoutAReservationRunsOnALentDeadline) {
    sched::WithTables<Edf, 4> policy;
    sched::Entity holder = task(0, 0);
    sched::Entity other = task(1, 50);
    sched::Entity waiter = task(2, 10);
    const Instant now(1'000'000);
    policy.enqueue(waiter, sched::EnqueueReason::started, now);
    policy.remove(waiter);
    policy.enqueue(holder, sched::EnqueueReason::started, now);
    policy.enqueue(other, sched::EnqueueReason::started, now);
    policy.lend(holder, policy.urgency(waiter), now);
    EXPECT_EQ(policy.pick_next(now), &holder);
    EXPECT_FALSE(policy.preempts(other, holder));
    policy.lend(holder, sched::Urgency::none, now);
    EXPECT_TRUE(policy.preempts(other, holder));
}

TEST(RateMonotonic, OneWithoutAReservationRunsOnALentPeriod) {
    sched::WithTables<RateMonotonic, 4> policy;
    sched::Entity holder = task(0, 0);
    sched::Entity other = task(1, 50);
    const sched::Entity waiter = task(2, 10);
    const Instant now(1'000'000);
    policy.enqueue(holder, sched::EnqueueReason::started, now);
    policy.enqueue(other, sched::EnqueueReason::started, now);
    policy.lend(holder, policy.urgency(waiter), now);
    EXPECT_EQ(policy.pick_next(now), &holder);
    EXPECT_EQ(policy.charge(holder, ms(20), now), sched::TickVerdict::keep_running);
    policy.lend(holder, sched::Urgency::none, now);
    EXPECT_EQ(policy.charge(holder, Duration(), now), sched::TickVerdict::preempt);
}

}  // namespace
}  // namespace kidney::sim
