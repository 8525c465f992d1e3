/// Where a device finds memory of an arena: nowhere else, as hardware that reaches only some.
#pragma once

#include "kidney/core/address.hpp"
#include "sim/ram_arena.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace kidney::fakes {

/// Models what drivers ask for the addresses of their buffers. nullopt: not in the arena.
struct ArenaDma {
    sim::RamArena& arena;
    [[nodiscard]] std::optional<PhysAddr> physical(const std::byte* p) noexcept {
        const std::byte* const base = arena.direct(FrameNumber(0)).data();
        if (p < base || p >= base + std::size_t{arena.frames()} * page_size) {
            return std::nullopt;
        }
        return PhysAddr(static_cast<std::uint32_t>(p - base));
    }
};

}  // namespace kidney::fakes
