/// How code reaches the bytes of a physical frame.
#pragma once

#include "kidney/core/address.hpp"

#include <concepts>
#include <cstddef>
#include <cstring>
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

/// A map that knows a faster way to clear or copy a page than its bytes one by one.
template <class M>
concept PageMover =
    requires(std::span<std::byte, page_size> to, std::span<const std::byte, page_size> from) {
        { M::clear_page(to) } noexcept -> std::same_as<void>;
        { M::copy_page(to, from) } noexcept -> std::same_as<void>;
    };

/// Zeros for a page that the map shows.
template <PhysMap M>
void clear_page(const M&, std::span<std::byte, page_size> page) noexcept {
    if constexpr (PageMover<M>) {
        M::clear_page(page);
    } else {
        std::memset(page.data(), 0, page_size);
    }
}
/// One page that the map shows to another.
template <PhysMap M>
void copy_page(const M&, std::span<std::byte, page_size> to,
               std::span<const std::byte, page_size> from) noexcept {
    if constexpr (PageMover<M>) {
        M::copy_page(to, from);
    } else {
        std::memcpy(to.data(), from.data(), page_size);
    }
}

}  // namespace kidney::hal
