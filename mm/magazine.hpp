/// The frames that one CPU keeps at hand, and that another may take away (doorway.hpp): many single
/// ones, and a few longer blocks.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/hal/doorway.hpp"
#include "kidney/mm/frame_allocator.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::mm {

/// A few blocks of each order from 1 on, but for the largest. Which, and how often, is the callers'
/// business.
class FewBlocks {
public:
    [[nodiscard]] bool pop(FrameOrder order, FrameNumber& first) noexcept {
        const unsigned k = order.value() - 1U;
        if (k >= orders || counts_[k] == 0) {
            return false;
        }
        first = blocks_[k][--counts_[k]];
        return true;
    }
    /// False: no room.
    [[nodiscard]] bool push(FrameOrder order, FrameNumber first) noexcept {
        const unsigned k = order.value() - 1U;
        if (k >= orders || counts_[k] == most) {
            return false;
        }
        blocks_[k][counts_[k]++] = first;
        return true;
    }
    /// Calls put(first, order) for each.
    template <class F>
    void empty_into(F&& put) noexcept {
        for (FrameOrder order{1}; order < max_order; order = FrameOrder(order.value() + 1)) {
            for (FrameNumber first; pop(order, first);) {
                put(first, order);
            }
        }
    }

private:
    static constexpr unsigned orders = max_order.value() - 1;
    static constexpr std::uint8_t most = 6;
    std::array<std::uint8_t, orders> counts_{};
    std::array<std::array<FrameNumber, most>, orders> blocks_{};
};

/// Cost: O(1) each. While is_closed(), frames had better go where they came from.
template <hal::AtomicsProvider Cpu>
class Magazine : public hal::Doorway<Cpu> {
public:
    static constexpr std::uint32_t capacity = 192;
    /// Frames that come or go at once.
    static constexpr std::uint32_t batch = 64;

    /// For visitors: whether there is something to fetch. May be out of date.
    [[nodiscard]] bool is_worth_a_visit() const noexcept { return size() != 0; }

    // Of whoever is inside. The counts are atomic for those who add them up.

    [[nodiscard]] bool pop(FrameNumber& frame) noexcept {
        const std::uint32_t next = next_.load(std::memory_order_relaxed);
        if (next == capacity) {
            return false;
        }
        frame = frames_[next];
        next_.store(next + 1, std::memory_order_relaxed);
        return true;
    }
    /// To be handed out next. False: no room.
    [[nodiscard]] bool push(FrameNumber frame) noexcept {
        const std::uint32_t next = next_.load(std::memory_order_relaxed);
        if (next == leaving_.load(std::memory_order_relaxed)) {
            return false;
        }
        frames_[next - 1] = frame;
        next_.store(next - 1, std::memory_order_relaxed);
        return true;
    }
    /// To go back to its place. False: no room, or a batch is complete.
    [[nodiscard]] bool push_leaving(FrameNumber frame) noexcept {
        const std::uint32_t leaving = leaving_.load(std::memory_order_relaxed);
        if (leaving == batch || leaving == next_.load(std::memory_order_relaxed)) {
            return false;
        }
        frames_[leaving] = frame;
        leaving_.store(leaving + 1, std::memory_order_relaxed);
        return true;
    }
    [[nodiscard]] bool pop_block(FrameOrder order, FrameNumber& first) noexcept {
        const bool found = blocks_.pop(order, first);
        add_in_blocks(found ? 0U - order.frames() : 0);
        return found;
    }
    /// False: no room.
    [[nodiscard]] bool push_block(FrameOrder order, FrameNumber first) noexcept {
        const bool kept = blocks_.push(order, first);
        add_in_blocks(kept ? order.frames() : 0);
        return kept;
    }
    /// Nothing is at hand: get(span) fills the front of the span and says how many there are.
    template <class F>
    void fill(std::uint32_t most, F&& get) noexcept {
        const std::span<FrameNumber> room = std::span(frames_).last(most);
        const auto n = static_cast<std::uint32_t>(get(room));
        if (n != most) {
            std::copy_backward(room.begin(), room.begin() + n, room.end());
        }
        next_.store(capacity - n, std::memory_order_relaxed);
    }
    /// Makes room: gives put(span) the frames that are to leave or, without any, those that have
    /// been here longest.
    template <class F>
    void make_room(F&& put) noexcept {
        if (const std::uint32_t leaving = leaving_.load(std::memory_order_relaxed); leaving != 0) {
            put(std::span<const FrameNumber>(frames_).first(leaving));
            leaving_.store(0, std::memory_order_relaxed);
            return;
        }
        put(std::span<const FrameNumber>(frames_).last(batch));
        const std::uint32_t next = next_.load(std::memory_order_relaxed);
        std::copy_backward(frames_.begin() + next, frames_.end() - batch, frames_.end());
        next_.store(next + batch, std::memory_order_relaxed);
    }
    /// Calls put(span) for single frames, and put_block(first, order).
    template <class F, class G>
    void empty_into(F&& put, G&& put_block) noexcept {
        const std::uint32_t leaving = leaving_.load(std::memory_order_relaxed);
        const std::uint32_t next = next_.load(std::memory_order_relaxed);
        if (leaving != 0) {
            put(std::span<const FrameNumber>(frames_).first(leaving));
        }
        if (next != capacity) {
            put(std::span<const FrameNumber>(frames_).subspan(next));
        }
        blocks_.empty_into(put_block);
        reset();
    }
    void reset() noexcept {
        blocks_ = {};
        in_blocks_.store(0, std::memory_order_relaxed);
        leaving_.store(0, std::memory_order_relaxed);
        next_.store(capacity, std::memory_order_relaxed);
    }

    [[nodiscard]] std::uint32_t size() const noexcept {
        return capacity - next_.load(std::memory_order_relaxed) +
               leaving_.load(std::memory_order_relaxed) +
               in_blocks_.load(std::memory_order_relaxed);
    }

private:
    template <class T>
    using Atomic = typename Cpu::template Atomic<T>;

    void add_in_blocks(std::uint32_t frames) noexcept {
        in_blocks_.store(in_blocks_.load(std::memory_order_relaxed) + frames,
                         std::memory_order_relaxed);
    }

    Atomic<std::uint32_t> next_{capacity};
    Atomic<std::uint32_t> leaving_{0};
    Atomic<std::uint32_t> in_blocks_{0};  ///< frames
    /// [0, leaving) go back to their places, [next, capacity) are at hand, `next` first.
    std::array<FrameNumber, capacity> frames_{};
    FewBlocks blocks_;
};

}  // namespace kidney::mm
