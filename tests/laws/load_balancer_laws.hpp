/// Laws of `sched::LoadBalancer`, but for L4, which takes CPUs:
/// tests/unit/sched/balancing_test.cpp.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/time.hpp"
#include "kidney/core/type_list.hpp"
#include "kidney/sched/load_balancer.hpp"
#include "tests/laws/report.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace kidney::laws {

/// Situations by chance, some of them odd: one CPU, all idle, everybody bound to one.
class Situations {
public:
    explicit Situations(std::uint32_t seed) noexcept : state_(seed) {}

    [[nodiscard]] std::span<const sched::CpuLoad> loads() noexcept {
        const std::size_t cpus = 1 + below(max_cpus);
        for (sched::CpuLoad& load : loads_) {
            load.queued = below(3) == 0 ? 0 : below(5);
            load.is_idle = load.queued == 0 && below(2) == 0;
            load.weight = load.is_idle ? 0 : 15 + below(4) * 1009 + load.queued * 1024;
        }
        return std::span(loads_).first(cpus);
    }
    [[nodiscard]] sched::Arrival arrival(std::size_t cpus) noexcept {
        const auto end = static_cast<std::uint32_t>(cpus);
        CpuSet allowed = CpuSet(1 + below((1U << end) - 1));
        return {
            .home = CpuId(below(end)),
            .here = CpuId(below(end)),
            .allowed = below(2) == 0 ? CpuSet::first(end) : allowed,
            .weight = 15 + below(2048),
            .why = below(3) == 0 ? sched::EnqueueReason::started : sched::EnqueueReason::woken,
            .hint = below(4) == 0 ? sched::WakeHint::sync : sched::WakeHint::none,
        };
    }
    /// Less than `end`, which is not 0.
    [[nodiscard]] std::uint32_t below(std::uint32_t end) noexcept {
        state_ = state_ * 1664525U + 1013904223U;
        return static_cast<std::uint32_t>((std::uint64_t{state_} * end) >> 32);
    }

private:
    std::uint32_t state_;
    std::array<sched::CpuLoad, max_cpus> loads_{};
};

inline constexpr int balancer_rounds = 2000;

/// The time of a round: ticks pass.
[[nodiscard]] inline Instant tick_number(int n) noexcept {
    return Instant(static_cast<std::uint64_t>(n) * 10'000'000);
}

template <sched::LoadBalancer B>
struct BalancerL1 {
    static constexpr const char* text = "L1 place() answers with one of the allowed CPUs";
    static void check(Report& report) noexcept {
        B balancer;
        Situations chance(7);
        for (int i = 0; i < balancer_rounds; ++i) {
            const std::span<const sched::CpuLoad> loads = chance.loads();
            const sched::Arrival arrival = chance.arrival(loads.size());
            LAW_CHECK(report, arrival.allowed.contains(balancer.place(arrival, loads)));
        }
    }
};

template <sched::LoadBalancer B>
struct BalancerL2 {
    static constexpr const char* text = "L2 whoever pulls names another CPU where somebody waits";
    static void check(Report& report) noexcept {
        B balancer;
        Situations chance(8);
        for (int i = 0; i < balancer_rounds; ++i) {
            const std::span<const sched::CpuLoad> loads = chance.loads();
            const CpuId self(chance.below(static_cast<std::uint32_t>(loads.size())));
            const std::optional<sched::Pull> pulls[] = {
                balancer.when_idle(self, loads), balancer.on_tick(self, loads, tick_number(i))};
            for (const std::optional<sched::Pull>& pull : pulls) {
                LAW_CHECK(report, !pull || pull->from != self);
                LAW_CHECK(report, !pull || (pull->from.value() < loads.size() &&
                                            loads[pull->from.value()].queued != 0));
            }
        }
    }
};

template <sched::LoadBalancer B>
struct BalancerL3 {
    static constexpr const char* text = "L3 the same calls give the same answers";
    static void check(Report& report) noexcept {
        const std::uint32_t once = fingerprint();
        LAW_CHECK(report, fingerprint() == once);
    }
    [[nodiscard]] static std::uint32_t fingerprint() noexcept {
        B balancer;
        Situations chance(9);
        std::uint32_t all = 0;
        const auto add = [&all](const std::optional<sched::Pull>& pull) {
            all = all * 31 + (pull ? pull->from.value() + 7 * pull->most_weight : 99);
        };
        for (int i = 0; i < balancer_rounds; ++i) {
            const std::span<const sched::CpuLoad> loads = chance.loads();
            all = all * 31 + balancer.place(chance.arrival(loads.size()), loads).value();
            add(balancer.when_idle(CpuId(0), loads));
            add(balancer.on_tick(CpuId(0), loads, tick_number(i)));
        }
        return all;
    }
};

template <sched::LoadBalancer B>
struct BalancerL5 {
    static constexpr const char* text = "L5 where all CPUs have the same load, nobody pulls";
    static void check(Report& report) noexcept {
        for (std::uint32_t cpus = 1; cpus <= max_cpus; ++cpus) {
            std::array<B, max_cpus> balancers{};
            for (int tick = 0; tick < 200; ++tick) {
                std::array<sched::CpuLoad, max_cpus> loads{};
                loads.fill({.queued = 2, .weight = 3072, .is_idle = false});
                for (std::uint32_t self = 0; self < cpus; ++self) {
                    LAW_CHECK(report,
                              !balancers[self].on_tick(CpuId(self), std::span(loads).first(cpus),
                                                       tick_number(tick)));
                }
            }
        }
    }
};

template <sched::LoadBalancer B>
using LoadBalancerLaws = TypeList<BalancerL1<B>, BalancerL2<B>, BalancerL3<B>, BalancerL5<B>>;

}  // namespace kidney::laws
