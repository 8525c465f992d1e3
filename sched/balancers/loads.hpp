/// What balancers ask about the loads of CPUs. Ties go to the lowest number.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/sched/load_balancer.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace kidney::sched::loads {

/// An idle one of `cpus`.
[[nodiscard]] inline std::optional<CpuId> idle(std::span<const CpuLoad> loads,
                                               CpuSet cpus) noexcept {
    for (std::uint32_t i = 0; i < loads.size(); ++i) {
        if (loads[i].is_idle && cpus.contains(CpuId(i))) {
            return CpuId(i);
        }
    }
    return std::nullopt;
}

/// The one of `cpus`, which are not empty, with the least weight.
[[nodiscard]] inline CpuId lightest(std::span<const CpuLoad> loads, CpuSet cpus) noexcept {
    CpuId best = cpus.lowest();
    for (std::uint32_t i = best.value() + 1; i < loads.size(); ++i) {
        if (cpus.contains(CpuId(i)) && loads[i].weight < loads[best.value()].weight) {
            best = CpuId(i);
        }
    }
    return best;
}

/// Where most threads wait, but for `self`; nullopt: nobody waits anywhere.
[[nodiscard]] inline std::optional<CpuId> longest_queue(std::span<const CpuLoad> loads,
                                                        CpuId self) noexcept {
    std::optional<CpuId> best;
    std::uint32_t most = 0;
    for (std::uint32_t i = 0; i < loads.size(); ++i) {
        if (CpuId(i) != self && loads[i].queued > most) {
            most = loads[i].queued;
            best = CpuId(i);
        }
    }
    return best;
}

/// Among those where somebody waits, the one with the greatest weight, but for `self`.
[[nodiscard]] inline std::optional<CpuId> heaviest(std::span<const CpuLoad> loads,
                                                   CpuId self) noexcept {
    std::optional<CpuId> best;
    std::uint32_t most = 0;
    for (std::uint32_t i = 0; i < loads.size(); ++i) {
        if (CpuId(i) != self && loads[i].queued != 0 && loads[i].weight > most) {
            most = loads[i].weight;
            best = CpuId(i);
        }
    }
    return best;
}

}  // namespace kidney::sched::loads
