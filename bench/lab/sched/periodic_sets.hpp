/// Random sets of periodic tasks, for schedulability curves.
///
/// Utilisations by UUniFast: evenly among all that add up to the wanted one (Bini and Buttazzo
/// 2005); a set with a task that needs more than a CPU is thrown away (Davis and Burns 2009).
#pragma once

#include "bench/lab/sched/draws.hpp"
#include "bench/lab/sched/workload.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace kidney::lab {

/// n * 2^(-log / 2^32).
[[nodiscard]] constexpr std::uint64_t by_power_of_two(std::uint64_t n, std::uint64_t log) noexcept {
    constexpr std::uint64_t one = std::uint64_t{1} << log_bits;
    const std::uint64_t halvings = (log + one - 1) / one;
    return halvings > 60
               ? 0
               : times_power_of_two(n, halvings * one - log, ~std::uint64_t{0}) >> halvings;
}

/// In parts of 2^20. Empty: none found in which everybody fits on a CPU.
[[nodiscard]] inline std::vector<std::uint64_t> utilisations(const PeriodicSet& set, Lots& lots) {
    constexpr std::uint64_t one = std::uint64_t{1} << 20;
    for (int attempt = 0; attempt < 10'000; ++attempt) {
        std::vector<std::uint64_t> shares;
        std::uint64_t left = one * set.utilisation_per_mille / 1000;
        for (std::uint32_t i = set.count - 1; i != 0; --i) {
            const std::uint64_t log = minus_log2(std::uint64_t{lots.next()} + 1);
            const std::uint64_t next = by_power_of_two(left, log / i);
            shares.push_back(left - next);
            left = next;
        }
        shares.push_back(left);
        if (std::ranges::all_of(shares, [](std::uint64_t u) { return u <= one; })) {
            return shares;
        }
    }
    return {};
}

/// The workload with a task for each member of its sets.
[[nodiscard]] inline Workload with_sets_drawn(Workload workload, std::uint64_t seed) {
    std::uint64_t stream = 1'000'000;  // far from those of tasks
    for (const PeriodicSet& set : workload.sets) {
        Lots lots(seed, stream++);
        const std::vector<std::uint64_t> shares = utilisations(set, lots);
        for (std::size_t i = 0; i < shares.size(); ++i) {
            const auto shortest = static_cast<std::uint64_t>(set.shortest.count());
            const auto longest = static_cast<std::uint64_t>(set.longest.count());
            // shortest * (longest / shortest)^u, in whole milliseconds if it is that long.
            const std::uint64_t span = minus_log2((shortest << 20) / longest << 12);
            const std::uint64_t log = (span >> 8) * (lots.next() >> 8) >> 16;
            std::uint64_t period = times_power_of_two(shortest, log, longest);
            period = period < 1'000'000 ? period : period / 1'000'000 * 1'000'000;
            const std::uint64_t runtime =
                std::max<std::uint64_t>(1'000, (period >> 10) * shares[i] >> 10);
            const auto as_time = [](std::uint64_t ns) {
                return Duration::nanoseconds(static_cast<std::int64_t>(ns));
            };
            TaskKind kind;
            kind.name = set.name + "." + std::to_string(i + 1);
            kind.start = Distribution{};
            kind.parameters.reservation = {as_time(runtime), as_time(period), as_time(period)};
            kind.steps = {
                {.op = Step::Op::release, .number = period, .time = {.low = period}},
                {.op = Step::Op::compute, .time = {.low = runtime}},
                {.op = Step::Op::complete},
                {.op = Step::Op::jump, .target = 0},
            };
            workload.kinds.push_back(std::move(kind));
        }
    }
    return workload;
}

}  // namespace kidney::lab
