/// The `FrameAllocator` policy slot: who gets which physical frames.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::mm {

/// Largest block that a policy hands out where it exists: 2^10 frames, 4 MiB.
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
///   F1 a block lies in added frames, aligned to its size; regions that touch are as one
///   F2 live blocks are disjoint
///   F3 free_frames() moves by exactly 2^order
///   F4 allocate() fails only with no_memory, changing nothing, and only if no aligned block of
///      this size is free as a whole, or if the order is above largest_order_of<A>
///   F5 when everything is freed, the largest aligned blocks are available again
///   F6 freeing what is not live, exactly this block and order, is a KIDNEY_INVARIANT failure,
///      never silent corruption
///   F7 metadata_bytes() grows with the span alone, by 64 bytes a frame at most; nothing else is
///      written; regions may be added piecewise and in any order, holes stay holes
///   F8 allocators share nothing, and answers do not depend on addresses: neither on that of the
///      metadata nor, moved by multiples of the largest block, on the frames' own; nor on an
///      earlier life: attach() begins anew, over another span or the same
/// Spans lie below frame 2^20, the end of what 32-bit addresses can name. Metadata is aligned to 16
/// bytes and arrives uninitialised. Values: no statics, locks, clock or logging. Cost: stated by
/// each policy. Concurrency: none, callers serialise. Not for interrupt handlers.
template <class A>
concept FrameAllocator = std::default_initializable<A> && FrameSource<A> && FrameSink<A> &&
                         FrameBookkeeping<A> && requires(const A& a) {
                             { a.free_frames() } noexcept -> std::same_as<std::size_t>;
                             { A::name } -> std::convertible_to<const char*>;
                         };

/// The largest order that a policy serves. One that only has single frames, say, is an honest
/// policy if it says so: `static constexpr FrameOrder largest_order{0};`
template <class A>
inline constexpr FrameOrder largest_order_of = max_order;
template <class A>
    requires requires { A::largest_order; }
inline constexpr FrameOrder largest_order_of<A> = A::largest_order;

// What a policy may offer besides. Engines ask with `if constexpr`, for speed only: a policy that
// has none of it works as well.

/// Many single frames at once: what is cheap to hand out together, a row of a bitmap say.
///   B1 take_some(out) takes at least one frame if there is room in `out` and one is free; frames
///      out[0..n) are live blocks of order 0 then, and n is the answer
///   B2 give_back_some(in) is free(f, 0) for each; F6 holds for each, for repetitions too
/// Cost: less than the calls one by one. Frames that lie together in `in` are cheapest.
template <class A>
concept FrameBatches = FrameAllocator<A> &&
                       requires(A& a, std::span<FrameNumber> out, std::span<const FrameNumber> in) {
                           { a.take_some(out) } noexcept -> std::same_as<std::size_t>;
                           { a.give_back_some(in) } noexcept -> std::same_as<void>;
                       };

/// Ranges of any length: rings and pictures that a device wants in one piece.
///   N1 take_range(n, alignment) takes n frames in a row, n > 0, from a multiple of 2^alignment on.
///      They are live blocks then, those of for_each_block(range): each may be given back by itself
///   N2 it fails only with no_memory, changing nothing, and only if no such range is free
/// Cost: a search through all memory, O(frames / 32).
template <class A>
concept FrameRanges =
    FrameAllocator<A> && requires(A& a, std::uint32_t count, FrameOrder alignment) {
        { a.take_range(count, alignment) } noexcept -> std::same_as<Result<FrameNumber>>;
    };

/// Calls visit(first, order) for the blocks that a range consists of, the largest ones there are
/// from its start on.
template <class F>
constexpr void for_each_block(FrameRange range, F&& visit) {
    while (range.count != 0) {
        const int order =
            std::min({static_cast<int>(max_order.value()), std::countr_zero(range.first.value()),
                      static_cast<int>(std::bit_width(range.count)) - 1});
        const FrameOrder block(static_cast<std::uint8_t>(order));
        visit(range.first, block);
        range = {range.first + block.frames(), range.count - block.frames()};
    }
}

/// Whether a block that was just freed had better be handed out next (a single frame is warm, a
/// longer one need not be searched for), or go back to its place so that a longer block may heal. A
/// hint about a live block: may read what others are writing, so atomically, without any lock.
/// Where there is none, single frames are reused, and others go back.
template <class A>
concept ReuseHint = FrameAllocator<A> && requires(const A& a, FrameNumber first, FrameOrder order) {
    { a.reuse_at_once(first, order) } noexcept -> std::same_as<bool>;
};

/// Tells which frames are free, 32 at a time, for pictures and statistics.
///   R1 bit i of free_row(frame) says that frame + i is free; `frame` is a multiple of 32 and at
///      least one of the 32 lies in the attached span
/// Cost: O(1).
template <class A>
concept FreeRows = requires(const A& a, FrameNumber frame) {
    { a.free_row(frame) } noexcept -> std::same_as<std::uint32_t>;
};

/// Several CPUs may be inside at once: nobody takes a lock for allocate, free, batches and hints.
/// attach() and add_region() stay serial. F3 and F4 hold when nobody else is inside: free_frames()
/// may lag meanwhile, and a block that is on its way is refused.
template <class A>
concept SharedFrameAllocator = FrameAllocator<A> && requires { requires A::is_shared; };

/// Keeps single frames at hand, for each CPU its own, beside those that lie `below` for all.
///   H1 take_at_hand(f) answers true with a live single frame, or false and nothing is changed
///   H2 free_frames() counts both; free_below() only what is at nobody's hand
///   H3 the last keep(n) frames below never get to anybody's hand; drain() brings all below
template <class A>
concept FramesAtHand =
    SharedFrameAllocator<A> && requires(A& a, const A& ca, FrameNumber& frame, std::size_t n) {
        { a.take_at_hand(frame) } noexcept -> std::same_as<bool>;
        { ca.free_below() } noexcept -> std::same_as<std::size_t>;
        { a.keep(n) } noexcept -> std::same_as<void>;
        { a.drain() } noexcept -> std::same_as<void>;
    };

namespace detail {
template <class P, class C>
struct FramesOf {
    using type = P;
};
template <class P, class C>
    requires requires { typename P::template For<C>; }
struct FramesOf<P, C> {
    using type = typename P::template For<C>;
};
}  // namespace detail

/// The policy P on the processor C. One that needs atomics is a family
///
///     struct LlFree {
///         static constexpr const char* name = "llfree";
///         template <hal::AtomicsProvider C> using For = LlFreeAllocator<C>;
///     };
///
/// and all others are themselves, whatever the processor.
template <class P, class C>
using FramesOf = typename detail::FramesOf<P, C>::type;

}  // namespace kidney::mm
