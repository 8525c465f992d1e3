/// The text form of workloads. docs/laboratory-sched.md has it as a whole.
#pragma once

#include "bench/lab/sched/workload.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace kidney::lab {

/// Why a text is no workload, and where.
struct TextFault {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::string message;
};

[[nodiscard]] std::variant<Workload, TextFault> read_workload(std::string_view text);

}  // namespace kidney::lab
