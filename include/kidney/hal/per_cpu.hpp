/// Data that belongs to one CPU each, and what it takes to touch it: staying there.
///
/// What a CPU keeps for itself needs neither lock nor atomic operation, as long as the thread that
/// touches it is not moved to another CPU and nobody else gets in between. A pin sees to that.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/hal/cpu.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <type_traits>

namespace kidney::hal {

/// A scope in which the thread stays on its CPU: from the constructor to the destructor
///   P1 the CPU's identity is constant
///   P2 no other thread runs there; an interrupt may, unless the pin says otherwise
///   P3 pins nest
/// Cost: a few instructions. Whoever holds a pin does not sleep.
///
/// Models: `InterruptGuard<C>` (keeps handlers out as well), `Pinned<Preemption>`, `NoPin`.
template <class P>
concept CpuPin = std::is_nothrow_default_constructible_v<P> && std::is_nothrow_destructible_v<P> &&
                 !std::is_copy_constructible_v<P>;

/// A kernel's preemption count: between disable() and enable() the thread is not preempted.
template <class P>
concept PreemptionControl = requires {
    { P::disable() } noexcept -> std::same_as<void>;
    { P::enable() } noexcept -> std::same_as<void>;
};

/// Preemption off for a scope.
template <PreemptionControl P>
class [[nodiscard]] Pinned {
public:
    Pinned() noexcept { P::disable(); }
    ~Pinned() { P::enable(); }
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;
};

/// Where a thread is its CPU: host tests, one thread each, and single-threaded programs.
class [[nodiscard]] NoPin {
public:
    NoPin() noexcept {}
    NoPin(const NoPin&) = delete;
    NoPin& operator=(const NoPin&) = delete;
};

/// One T for each CPU, on cache lines of its own, so that neighbours do not slow each other down.
/// Concurrency: mine() is only touched under a pin; looking at others' is the business of T.
template <class T, CpuIdentity C, std::uint32_t Cpus = max_cpus>
class PerCpu {
public:
    static constexpr std::size_t cache_line = 64;

    /// This CPU's. Good while the pin is held.
    [[nodiscard]] T& mine() noexcept { return of(C::id()); }
    [[nodiscard]] const T& mine() const noexcept { return of(C::id()); }

    [[nodiscard]] T& of(CpuId cpu) noexcept { return places_[cpu.value()].value; }
    [[nodiscard]] const T& of(CpuId cpu) const noexcept { return places_[cpu.value()].value; }

    [[nodiscard]] static constexpr std::uint32_t size() noexcept { return Cpus; }
    /// Calls f(element) for every CPU's, in order.
    template <class F>
    void for_each(F&& f) {
        for (Place& place : places_) {
            f(place.value);
        }
    }
    template <class F>
    void for_each(F&& f) const {
        for (const Place& place : places_) {
            f(place.value);
        }
    }

private:
    struct alignas(cache_line) Place {
        T value{};
    };
    std::array<Place, Cpus> places_{};
};

static_assert(CpuPin<NoPin>);

}  // namespace kidney::hal
