/// The single frames that one CPU keeps at hand, and how another CPU may come to take them away.
///
/// The owner comes and goes with plain loads and stores: it says that it is inside, looks whether
/// anybody wants its attention, and says when it has left. Whoever comes from outside first asks
/// for attention, then makes every CPU pass a memory barrier, then waits until the owner is out.
/// After that barrier the owner either has seen the question, or has been seen inside: the rare
/// visitor pays for the order that the owner does without. (An asymmetric Dekker handshake: Dice,
/// Huang, Yang, "Asymmetric Dekker synchronization", 2001; membarrier(2) does it for programs.)
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/hal/cpu.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::mm {

/// Between enter() and leave() the owner is pinned and takes no interrupt that comes here as well;
/// or somebody else holds it after claim() and owner_has_left(). Cost: O(1) each.
template <hal::AtomicsProvider Cpu>
class Magazine {
public:
    static constexpr std::uint32_t capacity = 192;
    /// Frames that come or go at once.
    static constexpr std::uint32_t batch = 64;

    // Of the owner.

    /// False: somebody wants attention, and this CPU is not inside.
    [[nodiscard]] bool enter() noexcept {
        inside_.store(1, own_order);
        if constexpr (hal::RemoteFence<Cpu>) {
            std::atomic_signal_fence(std::memory_order_seq_cst);
        }
        // acquire: a visitor that has gone has left the frames as they are now.
        if (attention_.load(own_acquire) != 0) [[unlikely]] {
            leave();
            return false;
        }
        return true;
    }
    /// As enter(), but waits for visitors, and comes in although frames are short.
    void enter_patiently() noexcept {
        for (;;) {
            inside_.store(1, own_order);
            if constexpr (hal::RemoteFence<Cpu>) {
                std::atomic_signal_fence(std::memory_order_seq_cst);
            }
            if (attention_.load(own_acquire) < claimed) {
                return;
            }
            leave();
            while (attention_.load(std::memory_order_acquire) >= claimed) {
                Cpu::relax();
            }
        }
    }
    /// release: a visitor that finds the owner gone finds the frames as it left them.
    void leave() noexcept { inside_.store(0, std::memory_order_release); }

    // Of visitors, one at a time.

    /// Whether there may be something to fetch. May be out of date.
    [[nodiscard]] bool is_worth_a_visit() const noexcept {
        return size() != 0 || inside_.load(std::memory_order_relaxed) != 0;
    }
    void claim() noexcept { attention_.fetch_add(claimed); }
    void unclaim() noexcept { attention_.fetch_add(0U - claimed); }
    [[nodiscard]] bool owner_has_left() const noexcept {
        return inside_.load(std::memory_order_acquire) == 0;
    }
    /// From now on enter() is refused, and frames had better go where they came from.
    void say_short(bool is_short) noexcept { attention_.fetch_add(is_short ? 1U : 0U - 1U); }
    [[nodiscard]] bool is_short() const noexcept {
        return (attention_.load(std::memory_order_relaxed) & 1U) != 0;
    }

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
    template <class F>
    void empty_into(F&& put) noexcept {
        const std::uint32_t leaving = leaving_.load(std::memory_order_relaxed);
        const std::uint32_t next = next_.load(std::memory_order_relaxed);
        if (leaving != 0) {
            put(std::span<const FrameNumber>(frames_).first(leaving));
        }
        if (next != capacity) {
            put(std::span<const FrameNumber>(frames_).subspan(next));
        }
        reset();
    }
    void reset() noexcept {
        leaving_.store(0, std::memory_order_relaxed);
        next_.store(capacity, std::memory_order_relaxed);
    }

    [[nodiscard]] std::uint32_t size() const noexcept {
        return capacity - next_.load(std::memory_order_relaxed) +
               leaving_.load(std::memory_order_relaxed);
    }

private:
    static constexpr std::uint32_t claimed = 1U << 16;
    // Where nobody can make this CPU pass a barrier, it passes one each time.
    static constexpr std::memory_order own_order =
        hal::RemoteFence<Cpu> ? std::memory_order_relaxed : std::memory_order_seq_cst;
    static constexpr std::memory_order own_acquire =
        hal::RemoteFence<Cpu> ? std::memory_order_acquire : std::memory_order_seq_cst;

    template <class T>
    using Atomic = typename Cpu::template Atomic<T>;

    Atomic<std::uint32_t> inside_{0};     ///< 1: the owner is
    Atomic<std::uint32_t> attention_{0};  ///< bit 0: frames are short; from bit 16: visitors
    Atomic<std::uint32_t> next_{capacity};
    Atomic<std::uint32_t> leaving_{0};
    /// [0, leaving) go back to their places, [next, capacity) are at hand, `next` first.
    std::array<FrameNumber, capacity> frames_{};
};

}  // namespace kidney::mm
