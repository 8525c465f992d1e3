/// On which CPU a thread runs: the decisions. The engine that carries them out is
/// sched/placement.hpp.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/time.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/waiting.hpp"

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>

namespace kidney::sched {

/// What a CPU shows the others. It is read without that CPU's lock: a stale value costs a detour.
struct CpuLoad {
    std::uint32_t queued = 0;  ///< threads that wait there and may run
    std::uint32_t weight = 0;  ///< of all that wait or run there, together
    bool is_idle = false;      ///< nobody runs and nobody waits
};

/// A thread that has just become ready.
struct Arrival {
    CpuId home;      ///< where it was last; what it used may still be in that CPU's cache
    CpuId here;      ///< of whoever wakes or starts it
    CpuSet allowed;  ///< CPUs that are up and may run it; not empty
    std::uint32_t weight = 0;
    EnqueueReason why = EnqueueReason::woken;
    WakeHint hint = WakeHint::none;
};

/// A wish for a thread that waits on another CPU.
struct Pull {
    CpuId from;
    std::uint32_t most_weight = ~0U;  ///< whoever weighs more stays there
};

/// Places threads. Each CPU has one, and asks it about that CPU's own doings with interrupts off,
/// so it needs no lock. `loads` are those of the CPUs that are up, by number.
///   L1 place() answers with one of `allowed`
///   L2 who pulls names another CPU that is up, on which somebody waits
///   L3 determinism: the same calls with the same arguments give the same answers
///   L4 no CPU idles for longer than a tick while on another one somebody waits who may run on it;
///      but for those that say `static constexpr bool leaves_cpus_idle = true`
///   L5 rest: where all CPUs have the same load, nobody pulls
/// when_idle() is asked by a CPU that has nobody to run, on_tick() by one that has, every tick.
/// Whoever is pulled goes by the policy's choice (`GivesAway`). Cost: O(CPUs).
template <class B>
concept LoadBalancer = std::default_initializable<B> &&
                       requires(B& b, const Arrival& arrival, std::span<const CpuLoad> loads,
                                CpuId self, Instant now) {
                           { b.place(arrival, loads) } noexcept -> std::same_as<CpuId>;
                           {
                               b.when_idle(self, loads)
                           } noexcept -> std::same_as<std::optional<Pull>>;
                           {
                               b.on_tick(self, loads, now)
                           } noexcept -> std::same_as<std::optional<Pull>>;
                           { B::name } -> std::convertible_to<const char*>;
                       };

template <LoadBalancer B>
[[nodiscard]] constexpr bool leaves_cpus_idle() noexcept {
    if constexpr (requires { B::leaves_cpus_idle; }) {
        return B::leaves_cpus_idle;
    } else {
        return false;
    }
}

}  // namespace kidney::sched
