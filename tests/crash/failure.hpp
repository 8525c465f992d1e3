/// Where the power went, and what was wrong then.
#pragma once

#include "tests/crash/workload.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace kidney::crash {

/// Which of the recorded writes reached the medium.
struct Cut {
    enum class Kind : std::uint8_t { prefix, torn, window };
    Kind kind = Kind::prefix;
    std::uint32_t at = 0;       ///< prefix, torn: writes that did; window: which window
    std::uint32_t sectors = 0;  ///< torn: of the next one
    std::uint64_t keep = 0;     ///< window: bit i: its i-th write
};
/// A cut, and cuts in the recovery from the one before.
using Cuts = std::vector<Cut>;

enum class Fault : std::uint8_t { answer, mount, unreadable, unsound, lost };
inline constexpr std::array<const char*, 5> fault_names{"answer", "mount", "unreadable", "unsound",
                                                        "lost"};
inline constexpr std::array<const char*, 5> fault_texts{
    "an operation answered what it should not", "it does not mount", "it cannot be read",
    "its checker complains", "the tree is not as promised"};

struct Failure {
    Fault fault = Fault::answer;
    Workload workload;
    Cuts cuts;
    std::string detail;
};

struct Counts {
    std::uint64_t workloads = 0, skipped = 0, failed_workloads = 0;
    std::uint64_t prefix = 0, torn = 0, reordered = 0, recovery = 0;
    std::array<std::uint64_t, fault_names.size()> failures{};

    [[nodiscard]] std::uint64_t states() const noexcept {
        return prefix + torn + reordered + recovery;
    }
};

}  // namespace kidney::crash
