/// Frames before there is a frame allocator: the memory map minus what is already in use.
///
/// Boot takes its page tables and the allocator's own books from here, lowest address first (the
/// trampoline maps only low memory), and then hands the rest over (frame_setup.hpp). Nothing is
/// ever given back. No heap, fixed size. Single CPU, boot only.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/core/result.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::mm {

class EarlyFrames {
public:
    /// Firmware maps have about a dozen entries; each reservation can split one.
    static constexpr std::size_t capacity = 64;

    /// Usable ranges may overlap and come in any order; reserved ones win. Frame 0 is never used: a
    /// physical address of zero is too easily a forgotten one.
    constexpr EarlyFrames(std::span<const FrameRange> usable,
                          std::span<const FrameRange> reserved) noexcept {
        for (const FrameRange range : usable) {
            add(range);
        }
        remove({FrameNumber(0), 1});
        for (const FrameRange range : reserved) {
            remove(range);
        }
    }

    /// `count` contiguous frames below `limit`, at the lowest address. Errors: no_memory.
    [[nodiscard]] constexpr Result<FrameNumber> take(std::uint32_t count,
                                                     FrameNumber limit) noexcept {
        for (std::size_t i = 0; i < size_; ++i) {
            FrameRange& range = ranges_[i];
            if (range.count >= count && range.first + count <= limit) {
                const FrameNumber first = range.first;
                range.first = first + count;
                range.count -= count;
                return first;
            }
        }
        return fail(Errc::no_memory);
    }

    /// What is left, sorted, disjoint; some may be empty.
    [[nodiscard]] constexpr std::span<const FrameRange> ranges() const noexcept {
        return std::span(ranges_).first(size_);
    }
    /// From the first to the last of these.
    [[nodiscard]] constexpr FrameRange span() const noexcept {
        if (size_ == 0) {
            return {};
        }
        return {ranges_[0].first, ranges_[size_ - 1].end() - ranges_[0].first};
    }

private:
    constexpr void insert(std::size_t at, FrameRange range) noexcept {
        // Forgetting the rest of an absurd map loses memory, not correctness.
        size_ = std::min(size_ + 1, capacity);
        for (std::size_t i = size_; i-- > at + 1;) {
            ranges_[i] = ranges_[i - 1];
        }
        if (at < capacity) {
            ranges_[at] = range;
        }
    }
    constexpr void erase(std::size_t at) noexcept {
        --size_;
        for (std::size_t i = at; i < size_; ++i) {
            ranges_[i] = ranges_[i + 1];
        }
    }
    /// Adds what is not there yet, keeping the order and joining neighbours.
    constexpr void add(FrameRange range) noexcept {
        if (range.count == 0) {
            return;
        }
        std::size_t at = 0;
        while (at < size_ && ranges_[at].end() < range.first) {
            ++at;
        }
        while (at < size_ && ranges_[at].first <= range.end()) {
            const FrameNumber first = std::min(ranges_[at].first, range.first);
            range = {first, std::max(ranges_[at].end(), range.end()) - first};
            erase(at);
        }
        insert(at, range);
    }
    constexpr void remove(FrameRange hole) noexcept {
        for (std::size_t at = 0; at < size_; ++at) {
            const FrameRange range = ranges_[at];
            if (hole.count == 0 || range.end() <= hole.first || hole.end() <= range.first) {
                continue;
            }
            const bool head = range.first < hole.first;
            const bool tail = hole.end() < range.end();
            if (head) {
                ranges_[at].count = hole.first - range.first;
            }
            if (tail) {
                const FrameRange rest{hole.end(), range.end() - hole.end()};
                if (head) {
                    insert(at + 1, rest);
                    ++at;
                } else {
                    ranges_[at] = rest;
                }
            }
            if (!head && !tail) {
                erase(at--);
            }
        }
    }

    std::array<FrameRange, capacity> ranges_{};
    std::size_t size_ = 0;
};

}  // namespace kidney::mm
