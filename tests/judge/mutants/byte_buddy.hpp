/// A buddy system that looks for its blocks in a byte for each frame, and what can go wrong when
/// blocks are split and merged.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "tests/judge/mutants/bugs.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace kidney::mutants {

template <Bug B>
class ByteBuddy {
public:
    static constexpr const char* name = "byte_buddy";

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return positions_of(span);
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        base_ = span.first.value() & ~(chunk - 1);
        count_ = positions_of(span);
        states_ = reinterpret_cast<std::uint8_t*>(metadata.data());
        std::fill_n(states_, count_, absent);
        free_ = 0;
    }
    void add_region(FrameRange region) noexcept {
        std::uint32_t at = region.first.value() - base_;
        std::uint32_t left = region.count;
        if (is(Bug::uneven_region)) {
            left &= ~1U;
        }
        free_ += region.count;
        while (left != 0) {
            const unsigned k = std::min<unsigned>(
                {static_cast<unsigned>(std::countr_zero(at | chunk)),
                 static_cast<unsigned>(std::bit_width(left)) - 1, mm::max_order.value()});
            std::fill_n(states_ + at, 1U << k, inside);
            merge(at, k);
            at += 1U << k;
            left -= 1U << k;
        }
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return free_; }

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        for (unsigned k = order.value(); k <= mm::max_order.value(); ++k) {
            for (std::uint32_t block = 0; block < count_; block += 1U << k) {
                if (states_[block] == (idle | k)) {
                    return split(block, k, order.value());
                }
            }
        }
        return fail(Errc::no_memory);
    }
    void free(FrameNumber first, FrameOrder order) noexcept {
        const std::uint32_t block = first.value() - base_;
        KIDNEY_INVARIANT(
            order <= mm::max_order && block < count_ && states_[block] == (live | order.value()),
            "not live");
        free_ += order.frames();
        merge(block, order.value());
    }

private:
    static constexpr std::uint32_t chunk = mm::max_order.frames();
    static constexpr std::uint8_t inside = 0;
    static constexpr std::uint8_t absent = 1;
    static constexpr std::uint8_t live = 0x10;
    static constexpr std::uint8_t idle = 0x20;

    [[nodiscard]] static constexpr bool is(Bug bug) noexcept { return B == bug; }
    [[nodiscard]] static std::uint32_t positions_of(FrameRange span) noexcept {
        return ((span.end().value() + chunk - 1) & ~(chunk - 1)) -
               (span.first.value() & ~(chunk - 1));
    }
    [[nodiscard]] FrameNumber split(std::uint32_t block, unsigned k, unsigned order) noexcept {
        while (k > order) {
            --k;
            if (!is(Bug::loses_half) || k != 5) {
                states_[block + (1U << k)] = static_cast<std::uint8_t>(idle | k);
            }
        }
        states_[block] = static_cast<std::uint8_t>(live | order);
        free_ -= 1U << order;
        return FrameNumber(base_ + block);
    }
    void merge(std::uint32_t block, unsigned k) noexcept {
        const unsigned largest = mm::max_order.value() - (is(Bug::never_whole) ? 1U : 0U);
        for (; k < largest; ++k) {
            const std::uint32_t buddy = block ^ 1U << k;
            const std::uint8_t state = states_[buddy];
            const bool joins = state == (idle | k) ||
                               (is(Bug::merges_absent) && state == absent && k == 3) ||
                               (is(Bug::merges_live) && state == (live | k)) ||
                               (is(Bug::merges_smaller) && k != 0 && state == (idle | (k - 1)));
            if (!joins) {
                break;
            }
            states_[buddy] = states_[block] = inside;
            block &= ~(1U << k);
        }
        states_[block] = static_cast<std::uint8_t>(idle | k);
    }

    std::uint8_t* states_ = nullptr;
    std::uint32_t base_ = 0;
    std::uint32_t count_ = 0;
    std::size_t free_ = 0;
};

}  // namespace kidney::mutants
