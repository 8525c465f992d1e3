/// The buddy system of the textbooks: a list of free blocks for each order, splitting and merging.
///
/// A block of 2^k frames starts at a multiple of 2^k. Cut in two, its halves are *buddies*: their
/// positions differ in bit k - 1 alone, so each finds the other by one XOR.
///   allocate   takes the first block of the smallest order that is large enough, and halves it
///              until the size is right; the other halves go to their lists
///   free       joins the block with its buddy as long as that is free and whole, then lists it
///
/// Theory: a request is rounded up to a power of two, so up to half of a block may be waste inside;
/// both calls take at most max_order steps, whatever the number of blocks (Knuth, The Art of
/// Computer Programming, volume 1, 2.5). Its weakness shows in measurements: the block that came
/// back last is the next one taken, so single frames that live long spread over all memory.
/// Metadata: 72 bits per frame.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/mm/frame_allocator.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>

namespace kidney::mm {

class Buddy {
public:
    static constexpr const char* name = "buddy";

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        unsigned k = order.value();
        while (k <= max_order.value() && lists_[k] == none) {
            ++k;
        }
        if (k > max_order.value()) {
            return fail(Errc::no_memory);
        }
        const std::uint32_t block = lists_[k];
        take_off_list(block, k);
        while (k > order.value()) {
            --k;
            put_on_list(block + (1U << k), k);
        }
        states_[block] = live | order.value();
        free_ -= order.frames();
        return FrameNumber(base_ + block);
    }

    void free(FrameNumber first, FrameOrder order) noexcept {
        const std::uint32_t block = first.value() - base_;
        KIDNEY_INVARIANT(
            order <= max_order && block < count_ && states_[block] == (live | order.value()),
            "frames: freed block is not live");
        free_ += order.frames();
        merge_and_list(block, order.value());
    }

    [[nodiscard]] std::size_t free_frames() const noexcept { return free_; }

    // --- Where the books are kept ---

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return std::size_t{positions_of(span)} * (sizeof(Links) + sizeof(std::uint8_t));
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "frames: metadata too small");
        base_ = span.first.value() & ~(max_order.frames() - 1);
        count_ = positions_of(span);
        links_ = reinterpret_cast<Links*>(metadata.data());
        states_ = reinterpret_cast<std::uint8_t*>(links_ + count_);
        std::fill_n(states_, count_, absent);
        lists_.fill(none);
        free_ = 0;
    }
    /// In the largest aligned blocks that fit; those that complete what is there already merge.
    void add_region(FrameRange region) noexcept {
        std::uint32_t at = region.first.value() - base_;
        std::uint32_t left = region.count;
        KIDNEY_INVARIANT(at + left <= count_, "frames: region outside of the attached span");
        while (left != 0) {
            const unsigned aligned = at == 0 ? max_order.value() : std::countr_zero(at);
            const unsigned fitting = std::bit_width(left) - 1;
            const unsigned k = std::min({aligned, fitting, unsigned{max_order.value()}});
            for (std::uint32_t frame = at; frame < at + (1U << k); ++frame) {
                KIDNEY_INVARIANT(states_[frame] == absent, "frames: region added twice");
                states_[frame] = inside;
            }
            merge_and_list(at, k);
            free_ += 1U << k;
            at += 1U << k;
            left -= 1U << k;
        }
    }

private:
    /// States of the frame that a block starts with have its order in the low bits.
    static constexpr std::uint8_t inside = 0;   ///< a later frame of a block
    static constexpr std::uint8_t absent = 1;   ///< a hole in the memory map
    static constexpr std::uint8_t live = 0x10;  ///< the first frame of a block that is handed out
    static constexpr std::uint8_t idle = 0x20;  ///< the first frame of a block on a list
    static constexpr std::uint32_t none = ~0U;
    struct Links {
        std::uint32_t next, previous;
    };

    /// Frames from the start of the first block of the largest order to the end of the last, so
    /// that every buddy has a state.
    [[nodiscard]] static std::uint32_t positions_of(FrameRange span) noexcept {
        const std::uint32_t mask = max_order.frames() - 1;
        return ((span.end().value() + mask) & ~mask) - (span.first.value() & ~mask);
    }

    void merge_and_list(std::uint32_t block, unsigned k) noexcept {
        for (; k < max_order.value(); ++k) {
            const std::uint32_t buddy = block ^ 1U << k;
            if (states_[buddy] != (idle | k)) {
                break;
            }
            take_off_list(buddy, k);
            states_[block] = states_[buddy] = inside;
            block &= ~(1U << k);
        }
        put_on_list(block, k);
    }
    void put_on_list(std::uint32_t block, unsigned k) noexcept {
        const std::uint32_t next = std::exchange(lists_[k], block);
        links_[block] = {next, none};
        if (next != none) {
            links_[next].previous = block;
        }
        states_[block] = static_cast<std::uint8_t>(idle | k);
    }
    void take_off_list(std::uint32_t block, unsigned k) noexcept {
        const auto [next, previous] = links_[block];
        (previous == none ? lists_[k] : links_[previous].next) = next;
        if (next != none) {
            links_[next].previous = previous;
        }
    }

    std::array<std::uint32_t, max_order.value() + 1> lists_{};  ///< first block of each order
    Links* links_ = nullptr;          ///< of the blocks on a list, by their first frame
    std::uint8_t* states_ = nullptr;  ///< of each frame
    std::size_t free_ = 0;            ///< frames on all lists
    std::uint32_t base_ = 0;          ///< frame at position 0, a multiple of the largest block
    std::uint32_t count_ = 0;         ///< positions
};

static_assert(FrameAllocator<Buddy>);

}  // namespace kidney::mm
