/// Switching address spaces and keeping TLBs honest.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/cpu_id.hpp"

#include <concepts>

namespace kidney::hal {

/// The memory management unit of the executing CPU, and a way to reach the others'.
///   V1 after activate(root) user addresses translate through the tables at `root`
///   V2 after invalidate(range) this CPU uses no stale translation for it
///   V3 shoot_down(cpus, range) returns when no CPU of the set, which may contain the caller's,
///      uses a stale translation for the range
/// shoot_down() waits for other CPUs: interrupts must be on or the others must not be waiting for
/// us; the model answers incoming requests while it waits, so two CPUs may shoot at each other.
template <class M>
concept Mmu = requires(PhysAddr root, VirtRange range, CpuSet cpus) {
    { M::activate(root) } noexcept -> std::same_as<void>;
    { M::invalidate(range) } noexcept -> std::same_as<void>;
    { M::invalidate_all() } noexcept -> std::same_as<void>;
    { M::shoot_down(cpus, range) } noexcept -> std::same_as<void>;
};

}  // namespace kidney::hal
