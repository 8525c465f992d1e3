/// Exactly what `sched::LoadBalancer` promises and nothing else.
#pragma once

#include "kidney/sched/load_balancer.hpp"

#include <optional>
#include <span>

namespace kidney::archetypes {

class LoadBalancer {
public:
    static constexpr const char* name = "archetype";
    LoadBalancer() noexcept = default;
    LoadBalancer(const LoadBalancer&) = delete;
    LoadBalancer& operator=(const LoadBalancer&) = delete;

    CpuId place(const sched::Arrival& arrival, std::span<const sched::CpuLoad>) noexcept {
        return arrival.allowed.lowest();
    }
    std::optional<sched::Pull> when_idle(CpuId, std::span<const sched::CpuLoad>) noexcept {
        return std::nullopt;
    }
    std::optional<sched::Pull> on_tick(CpuId, std::span<const sched::CpuLoad>, Instant) noexcept {
        return std::nullopt;
    }
};

static_assert(sched::LoadBalancer<LoadBalancer>);

}  // namespace kidney::archetypes
