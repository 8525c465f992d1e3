/// What the frame policies are measured against: the same job by hand, with lists.
///
/// Both have the members of a `FrameAllocator` that the workloads call; they are measuring rods,
/// not policies: they believe every free.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"
#include "kidney/mm/frame_allocator.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kidney::bench {

/// An intrusive stack of single frames: the floor for order 0. 32 bits per frame.
class FreeListStack {
public:
    static constexpr const char* name = "baseline_free_list";
    [[nodiscard]] static double metadata_bits_per_frame(std::uint32_t) noexcept {
        return 8.0 * sizeof(std::uint32_t);
    }
    explicit FreeListStack(std::uint32_t frames) : next_(frames + 1) {
        for (std::uint32_t f = frames; f > 0; --f) {
            push(f);
        }
    }
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        if (order.value() != 0 || top_ == 0) {
            return fail(Errc::no_memory);
        }
        const std::uint32_t f = top_;
        top_ = next_[f];
        return FrameNumber(f - 1);
    }
    void free(FrameNumber frame, FrameOrder) noexcept { push(frame.value() + 1); }

private:
    void push(std::uint32_t f) noexcept {
        next_[f] = top_;
        top_ = f;
    }
    std::vector<std::uint32_t> next_;
    std::uint32_t top_ = 0;
};

/// A buddy system as Linux does it, without its lock: a doubly linked list per order through the
/// page descriptors, explicit splitting and merging. 96 bits per frame.
class LinuxStyleBuddy {
public:
    static constexpr const char* name = "linux_style_buddy";
    [[nodiscard]] static double metadata_bits_per_frame(std::uint32_t) noexcept {
        return 8.0 * sizeof(Page);
    }
    explicit LinuxStyleBuddy(std::uint32_t frames) : pages_(frames) {
        heads_.fill(none);
        for (std::uint32_t f = 0; f + top.frames() <= frames; f += top.frames()) {
            push(f, top.value());
        }
    }
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        for (unsigned k = order.value(); k <= top.value(); ++k) {
            if (heads_[k] != none) {
                const std::uint32_t f = heads_[k];
                remove(f, k);
                while (k > order.value()) {
                    --k;
                    push(f + (1U << k), k);
                }
                return FrameNumber(f);
            }
        }
        return fail(Errc::no_memory);
    }
    void free(FrameNumber frame, FrameOrder order) noexcept {
        std::uint32_t f = frame.value();
        unsigned k = order.value();
        for (; k < top.value(); ++k) {
            const std::uint32_t buddy = f ^ 1U << k;
            if (!pages_[buddy].is_free || pages_[buddy].order != k) {
                break;
            }
            remove(buddy, k);
            f &= ~(1U << k);
        }
        push(f, k);
    }

private:
    static constexpr FrameOrder top = mm::max_order;
    static constexpr std::uint32_t none = ~0U;
    struct Page {
        std::uint32_t next = none;
        std::uint32_t previous = none;
        std::uint8_t order = 0;
        bool is_free = false;
    };
    void push(std::uint32_t f, unsigned k) noexcept {
        pages_[f] = {heads_[k], none, static_cast<std::uint8_t>(k), true};
        if (heads_[k] != none) {
            pages_[heads_[k]].previous = f;
        }
        heads_[k] = f;
    }
    void remove(std::uint32_t f, unsigned k) noexcept {
        Page& page = pages_[f];
        if (page.next != none) {
            pages_[page.next].previous = page.previous;
        }
        (page.previous != none ? pages_[page.previous].next : heads_[k]) = page.next;
        page.is_free = false;
    }
    std::vector<Page> pages_;
    std::array<std::uint32_t, top.value() + 1> heads_{};
};

}  // namespace kidney::bench
