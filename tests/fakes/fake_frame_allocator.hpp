/// A frame allocator that is easy to believe: one byte per frame, searched from the front.
///
/// For tests of what is above a policy. Passes the laws itself.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/mm/frame_allocator.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::fakes {

class FakeFrameAllocator {
public:
    static constexpr const char* name = "fake";

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept { return span.count; }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        span_ = span;
        states_ = metadata;
        free_ = 0;
        for (std::byte& state : states_) {
            state = hole;
        }
    }
    void add_region(FrameRange region) noexcept {
        for (std::uint32_t i = 0; i < region.count; ++i) {
            states_[region.first - span_.first + i] = available;
        }
        free_ += region.count;
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return free_; }

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        if (order > mm::max_order) {
            return fail(Errc::no_memory);
        }
        const std::uint32_t size = order.frames();
        const std::uint32_t first = (span_.first.value() + size - 1) / size * size;
        for (std::uint32_t f = first; f + size <= span_.end().value(); f += size) {
            if (all(FrameNumber(f), order, available, available)) {
                fill(FrameNumber(f), order, later);
                states_[FrameNumber(f) - span_.first] = head(order);
                free_ -= size;
                return FrameNumber(f);
            }
        }
        return fail(Errc::no_memory);
    }
    void free(FrameNumber first, FrameOrder order) noexcept {
        KIDNEY_INVARIANT(span_.contains(first) && all(first, order, head(order), later),
                         "fake frames: freed block is not live");
        fill(first, order, available);
        free_ += order.frames();
    }

private:
    static constexpr std::byte hole{0};
    static constexpr std::byte available{1};
    static constexpr std::byte later{2};
    [[nodiscard]] static constexpr std::byte head(FrameOrder order) noexcept {
        return static_cast<std::byte>(0x10 + order.value());
    }
    [[nodiscard]] bool all(FrameNumber f, FrameOrder order, std::byte first,
                           std::byte rest) const noexcept {
        const std::uint32_t at = f - span_.first;
        for (std::uint32_t i = 0; i < order.frames(); ++i) {
            if (at + i >= states_.size() || states_[at + i] != (i == 0 ? first : rest)) {
                return false;
            }
        }
        return true;
    }
    void fill(FrameNumber f, FrameOrder order, std::byte state) noexcept {
        for (std::uint32_t i = 0; i < order.frames(); ++i) {
            states_[f - span_.first + i] = state;
        }
    }

    FrameRange span_{};
    std::span<std::byte> states_;
    std::size_t free_ = 0;
};

static_assert(mm::FrameAllocator<FakeFrameAllocator>);

}  // namespace kidney::fakes
