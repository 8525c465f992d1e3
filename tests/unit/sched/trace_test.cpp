/// Decision traces: recorded on the simulated machine, written as text, read back, repeated.
#include "policies/scheduler.hpp"
#include "sched/trace/traced.hpp"
#include "tests/laws/scheduler_policy_laws.hpp"
#include "tests/support/sim_world.hpp"
#include "tests/support/trace_replay.hpp"

#include <gtest/gtest.h>

namespace kidney::test {
namespace {

constexpr LockRank mutex_rank{10, "mutex"};

/// Runs a mixed load on two CPUs and gives the log that a kernel would write.
template <class P>
std::string recorded_log() {
    using World = SimWorld<sched::Traced<P>>;
    World world({.cpus = 2, .seed = 3});
    std::vector<std::vector<sched::TraceRecord>> buffers(2);
    for (std::uint32_t cpu = 0; cpu < 2; ++cpu) {
        buffers[cpu].resize(5000);
        world.dispatcher().with_policy(
            CpuId(cpu), [&](sched::Traced<P>& policy) { policy.attach(buffers[cpu]); });
    }
    typename World::template Mutex<mutex_rank> mutex;
    for (int i = 0; i < 6; ++i) {
        world.spawn(
            "mixed",
            [&, i] {
                for (int round = 0; round < 8; ++round) {
                    World::compute(Duration::milliseconds(3 * i));
                    LockGuard guard(mutex);
                    World::sleep(Duration::microseconds(500));
                }
            },
            sched::Priority(static_cast<std::uint8_t>(10 + 5 * i)));
    }
    EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
    std::string log = "[    0.1] boot: something else\n";
    for (std::uint32_t cpu = 0; cpu < 2; ++cpu) {
        world.dispatcher().with_policy(CpuId(cpu), [&](sched::Traced<P>& policy) {
            EXPECT_GT(policy.records().size(), 50U);
            EXPECT_EQ(policy.dropped(), 0U);
            sched::write_trace(policy.records(), policy.dropped(), P::name,
                               World::Config::policy_setup(CpuId(cpu)), [&](std::string_view line) {
                                   log += "[    1.5] sched: " + std::string(line) + "\n";
                               });
        });
    }
    return log;
}

TEST(Trace, EveryPolicyRepeatsItsDecisions) {
    policies::scheduler::All::for_each([]<class P>() {
        std::istringstream log(recorded_log<P>());
        const std::vector<RecordedTrace> traces = read_traces(log);
        ASSERT_EQ(traces.size(), 2U) << P::name;
        for (const RecordedTrace& trace : traces) {
            EXPECT_EQ(trace.policy, P::name);
            const ReplayResult result = replay<policies::scheduler::All>(trace);
            EXPECT_TRUE(result.is_identical()) << result.difference;
            EXPECT_GT(result.decisions, 50U);
        }
    });
}

TEST(Trace, ADifferentPolicyIsNoticed) {
    std::istringstream log(recorded_log<sched::FixedPriority>());
    RecordedTrace trace = read_traces(log).at(0);
    trace.policy = "round_robin";
    const ReplayResult result = replay<policies::scheduler::All>(trace);
    EXPECT_FALSE(result.is_identical());
    EXPECT_NE(result.difference.find("this policy answers"), std::string::npos);
}

TEST(Trace, TextKeepsEverything) {
    sched::TraceRecord enqueue;
    enqueue.id = 7;
    enqueue.reason = sched::EnqueueReason::yielded;
    enqueue.priority = sched::Priority(3);
    enqueue.slot = 4;
    enqueue.parameters = {.priority = sched::Priority(3),
                          .weight = 2048,
                          .nice = -5,
                          .reservation = {Duration::microseconds(1), Duration::microseconds(2),
                                          Duration::microseconds(3)},
                          .allowed = CpuSet(6),
                          .runs_on = true};
    enqueue.now = Instant(123'456'789'012);
    sched::TraceRecord charge;
    charge.call = sched::TraceRecord::Call::charge;
    charge.id = 7;
    charge.priority = sched::Priority(3);
    charge.ran = Duration::milliseconds(5);
    charge.now = Instant(17);
    charge.answer = 1;
    sched::TraceRecord lend;
    lend.call = sched::TraceRecord::Call::lend;
    lend.id = 7;
    lend.lent = sched::Urgency{40};
    lend.now = Instant(18);
    const std::array<sched::TraceRecord, 3> records{enqueue, charge, lend};
    std::string text;
    const sched::PolicySetup setup{.cpu = CpuId(1), .seed = 5, .quantum = Duration()};
    sched::write_trace(records, 2, "round_robin", setup,
                       [&](std::string_view line) { text += std::string(line) + "\n"; });
    EXPECT_EQ(text,
              "kidney-sched-trace 4 policy=round_robin cpu=1 seed=5 quantum=0 records=3 dropped=2\n"
              "e 7 4 yielded 3 2048 -5 6 runs_on 123456789012 1000 2000 3000\n"
              "c 7 3 5000000 17 preempt\n"
              "u 7 40 18\n"
              "end\n");
    std::istringstream log(text);
    const RecordedTrace read = read_traces(log).at(0);
    EXPECT_EQ(read.setup.cpu, CpuId(1));
    EXPECT_EQ(read.setup.seed, 5U);
    EXPECT_EQ(read.dropped, 2U);
    ASSERT_EQ(read.records.size(), 3U);
    EXPECT_EQ(read.records[0], enqueue);
    EXPECT_EQ(read.records[1], charge);
    lend.priority = sched::Priority(0);  // not written: the urgency says it all
    EXPECT_EQ(read.records[2], lend);
}

TEST(Trace, KeepsTheFirstRecords) {
    sched::Traced<sched::RoundRobin> policy;
    std::array<sched::TraceRecord, 2> buffer;
    policy.attach(buffer);
    sched::Entity entity;
    entity.id = 1;
    for (int i = 0; i < 3; ++i) {
        policy.enqueue(entity, sched::EnqueueReason::woken, Instant());
        EXPECT_EQ(policy.pick_next(Instant()), &entity);
    }
    EXPECT_EQ(policy.records().size(), 2U);
    EXPECT_EQ(policy.dropped(), 4U);
}

TEST(Trace, AWrapperObeysTheLaws) {
    policies::scheduler::All::for_each([]<class P>() {
        laws::Report report;
        laws::SchedulerArena arena;
        laws::run_laws<laws::SchedulerPolicyLaws<sched::Traced<P>>>(report, arena);
        EXPECT_TRUE(report.passed()) << P::name;
    });
}

}  // namespace
}  // namespace kidney::test
