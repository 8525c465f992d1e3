/// Every thread that becomes ready goes to where there is least to do.
///
/// Even loads, and no regard for caches: a thread that sleeps often wanders from CPU to CPU. Worth
/// comparing with `work_stealing`, which wants it the other way round.
///
/// Theory: Graham, "Bounds on Multiprocessing Timing Anomalies" (1969): whoever gives each job to
/// the CPU that is free first needs at most 2 - 1/m times as long as the best plan.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/time.hpp"
#include "kidney/sched/load_balancer.hpp"
#include "sched/balancers/loads.hpp"

#include <optional>
#include <span>

namespace kidney::sched {

class LeastLoaded {
public:
    static constexpr const char* name = "least_loaded";

    [[nodiscard]] CpuId place(const Arrival& a, std::span<const CpuLoad> cpus) noexcept {
        const CpuId lightest = loads::lightest(cpus, a.allowed);
        const bool home_is_as_light = a.allowed.contains(a.home) &&
                                      cpus[a.home.value()].weight == cpus[lightest.value()].weight;
        return home_is_as_light ? a.home : lightest;
    }
    /// Loads drift apart when threads end or fall asleep.
    [[nodiscard]] std::optional<Pull> when_idle(CpuId self,
                                                std::span<const CpuLoad> cpus) noexcept {
        return loads::from_longest_queue(cpus, self);
    }
    [[nodiscard]] std::optional<Pull> on_tick(CpuId, std::span<const CpuLoad>, Instant) noexcept {
        return std::nullopt;
    }
};

static_assert(LoadBalancer<LeastLoaded>);

}  // namespace kidney::sched
