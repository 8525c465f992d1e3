/// The `FrameAllocator` policy slot: who gets which physical frames.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"

#include <concepts>
#include <cstddef>
#include <span>

namespace kidney::mm {

/// Largest block that a policy must be able to hand out where it exists: 2^10 frames, 4 MiB.
inline constexpr FrameOrder max_order{10};

/// Where an allocator gets its blocks.
template <class A>
concept FrameSource = requires(A& a, FrameOrder order) {
    { a.allocate(order) } noexcept -> std::same_as<Result<FrameNumber>>;
};

/// Where blocks go back to.
template <class A>
concept FrameSink = requires(A& a, FrameNumber first, FrameOrder order) {
    { a.free(first, order) } noexcept -> std::same_as<void>;
};

/// A policy keeps its books in memory that the caller provides, so it works before any heap exists.
/// metadata_bytes(span) is a pure function; attach() covers `span` with no frame free yet.
template <class A>
concept FrameBookkeeping = requires(A& a, FrameRange span, std::span<std::byte> metadata) {
    { A::metadata_bytes(span) } noexcept -> std::same_as<std::size_t>;
    { a.attach(span, metadata) } noexcept -> std::same_as<void>;
    { a.add_region(span) } noexcept -> std::same_as<void>;
};

/// Hands out physical frames in blocks of 2^order.
///   F1 a block lies inside one added region, aligned to its size
///   F2 live blocks are disjoint
///   F3 free_frames() moves by exactly 2^order
///   F4 allocate() fails only with no_memory, and then changes nothing
///   F5 when everything is freed, the largest aligned block of each region is available again
///   F6 freeing a block that is not live is a KIDNEY_INVARIANT failure, never silent corruption
///   F7 metadata_bytes() grows with the span alone; regions may be added piecewise, holes stay
///   holes
/// Metadata is aligned to 16 bytes and arrives uninitialised. Values: no statics, locks, clock or
/// logging. Cost: stated by each policy. Concurrency: none, callers serialise. Not for interrupt
/// handlers.
template <class A>
concept FrameAllocator = std::default_initializable<A> && FrameSource<A> && FrameSink<A> &&
                         FrameBookkeeping<A> && requires(const A& a) {
                             { a.free_frames() } noexcept -> std::same_as<std::size_t>;
                             { A::name } -> std::convertible_to<const char*>;
                         };

}  // namespace kidney::mm
