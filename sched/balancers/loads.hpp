/// What balancers ask about the loads of CPUs. Ties go to the lowest number.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/sched/load_balancer.hpp"
#include "kidney/sched/waiting.hpp"

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

/// Back to where it was, unless that CPU is busy and another one idles.
[[nodiscard]] inline CpuId home_or_idle(const Arrival& a, std::span<const CpuLoad> loads) noexcept {
    if (a.hint == WakeHint::sync && a.allowed.contains(a.here)) {
        return a.here;
    }
    const bool may_stay = a.allowed.contains(a.home);
    if (may_stay && loads[a.home.value()].is_idle) {
        return a.home;
    }
    if (const std::optional<CpuId> other = idle(loads, a.allowed)) {
        return *other;
    }
    return may_stay ? a.home : lightest(loads, a.allowed);
}

/// What whoever has nothing to do may take: anybody from the longest queue.
[[nodiscard]] inline std::optional<Pull> from_longest_queue(std::span<const CpuLoad> loads,
                                                            CpuId self) noexcept {
    const std::optional<CpuId> from = longest_queue(loads, self);
    return from ? std::optional(Pull{*from}) : std::nullopt;
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
