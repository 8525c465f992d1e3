/// Text-book schedules, exactly: the policies of the kernel on `sim::SingleCpu`. The numbers (G4,
/// G6, ...) are those of the scheduling design notes.
#include "kidney/sched/with_tables.hpp"
#include "sched/policies/cfs.hpp"
#include "sched/policies/fifo.hpp"
#include "sched/policies/fixed_priority.hpp"
#include "sched/policies/lottery.hpp"
#include "sched/policies/round_robin.hpp"
#include "sched/policies/stride.hpp"
#include "sim/single_cpu.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace kidney::sim {
namespace {

using sched::FixedPriority;
using sched::Priority;
using sched::RoundRobin;

constexpr Duration ticks(std::int64_t n) {
    return Duration::milliseconds(n);
}

std::vector<std::uint32_t> waits(const Schedule& s) {
    std::vector<std::uint32_t> out;
    for (const JobResult& j : s.jobs) {
        out.push_back(j.wait);
    }
    return out;
}

using Numbers = std::vector<std::uint32_t>;

TEST(GroundTruth, G1FirstComeFirstServed) {
    const std::vector<Job> jobs{{"P1", 0, 24}, {"P2", 0, 3}, {"P3", 0, 3}};
    EXPECT_EQ(run_jobs(RoundRobin(ticks(1000)), jobs).text(), "P1[0,24) P2[24,27) P3[27,30)")
        << "round robin without end";
    const Schedule s = run_jobs(sched::Fifo(), jobs);
    EXPECT_EQ(s.text(), "P1[0,24) P2[24,27) P3[27,30)");
    EXPECT_EQ(waits(s), (Numbers{0, 24, 27}));
}

TEST(GroundTruth, G4RoundRobinQuantum4) {
    const std::vector<Job> jobs{{"P1", 0, 24}, {"P2", 0, 3}, {"P3", 0, 3}};
    const Schedule s = run_jobs(RoundRobin(ticks(4)), jobs);
    EXPECT_EQ(s.text(), "P1[0,4) P2[4,7) P3[7,10) P1[10,30)");
    EXPECT_EQ(waits(s), (Numbers{6, 4, 7}));
    EXPECT_EQ(s.switches, 3U);
}

TEST(GroundTruth, G5PriorityWithoutSlices) {
    // The book's 1 is the most urgent; ours is the largest number.
    const std::vector<Job> jobs{{"P1", 0, 10, Priority(7)},
                                {"P2", 0, 1, Priority(9)},
                                {"P3", 0, 2, Priority(6)},
                                {"P4", 0, 1, Priority(5)},
                                {"P5", 0, 5, Priority(8)}};
    const Schedule s = run_jobs(FixedPriority(ticks(1000)), jobs);
    EXPECT_EQ(waits(s), (Numbers{6, 0, 16, 18, 1}));
}

TEST(GroundTruth, G6PriorityWithRoundRobinQuantum2) {
    const std::vector<Job> jobs{{"P1", 0, 4, Priority(7)},
                                {"P2", 0, 5, Priority(8)},
                                {"P3", 0, 8, Priority(8)},
                                {"P4", 0, 7, Priority(9)},
                                {"P5", 0, 3, Priority(7)}};
    const Schedule s = run_jobs(FixedPriority(ticks(2)), jobs);
    EXPECT_EQ(s.text(),
              "P4[0,7) P2[7,9) P3[9,11) P2[11,13) P3[13,15) P2[15,16) P3[16,20) P1[20,22) "
              "P5[22,24) P1[24,26) P5[26,27)");
    EXPECT_EQ(waits(s), (Numbers{22, 11, 12, 0, 24}));
    EXPECT_EQ(s.total_turnaround(), 96U);  // 5 jobs, average 19.2
}

TEST(GroundTruth, G7QuantumAgainstTurnaround) {
    const std::vector<Job> jobs{{"P1", 0, 6}, {"P2", 0, 3}, {"P3", 0, 1}, {"P4", 0, 7}};
    // 4 jobs: averages 11.0 11.5 10.75 11.5 12.25 10.5 10.5
    const Numbers turnaround{44, 46, 43, 46, 49, 42, 42};
    const Numbers switches{15, 8, 5, 5, 5, 3, 3};
    for (std::uint32_t q = 1; q <= 7; ++q) {
        const Schedule s = run_jobs(RoundRobin(ticks(q)), jobs);
        EXPECT_EQ(s.total_turnaround(), turnaround[q - 1]) << "quantum " << q;
        EXPECT_EQ(s.switches, switches[q - 1]) << "quantum " << q;
    }
}

TEST(GroundTruth, G8TieRulesDiffer) {
    const std::vector<Job> jobs{{"A", 0, 5}, {"B", 2, 3}};
    const Schedule arrival = run_jobs(RoundRobin(ticks(2)), jobs, TieRule::arrival_first);
    EXPECT_EQ(arrival.text(), "A[0,2) B[2,4) A[4,6) B[6,7) A[7,8)");
    EXPECT_EQ(arrival.jobs[0].turnaround, 8U);
    EXPECT_EQ(arrival.jobs[1].turnaround, 5U);

    const Schedule preempted = run_jobs(RoundRobin(ticks(2)), jobs, TieRule::preempted_first);
    EXPECT_EQ(preempted.text(), "A[0,4) B[4,6) A[6,7) B[7,8)");
    EXPECT_EQ(preempted.jobs[0].turnaround, 7U);
    EXPECT_EQ(preempted.jobs[1].turnaround, 6U);
}

TEST(GroundTruth, G8bArrivalsAndAnIdleStart) {
    const std::vector<Job> jobs{
        {"A", 22, 18}, {"B", 4, 6}, {"C", 16, 10}, {"D", 2, 32}, {"E", 10, 17}};
    for (const TieRule ties : {TieRule::arrival_first, TieRule::preempted_first}) {
        const Schedule s = run_jobs(RoundRobin(ticks(10)), jobs, ties);
        EXPECT_EQ(s.text(),
                  "D[2,12) B[12,18) E[18,28) D[28,38) C[38,48) A[48,58) E[58,65) D[65,75) "
                  "A[75,83) D[83,85)");
        EXPECT_EQ(s.total_wait(), 162U);        // average 32.4
        EXPECT_EQ(s.total_turnaround(), 245U);  // average 49
    }
}

/// Who has the CPU in each quantum; all start at once. A name a slice of one quantum.
template <class P>
std::string first_quanta(P&& policy, const std::vector<Job>& jobs, std::size_t n) {
    std::string order;
    for (const Slice& s : run_jobs(std::forward<P>(policy), jobs).slices) {
        for (std::uint32_t t = s.start; t < s.end && order.size() < n; ++t) {
            order += s.name;
        }
    }
    return order;
}
template <class P>
using Tabled = sched::WithTables<P, 128>;

/// The books' clients begin with pass 0, or with their stride; ours is the latter.
TEST(GroundTruth, G31StrideThreeToTwoToOne) {
    const std::vector<Job> jobs{
        {"A", 0, 30, {}, 3072}, {"B", 0, 20, {}, 2048}, {"C", 0, 10, {}, 1024}};
    EXPECT_EQ(first_quanta(Tabled<sched::Stride>(ticks(1)), jobs, 6), "ABAABC");
}

TEST(GroundTruth, G30StrideSharesOfEight) {
    const std::vector<Job> jobs{
        {"A", 0, 100, {}, 100}, {"B", 0, 50, {}, 50}, {"C", 0, 250, {}, 250}};
    const std::string order = first_quanta(Tabled<sched::Stride>(ticks(1)), jobs, 8);
    EXPECT_EQ(std::ranges::count(order, 'C'), 5);
    EXPECT_EQ(std::ranges::count(order, 'A'), 2);
    EXPECT_EQ(std::ranges::count(order, 'B'), 1);
}

/// Exact for pairs; of one against many only O(n): 100 quanta at once where 50 are due.
TEST(GroundTruth, G32StrideIsPairwise) {
    std::vector<Job> jobs{{"B", 0, 1000, {}, 100 * 1024}};
    for (int i = 0; i < 100; ++i) {
        jobs.push_back({"s", 0, 10, {}, 1024});
    }
    const std::string order = first_quanta(Tabled<sched::Stride>(ticks(1)), jobs, 200);
    EXPECT_EQ(order.substr(0, 99), std::string(99, 'B'));
    EXPECT_EQ(std::ranges::count(order, 'B'), 100);
}

/// Draws as a book prints them, out of 100.
struct Printed {
    explicit Printed(std::uint64_t) {}
    std::uint32_t next() noexcept {
        constexpr std::array<std::uint32_t, 20> draws{63, 85, 70, 39, 76, 17, 29, 41, 36, 39,
                                                      10, 99, 68, 83, 63, 62, 43, 0,  49, 49};
        const std::uint64_t lot = draws[used++ % draws.size()];
        return static_cast<std::uint32_t>(((lot << 32) + 99) / 100);
    }
    std::size_t used = 0;
};

TEST(GroundTruth, G33LotterySeventyFiveToTwentyFive) {
    const std::vector<Job> jobs{{"A", 0, 1000, {}, 75}, {"B", 0, 1000, {}, 25}};
    const sched::PolicySetup setup{.quantum = ticks(1)};
    EXPECT_EQ(first_quanta(Tabled<sched::LotteryBy<Printed>>(setup), jobs, 20),
              "ABAABAAAAAABABAAAAAA");
    // 250 of 1000 to be expected, standard deviation 13.7.
    const std::string order = first_quanta(Tabled<sched::Lottery>(setup), jobs, 1000);
    EXPECT_NEAR(static_cast<double>(std::ranges::count(order, 'B')), 250, 5 * 13.7);
}

/// Latency 48 ms, nice -5 beside nice 0: 36.142 and 11.858 ms, to the nanosecond where it ends.
TEST(GroundTruth, G50SlicesOfCfs) {
    constexpr Duration instant = Duration::nanoseconds(1);
    Tabled<sched::Cfs> cfs(sched::CfsRules{.latency = ticks(48), .granularity = ticks(1)});
    std::array<sched::Entity, 2> e;
    e[1].slot = 1;
    e[0].weight = 3121;
    for (sched::Entity& entity : e) {
        cfs.enqueue(entity, sched::EnqueueReason::started, Instant());
    }
    for (const std::int64_t slice : {36'141'858, 11'858'143}) {
        sched::Entity& running = *cfs.pick_next(Instant());
        EXPECT_EQ(&running, slice > 20'000'000 ? &e[0] : &e[1]);
        EXPECT_EQ(cfs.charge(running, Duration::nanoseconds(slice) - instant, Instant()),
                  sched::TickVerdict::keep_running);
        EXPECT_EQ(cfs.charge(running, instant, Instant()), sched::TickVerdict::preempt);
        cfs.enqueue(running, sched::EnqueueReason::preempted, Instant());
    }
    // In the latency both have advanced alike: whoever comes next is drawn by nothing but rounding.
    EXPECT_EQ(cfs.size(), 2U);
}

TEST(GroundTruth, AnUrgentArrivalPreemptsAtOnce) {
    const std::vector<Job> jobs{{"low", 0, 4, Priority(1)}, {"high", 1, 2, Priority(2)}};
    EXPECT_EQ(run_jobs(FixedPriority(ticks(10)), jobs).text(), "low[0,1) high[1,3) low[3,6)");
}

}  // namespace
}  // namespace kidney::sim
