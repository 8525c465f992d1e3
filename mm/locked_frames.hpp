/// A frame policy behind a lock, so that any CPU may call it.
///
/// A wrapper that models the concept it wraps, and is shared. Batches are made under one lock, so
/// that a simple policy has them too. A policy that is shared by itself needs none of this.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/mm/frame_allocator.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <span>

namespace kidney::mm {

/// Concurrency: any thread, any CPU. Cost: the policy's and a lock; free_frames() and
/// reuse_at_once() take none.
template <FrameAllocator Policy, BasicLockable Lock>
class Locked {
public:
    static constexpr const char* name = Policy::name;
    static constexpr bool is_shared = true;

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return Policy::metadata_bytes(span);
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        policy_.attach(span, metadata);
        publish();
    }
    void add_region(FrameRange region) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        policy_.add_region(region);
        publish();
    }
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        const Result<FrameNumber> block = policy_.allocate(order);
        publish();
        return block;
    }
    void free(FrameNumber first, FrameOrder order) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        policy_.free(first, order);
        publish();
    }
    /// As of the last call that has ended.
    [[nodiscard]] std::size_t free_frames() const noexcept {
        return free_.load(std::memory_order_relaxed);
    }

    [[nodiscard]] std::size_t take_some(std::span<FrameNumber> out) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        std::size_t n = 0;
        if constexpr (FrameBatches<Policy>) {
            n = policy_.take_some(out);
        } else {
            for (const std::size_t most = std::min(out.size(), at_once); n < most; ++n) {
                const Result<FrameNumber> frame = policy_.allocate(FrameOrder(0));
                if (!frame) {
                    break;
                }
                out[n] = *frame;
            }
        }
        publish();
        return n;
    }
    void give_back_some(std::span<const FrameNumber> in) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        if constexpr (FrameBatches<Policy>) {
            policy_.give_back_some(in);
        } else {
            for (const FrameNumber frame : in) {
                policy_.free(frame, FrameOrder(0));
            }
        }
        publish();
    }
    [[nodiscard]] Result<FrameNumber> take_range(std::uint32_t count, FrameOrder alignment) noexcept
        requires FrameRanges<Policy>
    EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        const Result<FrameNumber> first = policy_.take_range(count, alignment);
        publish();
        return first;
    }
    [[nodiscard]] bool reuse_at_once(FrameNumber first, FrameOrder order) const noexcept
        requires ReuseHint<Policy>
    KIDNEY_NO_TSA("a hint: the policy reads what others may be writing")
    {
        return policy_.reuse_at_once(first, order);
    }
    [[nodiscard]] std::uint32_t free_row(FrameNumber frame) const noexcept
        requires FreeRows<Policy>
    EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return policy_.free_row(frame);
    }

private:
    /// Frames that a simple policy hands out under one lock: interrupts are off meanwhile.
    static constexpr std::size_t at_once = 32;

    void publish() noexcept REQUIRES(lock_) {
        // relaxed: a number that others look at; what it counts is handed over by the lock.
        free_.store(policy_.free_frames(), std::memory_order_relaxed);
    }

    mutable Lock lock_;
    Policy policy_ GUARDED_BY(lock_);
    std::atomic<std::size_t> free_{0};
};

namespace detail {
template <class P, class Lock>
struct SharedFrames {
    using type = Locked<P, Lock>;
};
template <SharedFrameAllocator P, class Lock>
struct SharedFrames<P, Lock> {
    using type = P;
};
}  // namespace detail

/// P itself if it is shared, or P behind a lock.
template <FrameAllocator P, BasicLockable Lock>
using SharedFrames = typename detail::SharedFrames<P, Lock>::type;

}  // namespace kidney::mm
