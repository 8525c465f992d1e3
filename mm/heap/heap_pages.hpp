/// Where heaps get their memory from: blocks of direct frames as addresses, and back.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"
#include "mm/heap/heap_environment.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

/// Concurrency: that of the frames. Cost: that of the frames.
template <HeapEnvironment E>
class HeapPages {
public:
    using Frames = typename E::Frames;
    using Phys = typename E::Phys;
    static constexpr std::size_t largest = std::size_t{max_order.frames()} * page_size;

    HeapPages(Frames& frames, Phys& phys) noexcept
        : frames_(frames), base_(phys.direct(FrameNumber(0)).data()) {}

    /// The smallest order for so many bytes, at most `largest`.
    [[nodiscard]] static constexpr FrameOrder order_for(std::size_t bytes) noexcept {
        const std::size_t pages = (bytes + page_size - 1) / page_size;
        return FrameOrder(static_cast<std::uint8_t>(std::bit_width(pages - 1)));
    }
    [[nodiscard]] static constexpr std::size_t bytes_of(FrameOrder order) noexcept {
        return std::size_t{order.frames()} * page_size;
    }

    /// Of the whole frames that an object gets.
    [[nodiscard]] static constexpr std::size_t granted(std::size_t bytes) noexcept {
        return bytes_of(order_for(bytes));
    }

    /// Aligned to its size; the bytes are undefined. Errors: no_memory.
    [[nodiscard]] Result<std::byte*> allocate(FrameOrder order) noexcept {
        const FrameNumber first = TRY(frames_.allocate(order));
        return base_ + (std::size_t{first.value()} << page_shift);
    }
    void free(void* first, FrameOrder order) noexcept {
        KIDNEY_INVARIANT(reinterpret_cast<std::uintptr_t>(first) % page_size == 0,
                         "heap: not the start of a page");
        frames_.free(FrameNumber(frame_index(first)), order);
    }

    /// The direct map is linear: measured from frame 0.
    [[nodiscard]] std::uint32_t frame_index(const void* address) const noexcept {
        return static_cast<std::uint32_t>(
            static_cast<std::size_t>(static_cast<const std::byte*>(address) - base_) >> page_shift);
    }

private:
    Frames& frames_;
    std::byte* base_;
};

}  // namespace kidney::mm
