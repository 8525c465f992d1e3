/// The kernel's frames: two policy objects (memory inside and outside the direct map), a lock, and
/// a reference count for every frame.
///
/// The policy decides which frame; this engine counts, locks and picks the zone. Models
/// `CountedFrames` for single frames and `FrameSource` / `FrameSink` for contiguous blocks from the
/// direct zone (heap, DMA). Everything it needs to remember lies in memory that boot hands over
/// (frame_setup.hpp).
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "kidney/mm/frame_service.hpp"
#include "mm/frame_reserve.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::mm {

/// Frames in numbers, for /proc/meminfo and the boot log.
struct FrameCounts {
    std::size_t total = 0;         ///< frames under management
    std::size_t free = 0;          ///< of these, free
    std::size_t total_direct = 0;  ///< in the direct map
    std::size_t free_direct = 0;
};

/// Concurrency: any thread, any CPU; the lock is a spin lock in the kernel. Cost: allocate() and
/// release() the policy's cost plus a lock and a count; retain() one atomic add. `Claims` is asked
/// only when memory is short.
template <FrameAllocator Policy, BasicLockable Lock, FrameClaims Claims = NoFrameClaims>
class FrameService {
public:
    static constexpr const char* name = Policy::name;

    /// Bytes that attach() needs to manage `span`, aligned to 16. Frames from `direct_end` on are
    /// outside the direct map.
    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span,
                                                    FrameNumber direct_end) noexcept {
        return counts_bytes(span) + aligned(Policy::metadata_bytes(below(span, direct_end))) +
               aligned(Policy::metadata_bytes(above(span, direct_end)));
    }

    /// Takes charge of `span`, in which no frame is free yet.
    void attach(FrameRange span, FrameNumber direct_end, std::span<std::byte> metadata) noexcept
        EXCLUDES(lock_) {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span, direct_end),
                         "frames: metadata too small");
        const LockGuard guard(lock_);
        span_ = span;
        direct_end_ = direct_end;
        counts_ = reinterpret_cast<std::uint32_t*>(metadata.data());
        std::fill_n(counts_, span.count, 0U);
        metadata = metadata.subspan(counts_bytes(span));
        const std::size_t direct_bytes = aligned(Policy::metadata_bytes(below(span, direct_end)));
        direct_.attach(below(span, direct_end), metadata.first(direct_bytes));
        high_.attach(above(span, direct_end), metadata.subspan(direct_bytes));
        totals_ = {};
    }

    /// Frames of `region` become free.
    void add_region(FrameRange region) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        const FrameRange low = below(region, direct_end_);
        const FrameRange high = above(region, direct_end_);
        if (low.count != 0) {
            direct_.add_region(low);
        }
        if (high.count != 0) {
            high_.add_region(high);
        }
        totals_.total += region.count;
        totals_.total_direct += low.count;
        reserve_ = FrameReserve::of(totals_.total_direct);
    }

    /// One frame with one reference. Errors: no_memory.
    [[nodiscard]] Result<FrameNumber> allocate(FrameZone zone) noexcept EXCLUDES(lock_) {
        const Result<FrameNumber> frame = take(zone);
        if (frame) [[likely]] {
            // relaxed: nobody else knows the frame yet.
            count(*frame).store(1, std::memory_order_relaxed);
        }
        return frame;
    }

    void retain(FrameNumber frame) noexcept {
        // relaxed: made from an existing reference, which keeps the frame alive.
        const std::uint32_t before = count(frame).fetch_add(1, std::memory_order_relaxed);
        KIDNEY_INVARIANT(before != 0, "frames: retained a free frame");
    }

    void release(FrameNumber frame) noexcept EXCLUDES(lock_) {
        const auto references = count(frame);
        // A sole owner needs no read-modify-write: nobody else can change the count.
        // acquire / acq_rel: the next owner comes after every use of this one.
        std::uint32_t before = references.load(std::memory_order_acquire);
        if (before != 1) {
            before = references.fetch_sub(1, std::memory_order_acq_rel);
            KIDNEY_INVARIANT(before != 0, "frames: released a free frame");
        }
        if (before == 1) {
            references.store(0, std::memory_order_relaxed);
            give_back(frame, FrameOrder(0));
        }
    }

    [[nodiscard]] std::uint32_t references(FrameNumber frame) const noexcept {
        return count(frame).load(std::memory_order_acquire);
    }

    /// 2^order contiguous frames of the direct zone; not counted one by one. Errors: no_memory.
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return take_direct(order, false);
    }
    void free(FrameNumber first, FrameOrder order) noexcept EXCLUDES(lock_) {
        KIDNEY_ASSERT(first < direct_end_);
        give_back(first, order);
    }

    [[nodiscard]] std::size_t free_frames() const noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return direct_.free_frames() + high_.free_frames();
    }
    [[nodiscard]] FrameCounts counts() const noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        FrameCounts c = totals_;
        c.free_direct = direct_.free_frames();
        c.free = c.free_direct + high_.free_frames();
        return c;
    }
    [[nodiscard]] FrameReserve reserve() const noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return reserve_;
    }
    /// Is this a frame of managed RAM (and not, say, a device's memory)?
    [[nodiscard]] bool manages(FrameNumber frame) const noexcept { return span_.contains(frame); }

private:
    [[nodiscard]] static constexpr std::size_t aligned(std::size_t bytes) noexcept {
        return (bytes + 15) & ~std::size_t{15};
    }
    [[nodiscard]] static constexpr std::size_t counts_bytes(FrameRange span) noexcept {
        return aligned(span.count * sizeof(std::uint32_t));
    }
    /// The parts of a range on either side of the end of the direct map.
    [[nodiscard]] static constexpr FrameRange below(FrameRange range, FrameNumber end) noexcept {
        return {range.first,
                range.first >= end ? 0 : std::min<std::uint32_t>(range.count, end - range.first)};
    }
    [[nodiscard]] static constexpr FrameRange above(FrameRange range, FrameNumber end) noexcept {
        const std::uint32_t low = below(range, end).count;
        return {range.first + low, range.count - low};
    }

    [[nodiscard]] std::atomic_ref<std::uint32_t> count(FrameNumber frame) const noexcept {
        KIDNEY_INVARIANT(span_.contains(frame), "frames: not a frame of RAM");
        return std::atomic_ref<std::uint32_t>(counts_[frame - span_.first]);
    }

    [[nodiscard]] Result<FrameNumber> take(FrameZone zone) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        const bool is_user_memory = zone == FrameZone::any;
        if (is_user_memory && high_.free_frames() != 0) {
            return high_.allocate(FrameOrder(0));
        }
        return take_direct(FrameOrder(0), is_user_memory);
    }
    [[nodiscard]] Result<FrameNumber> take_direct(FrameOrder order, bool is_user_memory) noexcept
        REQUIRES(lock_) {
        const std::size_t free = direct_.free_frames();
        const std::size_t wanted = order.frames();
        if (free < reserve_.highest() + wanted &&
            free < reserve_.floor(Claims::current(), is_user_memory) + wanted) [[unlikely]] {
            return fail(Errc::no_memory);
        }
        return direct_.allocate(order);
    }
    void give_back(FrameNumber first, FrameOrder order) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        (first < direct_end_ ? direct_ : high_).free(first, order);
    }

    mutable Lock lock_;
    Policy direct_ GUARDED_BY(lock_);
    Policy high_ GUARDED_BY(lock_);
    FrameCounts totals_ GUARDED_BY(lock_);
    FrameReserve reserve_ GUARDED_BY(lock_);
    // Written by attach() at boot, before a second CPU runs.
    FrameRange span_;
    FrameNumber direct_end_;
    std::uint32_t* counts_ = nullptr;  ///< references of each frame of span_; 0: free
};

}  // namespace kidney::mm
