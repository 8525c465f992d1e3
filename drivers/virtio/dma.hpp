/// Memory that a device reads and writes by itself.
#pragma once

#include "kidney/core/address.hpp"

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>

namespace kidney::drivers {

/// Where kernel memory is physically.
///   D1 physical(p) answers only if p's page is always mapped and its neighbours in the same object
///      are physical neighbours too: the direct map. Stacks and vmap areas give nullopt.
template <class M>
concept DmaMap = requires(M& map, const std::byte* p) {
    { map.physical(p) } noexcept -> std::same_as<std::optional<PhysAddr>>;
};

/// Physically contiguous memory that belongs to a driver.
struct DmaMemory {
    std::span<std::byte> bytes;
    PhysAddr address;
};

}  // namespace kidney::drivers
