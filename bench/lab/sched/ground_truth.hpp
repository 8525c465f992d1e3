/// Workloads with cases: what a book says of a set of tasks, beside what the policies do.
#pragma once

#include "bench/lab/sched/results.hpp"
#include "bench/lab/sched/workload.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace kidney::lab {

/// One `expect`, and what came of it.
struct Finding {
    std::string what;
    std::string expected;
    std::string got;
    std::uint32_t line = 0;
    bool holds = false;
};

struct CaseResult {
    std::vector<Finding> findings;
    RunResult run;
};

/// A case of the workload. An expectation that is none (an unknown word) does not hold.
[[nodiscard]] CaseResult check_case(const Workload& workload, const Case& c);

/// The longest response times of tasks under fixed priorities by period, by response-time analysis
/// (Joseph and Pandya 1986), in the order of the kinds; zero: more than the deadline, or no
/// reservation. In nanoseconds.
[[nodiscard]] std::vector<std::uint64_t> response_times(const Workload& workload);

}  // namespace kidney::lab
