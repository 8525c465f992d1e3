/// A free list: what came back last is handed out first.
///
/// The simplest allocator there is, and for single frames the fastest: each call moves one frame on
/// or off the head of a list. That it knows nothing of neighbours is its price. A block is found by
/// walking over memory until enough frames in a row are free, and as nothing ever gathers what
/// lives, soon there are none: the list is for those who ask for single frames.
///
/// Theory: a stack reuses the frame that is warmest in the caches, and after any long run its order
/// is as random as that of the frees (Wilson et al., Dynamic Storage Allocation, 1995). Cost: O(1)
/// for single frames; O(frames) for blocks, on average as far as the next free one. Metadata: 72
/// bits per frame.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/mm/frame_allocator.hpp"

#include <algorithm>
#include <cstdint>

namespace kidney::mm {

class FreeList {
public:
    static constexpr const char* name = "free_list";

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        const std::uint32_t block = order == FrameOrder(0) ? head_
                                    : order <= max_order   ? find_block(order.frames())
                                                           : none;
        if (block == none) {
            return fail(Errc::no_memory);
        }
        for (std::uint32_t frame = block; frame < block + order.frames(); ++frame) {
            unlink(frame);
            states_[frame] = later;
        }
        states_[block] = static_cast<std::uint8_t>(live | order.value());
        free_ -= order.frames();
        return FrameNumber(base_ + block);
    }

    void free(FrameNumber first, FrameOrder order) noexcept {
        const std::uint32_t block = first.value() - base_;
        KIDNEY_INVARIANT(
            order <= max_order && block < count_ && states_[block] == (live | order.value()),
            "frames: freed block is not live");
        // Backwards, so that they come out in ascending order.
        for (std::uint32_t frame = block + order.frames(); frame-- > block;) {
            push(frame);
        }
        free_ += order.frames();
    }

    [[nodiscard]] std::size_t free_frames() const noexcept { return free_; }

    [[nodiscard]] std::uint32_t free_row(FrameNumber frame) const noexcept {
        std::uint32_t row = 0;
        for (unsigned bit = 0; bit < 32; ++bit) {
            const std::uint32_t position = frame.value() + bit - base_;
            row |= position < count_ && states_[position] == idle ? 1U << bit : 0U;
        }
        return row;
    }

    // --- Where the books are kept ---

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return std::size_t{span.count} * (sizeof(Links) + sizeof(std::uint8_t));
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "frames: metadata too small");
        base_ = span.first.value();
        count_ = span.count;
        links_ = reinterpret_cast<Links*>(metadata.data());
        states_ = reinterpret_cast<std::uint8_t*>(links_ + count_);
        std::fill_n(states_, count_, absent);
        head_ = none;
        next_ = 0;
        free_ = 0;
    }
    void add_region(FrameRange region) noexcept {
        const std::uint32_t first = region.first.value() - base_;
        KIDNEY_INVARIANT(first <= count_ && region.count <= count_ - first,
                         "frames: region outside of the attached span");
        for (std::uint32_t frame = first + region.count; frame-- > first;) {
            KIDNEY_INVARIANT(states_[frame] == absent, "frames: region added twice");
            push(frame);
        }
        free_ += region.count;
    }

private:
    static constexpr std::uint8_t idle = 0;     ///< on the list
    static constexpr std::uint8_t absent = 1;   ///< a hole in the memory map
    static constexpr std::uint8_t later = 2;    ///< a later frame of a live block
    static constexpr std::uint8_t live = 0x10;  ///< the first one; the order in the low bits
    static constexpr std::uint32_t none = ~0U;
    struct Links {
        std::uint32_t next, previous;
    };

    void push(std::uint32_t frame) noexcept {
        links_[frame] = {head_, none};
        if (head_ != none) {
            links_[head_].previous = frame;
        }
        head_ = frame;
        states_[frame] = idle;
    }
    void unlink(std::uint32_t frame) noexcept {
        const auto [next, previous] = links_[frame];
        (previous == none ? head_ : links_[previous].next) = next;
        if (next != none) {
            links_[next].previous = previous;
        }
    }

    /// The next block of free frames from where the last search ended, once around; or none.
    std::uint32_t find_block(std::uint32_t size) noexcept {
        const std::uint32_t behind = search(size, next_, count_);
        const std::uint32_t found =
            behind != none ? behind : search(size, 0, std::min(next_ + size, count_));
        if (found != none) {
            next_ = found + size;
        }
        return found;
    }
    /// The first block of `size` free frames that starts in [from, to), at a multiple of its size.
    [[nodiscard]] std::uint32_t search(std::uint32_t size, std::uint32_t from,
                                       std::uint32_t to) const noexcept {
        std::uint32_t start = aligned(from, size);
        std::uint32_t frame = start;
        while (start < to && count_ - start >= size) {
            if (frame == start + size) {
                return start;
            }
            if (states_[frame] == idle) {
                ++frame;
            } else {
                start = frame = aligned(frame + 1, size);
            }
        }
        return none;
    }
    /// The first position from here on whose frame number is a multiple of `size`.
    [[nodiscard]] std::uint32_t aligned(std::uint32_t from, std::uint32_t size) const noexcept {
        return ((base_ + from + size - 1) & ~(size - 1)) - base_;
    }

    Links* links_ = nullptr;          ///< of the frames on the list
    std::uint8_t* states_ = nullptr;  ///< of each frame
    std::uint32_t head_ = none;       ///< what was freed last
    std::uint32_t next_ = 0;          ///< where the next search for a block starts
    std::size_t free_ = 0;
    std::uint32_t base_ = 0;   ///< frame at position 0
    std::uint32_t count_ = 0;  ///< positions
};

static_assert(FrameAllocator<FreeList> && FreeRows<FreeList>);

}  // namespace kidney::mm
