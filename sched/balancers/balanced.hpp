/// Work stealing, and beside it a look around from time to time: a light CPU takes threads from a
/// heavier one although both are busy.
///
/// What is made equal is weight, so that a share means the same on every CPU. Where the numbers do
/// not come out even, a thread changes sides at each look and all have a part of the lighter CPU:
/// three busy threads on two CPUs get 2/3 each.
///
/// Theory: diffusive load balancing (Cybenko, "Dynamic Load Balancing for Distributed Memory
/// Multiprocessors", 1989): neighbours that even out their difference come to rest at the mean.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/time.hpp"
#include "kidney/sched/load_balancer.hpp"
#include "sched/balancers/loads.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace kidney::sched {

class Balanced {
public:
    static constexpr const char* name = "balanced";
    static constexpr Duration period = Duration::milliseconds(40);

    [[nodiscard]] CpuId place(const Arrival& a, std::span<const CpuLoad> cpus) noexcept {
        return loads::home_or_idle(a, cpus);
    }
    [[nodiscard]] std::optional<Pull> when_idle(CpuId self,
                                                std::span<const CpuLoad> cpus) noexcept {
        return loads::from_longest_queue(cpus, self);
    }
    /// Moving one that weighs no more than the difference does not make the difference larger.
    [[nodiscard]] std::optional<Pull> on_tick(CpuId self, std::span<const CpuLoad> cpus,
                                              Instant now) noexcept {
        if (now < next_look_) {
            return std::nullopt;
        }
        next_look_ = now + period + jitter(self);
        const std::optional<CpuId> from = loads::heaviest(cpus, self);
        if (!from || cpus[from->value()].weight <= cpus[self.value()].weight) {
            return std::nullopt;
        }
        return Pull{*from, cpus[from->value()].weight - cpus[self.value()].weight};
    }

private:
    /// Up to half a period. CPUs that look in step, with each other or with time slices, would find
    /// the same thread waiting each time, and move that one to and fro.
    [[nodiscard]] Duration jitter(CpuId self) noexcept {
        chance_ = chance_ * 1664525U + 1013904223U + self.value();
        return Duration::nanoseconds(static_cast<std::int64_t>(chance_ >> 8) * 20'000'000 >> 24);
    }

    Instant next_look_{};
    std::uint32_t chance_ = 0;
};

static_assert(LoadBalancer<Balanced>);

}  // namespace kidney::sched
