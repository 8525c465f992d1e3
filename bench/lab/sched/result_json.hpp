/// A result as JSON: integers only, so that the bytes are the same on every machine.
#pragma once

#include "bench/lab/sched/results.hpp"
#include "bench/lab/sched/workload.hpp"

#include <string>
#include <string_view>

namespace kidney::lab {

[[nodiscard]] std::string to_json(std::string_view policy, std::string_view workload,
                                  const Inputs& inputs, const RunResult& result);
/// In quotes.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace kidney::lab
