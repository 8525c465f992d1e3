/// First fit over a bitmap: every block comes from the lowest address where it fits.
///
/// The plainest honest policy. Blocks cluster at low addresses, which leaves long runs free at the
/// high end; the price is a scan. A hint per order ("below this row there is no such block") keeps
/// the scan from starting at zero each time.
/// Cost: allocate() O(rows scanned), amortised O(1) while memory is mostly free; free() O(1).
/// Metadata: 2 bits per frame.
#pragma once

#include "mm/frames/frame_states.hpp"

#include <array>
#include <bit>

namespace kidney::mm {

class BitmapFirstFit {
public:
    static constexpr const char* name = "bitmap_first_fit";

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return FrameStates::chunks_of(span) * rows_per_chunk * sizeof(FrameRow);
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "frames: metadata too small");
        states_.attach(span, reinterpret_cast<FrameRow*>(metadata.data()));
        lowest_.fill(0);
        free_ = 0;
    }
    void add_region(FrameRange region) noexcept {
        states_.add(region);
        free_ += region.count;
        lowest_.fill(0);
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return free_; }

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        const unsigned k = order.value();
        KIDNEY_ASSERT(order <= max_order);
        for (std::uint32_t row = lowest_[k] & ~(step(k) - 1); row < states_.row_count();
             row += step(k)) {
            if (k < row_order) {
                if (const std::uint32_t starts = run_starts(states_.row(row).free(), k)) {
                    return take(row, static_cast<unsigned>(std::countr_zero(starts)), k);
                }
            } else if (rows_free(row, step(k))) {
                return take(row, 0, k);
            }
        }
        raise_hints(k, states_.row_count());
        return fail(Errc::no_memory);
    }

    void free(FrameNumber first, FrameOrder order) noexcept {
        const std::uint32_t index = states_.index_of(first);
        states_.give_back(index, order.value());
        free_ += order.frames();
        // Hints never decrease with the order, so those that are now too high are at the top.
        const std::uint32_t row = index / row_bits;
        for (unsigned k = max_order.value() + 1; k-- > 0 && lowest_[k] > row;) {
            lowest_[k] = row;
        }
    }

private:
    /// Rows from one candidate of this order to the next.
    [[nodiscard]] static constexpr std::uint32_t step(unsigned order) noexcept {
        return order <= row_order ? 1 : 1U << (order - row_order);
    }
    [[nodiscard]] bool rows_free(std::uint32_t row, std::uint32_t count) noexcept {
        for (std::uint32_t i = 0; i < count; ++i) {
            if (states_.row(row + i).free() != ~0U) {
                return false;
            }
        }
        return true;
    }
    [[nodiscard]] FrameNumber take(std::uint32_t row, unsigned bit, unsigned order) noexcept {
        raise_hints(order, row);
        states_.take(row * row_bits + bit, order);
        free_ -= 1U << order;
        return states_.frame(row * row_bits + bit);
    }
    /// No block of this order, hence none of a higher one, lies below `row`.
    void raise_hints(unsigned order, std::uint32_t row) noexcept {
        for (unsigned k = order; k <= max_order.value() && lowest_[k] < row; ++k) {
            lowest_[k] = row;
        }
    }

    FrameStates states_;
    std::size_t free_ = 0;
    /// lowest_[k], rounded down to the order's alignment: no free block of order k starts in a row
    /// before it. Non-decreasing in k.
    std::array<std::uint32_t, max_order.value() + 1> lowest_{};
};

static_assert(FrameAllocator<BitmapFirstFit>);

}  // namespace kidney::mm
