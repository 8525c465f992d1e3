/// Ranges of frames from any policy, also from one that has only blocks.
///
/// A policy with `FrameRanges` grants exactly so many frames, as blocks that lie side by side. Of
/// any other a range is one block around it: the rest of that block is nobody's meanwhile, and
/// there is no range longer than its largest block.
///
///     const FrameNumber first = TRY(mm::take_range(frames, 12, FrameOrder(2)));
///     mm::give_back_range(frames, {first, 12}, FrameOrder(2));
#pragma once

#include "kidney/mm/frame_allocator.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace kidney::mm {

/// The smallest block that holds so many frames from its start on and is aligned enough.
[[nodiscard]] constexpr FrameOrder block_around(std::uint32_t count,
                                                FrameOrder alignment) noexcept {
    return std::max(FrameOrder(static_cast<std::uint8_t>(std::bit_width(count - 1))), alignment);
}

/// Calls visit(first, order) for the live blocks that a range of an A consists of.
template <FrameAllocator A, class F>
constexpr void for_each_block_of(FrameRange range, FrameOrder alignment, F&& visit) {
    if constexpr (FrameRanges<A>) {
        for_each_block(range, visit);
    } else {
        visit(range.first, block_around(range.count, alignment));
    }
}

/// `count` frames in a row, at least one, from a multiple of 2^alignment on. Errors: no_memory.
template <FrameAllocator A>
[[nodiscard]] Result<FrameNumber> take_range(A& frames, std::uint32_t count,
                                             FrameOrder alignment) noexcept {
    if constexpr (FrameRanges<A>) {
        return frames.take_range(count, alignment);
    } else {
        const FrameOrder order = block_around(count, alignment);
        return order <= largest_order_of<A> ? frames.allocate(order)
                                            : Result<FrameNumber>(fail(Errc::no_memory));
    }
}

/// A range of take_range(), with the alignment that it was taken with.
template <FrameAllocator A>
void give_back_range(A& frames, FrameRange range, FrameOrder alignment) noexcept {
    for_each_block_of<A>(range, alignment,
                         [&](FrameNumber first, FrameOrder order) { frames.free(first, order); });
}

static_assert(block_around(1, FrameOrder(0)) == FrameOrder(0));
static_assert(block_around(8, FrameOrder(0)) == FrameOrder(3));
static_assert(block_around(9, FrameOrder(2)) == FrameOrder(4));

}  // namespace kidney::mm
