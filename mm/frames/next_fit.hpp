/// Next fit over a bitmap: every search goes on where the last one ended, once around.
///
/// The cheapest rule that is worth a name. Where most memory is free the next block is at hand; a
/// search never starts again and again over what is taken at the low end, as first fit does.
/// Theory: it spreads what lives over the whole of memory, so that long runs become rare soonest of
/// all fits (Knuth, The Art of Computer Programming, volume 1, 2.5; Bays, Communications of the ACM
/// 20, 1977). Cost: O(1) while there is room, O(frames / 32) at worst. Metadata: 2 bits per frame.
#pragma once

#include "mm/frames/frame_map.hpp"

#include <algorithm>

namespace kidney::mm {

class NextFit {
public:
    static constexpr const char* name = "next_fit";

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        std::uint32_t block = map_.find(order.value(), next_, map_.row_count());
        if (block == FrameMap::none) {
            // Up to the row where it started, and with it: something may lie in front.
            block = map_.find(order.value(), 0, std::min(next_ + 1, map_.row_count()));
        }
        if (block == FrameMap::none) {
            return fail(Errc::no_memory);
        }
        next_ = block / row_bits;
        return map_.take(block, order.value());
    }
    void free(FrameNumber first, FrameOrder order) noexcept {
        map_.give_back(first, order.value());
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return map_.free_frames(); }
    [[nodiscard]] std::uint32_t free_row(FrameNumber frame) const noexcept {
        return map_.free_row(frame);
    }

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return FrameMap::metadata_bytes(span);
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "frames: metadata too small");
        map_.attach(span, metadata.data());
        next_ = 0;
    }
    void add_region(FrameRange region) noexcept {
        map_.add(region, [](std::uint32_t, unsigned) {});
    }

private:
    FrameMap map_;
    std::uint32_t next_ = 0;  ///< row in which the last block was found
};

static_assert(FrameAllocator<NextFit>);

}  // namespace kidney::mm
