/// Work stealing: whoever has nothing to do takes from whoever has most.
///
/// A woken thread goes back to its CPU, unless another one idles: what it used may still be in that
/// CPU's cache. Nothing is moved while all CPUs are busy, so three busy threads on two CPUs share
/// them 1 : 1/2 : 1/2, for ever.
///
/// Theory: Blumofe and Leiserson, "Scheduling Multithreaded Computations by Work Stealing" (J. ACM
/// 46, 1999): T1/m + O(Tinf) on m CPUs, and thieves, not the busy, pay for it.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/time.hpp"
#include "kidney/sched/load_balancer.hpp"
#include "sched/balancers/loads.hpp"

#include <optional>
#include <span>

namespace kidney::sched {

class WorkStealing {
public:
    static constexpr const char* name = "work_stealing";

    [[nodiscard]] CpuId place(const Arrival& a, std::span<const CpuLoad> cpus) noexcept {
        return loads::home_or_idle(a, cpus);
    }
    [[nodiscard]] std::optional<Pull> when_idle(CpuId self,
                                                std::span<const CpuLoad> cpus) noexcept {
        return loads::from_longest_queue(cpus, self);
    }
    [[nodiscard]] std::optional<Pull> on_tick(CpuId, std::span<const CpuLoad>, Instant) noexcept {
        return std::nullopt;
    }
};

static_assert(LoadBalancer<WorkStealing>);

}  // namespace kidney::sched
