/// A run by the name of its policy.
#pragma once

#include "bench/lab/sched/results.hpp"
#include "bench/lab/sched/workload.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::lab {

/// Nothing if there is no such policy. Slices are recorded up to `most_slices`, with the reasons
/// for each choice.
[[nodiscard]] std::optional<RunResult> run_workload(std::string_view policy,
                                                    const Workload& workload, const Inputs& inputs,
                                                    std::size_t most_slices);
[[nodiscard]] std::vector<std::string> lab_policy_names();

}  // namespace kidney::lab
