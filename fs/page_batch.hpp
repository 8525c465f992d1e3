/// The pages that one step of a read or write works on.
#pragma once

#include "kidney/core/address.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::fs {

/// Up to 16 pages of one transfer. Of each, the batch holds a frame reference or a hole.
struct PageBatch {
    static constexpr std::size_t capacity = 16;
    struct Page {
        FrameNumber frame;
        bool present = false;  ///< a frame is borrowed
        bool fresh = false;    ///< ours, not yet in the file
    };
    std::uint64_t offset = 0;
    std::size_t bytes = 0;  ///< what this batch is to move
    std::size_t done = 0;   ///< what it moved
    std::size_t count = 0;  ///< pages in use
    std::array<Page, capacity> pages;

    void cover(std::uint64_t at, std::size_t wanted) noexcept {
        offset = at;
        const std::size_t room = capacity * page_size - in_page(at);
        bytes = std::min(wanted, room);
        count = (in_page(at) + bytes + page_mask) >> page_shift;
    }
    [[nodiscard]] std::uint32_t index(std::size_t n) const noexcept {
        return static_cast<std::uint32_t>((offset >> page_shift) + n);
    }
    /// The part of page `n` that belongs to the transfer.
    [[nodiscard]] std::size_t begin(std::size_t n) const noexcept {
        return n == 0 ? in_page(offset) : 0;
    }
    [[nodiscard]] std::size_t end(std::size_t n) const noexcept {
        const std::size_t last = in_page(offset) + bytes - (n << page_shift);
        return std::min<std::size_t>(last, page_size);
    }
    [[nodiscard]] static std::size_t in_page(std::uint64_t at) noexcept {
        return static_cast<std::size_t>(at & page_mask);
    }
};

}  // namespace kidney::fs
