/// Text-book schedules, exactly: each file in tests/ground_truth, on the kernel's dispatcher and
/// policies. `./kidney lab sched --ground-truth` shows the same as pictures.
#include "bench/lab/sched/ground_truth.hpp"

#include "bench/lab/sched/workload_text.hpp"
#include "kidney/sched/with_tables.hpp"
#include "sched/policies/cfs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <variant>
#include <vector>

namespace kidney::lab {
namespace {

std::vector<std::string> rows() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(KIDNEY_GROUND_TRUTH)) {
        if (entry.path().extension() == ".tasks") {
            names.push_back(entry.path().stem().string());
        }
    }
    std::ranges::sort(names);
    return names;
}

Workload load(const std::string& row) {
    std::ifstream file(std::string(KIDNEY_GROUND_TRUTH) + "/" + row + ".tasks");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    std::variant<Workload, TextFault> read = read_workload(text);
    if (const auto* fault = std::get_if<TextFault>(&read)) {
        ADD_FAILURE() << row << ".tasks:" << fault->line << ":" << fault->column << ": "
                      << fault->message;
        return {};
    }
    return std::get<Workload>(std::move(read));
}

class GroundTruth : public testing::TestWithParam<std::string> {};

TEST_P(GroundTruth, IsReproduced) {
    const Workload workload = load(GetParam());
    ASSERT_FALSE(workload.cases.empty());
    for (const Case& c : workload.cases) {
        EXPECT_FALSE(c.expectations.empty()) << c.name;
        for (const Finding& f : check_case(workload, c).findings) {
            EXPECT_TRUE(f.holds) << GetParam() << ".tasks:" << f.line << ", " << c.name << ", "
                                 << f.what << "\n  expected " << f.expected << "\n  got      "
                                 << f.got;
        }
    }
}

/// At a critical instant, all released together, the simulated response is the analysed one.
TEST_P(GroundTruth, RateMonotonicRespondsAsAnalysed) {
    const Workload workload = load(GetParam());
    const std::vector<std::uint64_t> analysed = response_times(workload);
    for (const Case& c : workload.cases) {
        if (c.policy != "rate_monotonic" || c.inputs.cpus != 1) {
            continue;
        }
        const CaseResult result = check_case(workload, c);
        for (std::size_t i = 0; i < analysed.size(); ++i) {
            const TaskResult& task = result.run.tasks[i];
            EXPECT_EQ(analysed[i] == 0, task.missed != 0) << task.name;
            if (analysed[i] != 0) {
                EXPECT_EQ(task.longest_response, analysed[i]) << task.name;
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Rows, GroundTruth, testing::ValuesIn(rows()),
                         [](const auto& row) { return row.param; });

TEST(GroundTruthFiles, AreThere) {
    EXPECT_GE(rows().size(), 44U);
}

/// A file that expects something else fails: the tests above can.
TEST(GroundTruthFiles, CanBeWrong) {
    Workload workload = load("G4");
    workload.cases[0].expectations = {
        {.what = "wait", .text = "6 4 8", .line = 1},
        {.what = "schedule", .text = "P1[0,4) P2[4,7) ...", .line = 2},
        {.what = "weather", .text = "fine", .line = 3},
    };
    const std::vector<Finding> findings = check_case(workload, workload.cases[0]).findings;
    EXPECT_FALSE(findings[0].holds);
    EXPECT_EQ(findings[0].got, "6 4 7");
    EXPECT_TRUE(findings[1].holds) << findings[1].got;
    EXPECT_FALSE(findings[2].holds);
}

/// Liu and Layland's bound n (2^(1/n) - 1), as it is printed (G73); and the hyperbolic one.
TEST(Bounds, OfRateMonotonic) {
    const std::array<std::pair<int, double>, 7> printed{{{1, 1},
                                                         {2, .828427},
                                                         {3, .779763},
                                                         {4, .756828},
                                                         {5, .743492},
                                                         {10, .717735},
                                                         {100, .695555}}};
    for (const auto& [n, bound] : printed) {
        EXPECT_NEAR(n * (std::pow(2.0, 1.0 / n) - 1), bound, 5e-7) << n;
    }
    EXPECT_DOUBLE_EQ((1 + 1.0 / 3) * (1 + 1.0 / 4) * (1 + 1.0 / 5), 2) << "G24, exactly";
}

/// Latency 48 ms, nice -5 beside nice 0: 36.142 and 11.858 ms, to the nanosecond where it ends. The
/// dispatcher looks once in a millisecond, so this is asked of the policy itself.
TEST(Cfs, G50Slices) {
    constexpr Duration instant = Duration::nanoseconds(1);
    sched::WithTables<sched::Cfs, 128> cfs(sched::CfsRules{
        .latency = Duration::milliseconds(48), .granularity = Duration::milliseconds(1)});
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
    EXPECT_EQ(cfs.size(), 2U);
}

TEST(Jain, OfKnownShares) {
    EXPECT_EQ(jain({1, 1, 1, 1}), 10'000U);
    EXPECT_EQ(jain({1, 0, 0, 0}), 2'500U);
    EXPECT_EQ(jain({1, 2, 3, 4}), 8'333U);
    EXPECT_EQ(jain({10, 10, 10, 1}), 7'981U);
}

TEST(Draws, AreOfTheWantedDistribution) {
    Lots lots(1, 1);
    const auto mean = [&](const Distribution& d, int n) {
        std::uint64_t sum = 0;
        for (int i = 0; i < n; ++i) {
            sum += d.draw(lots);
        }
        return static_cast<double>(sum) / n;
    };
    const Distribution exponential{.kind = Distribution::Kind::exponential, .low = 1'000'000};
    EXPECT_NEAR(mean(exponential, 100'000), 1e6, 2e4);
    const Distribution uniform{.kind = Distribution::Kind::uniform, .low = 10, .high = 20};
    EXPECT_NEAR(mean(uniform, 100'000), 15, 0.1);
    // Pareto with shape 3: mean 3/2 of the least.
    const Distribution pareto{.kind = Distribution::Kind::pareto,
                              .low = 1'000'000,
                              .high = 1'000'000'000'000,
                              .shape = 300};
    EXPECT_NEAR(mean(pareto, 200'000), 1.5e6, 2e4);
}

TEST(Histogram, IsRightToThreePercent) {
    Histogram h;
    for (std::uint64_t i = 1; i <= 100'000; ++i) {
        h.add(i * 1000);
    }
    for (const unsigned per_mille : {500U, 900U, 990U, 999U}) {
        const double exact = 100'000.0 * 1000 * per_mille / 1000;
        EXPECT_GE(static_cast<double>(h.percentile(per_mille)), exact);
        EXPECT_LE(static_cast<double>(h.percentile(per_mille)), exact * 1.033);
    }
    EXPECT_EQ(h.most(), 100'000'000U);
}

}  // namespace
}  // namespace kidney::lab
