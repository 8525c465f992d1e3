/// How code reaches the bytes of a physical frame.
#pragma once

#include "kidney/core/address.hpp"

#include <concepts>
#include <cstddef>
#include <span>

namespace kidney::hal {

/// A frame made addressable for a scope.
template <class W>
concept FrameWindow = requires(const W& w) {
    { w.bytes() } noexcept -> std::same_as<std::span<std::byte, page_size>>;
};

/// Access to physical memory.
///   M1 two windows on one frame see the same bytes; windows on different frames never overlap
///   M2 a window is good until it is destroyed; at least two can be open at once on a CPU
///   M3 is_direct(f) tells whether direct(f) may be used: then the bytes stay addressable for ever
/// Frames above the direct map (RAM beyond 896 MiB in the kernel) get a temporary per-CPU mapping,
/// so the holder of a window must not sleep or migrate: windows nest like a stack. Cost: nothing
/// for direct frames, one entry and one invalidation otherwise.
template <class M>
concept PhysMap = requires(M& map, FrameNumber frame) {
    requires FrameWindow<decltype(map.window(frame))>;
    { map.is_direct(frame) } noexcept -> std::same_as<bool>;
    { map.direct(frame) } noexcept -> std::same_as<std::span<std::byte, page_size>>;
};

}  // namespace kidney::hal
