/// Partitioned scheduling: a thread gets a CPU when it starts, and stays.
///
/// Every CPU is then a system of one CPU, and what is proved for one holds: a set of periodic
/// threads that fits its CPU meets its deadlines whatever the others do. A CPU may idle while
/// another one has too much to do.
///
/// Theory: Dhall and Liu, "On a Real-Time Scheduling Problem" (1978): deadlines that a global
/// scheduler misses at a load of hardly more than one CPU are easily kept by a partition. To find
/// one is bin packing; this is worst fit.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/time.hpp"
#include "kidney/sched/load_balancer.hpp"
#include "kidney/sched/policy.hpp"
#include "sched/balancers/loads.hpp"

#include <optional>
#include <span>

namespace kidney::sched {

class Partitioned {
public:
    static constexpr const char* name = "partitioned";
    static constexpr bool leaves_cpus_idle = true;

    [[nodiscard]] CpuId place(const Arrival& a, std::span<const CpuLoad> cpus) noexcept {
        const bool stays = a.why != EnqueueReason::started && a.allowed.contains(a.home);
        return stays ? a.home : loads::lightest(cpus, a.allowed);
    }
    [[nodiscard]] std::optional<Pull> when_idle(CpuId, std::span<const CpuLoad>) noexcept {
        return std::nullopt;
    }
    [[nodiscard]] std::optional<Pull> on_tick(CpuId, std::span<const CpuLoad>, Instant) noexcept {
        return std::nullopt;
    }
};

static_assert(LoadBalancer<Partitioned>);

}  // namespace kidney::sched
