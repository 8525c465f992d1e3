/// Frames that are only gone when the caches are empty, too.
///
/// A wrapper that models the concept it wraps. For those who can wait for a cache's lock: user
/// memory, page tables, files in memory. The kernel's heap and stacks take frames under spin locks,
/// so they use the frames themselves; the frames keep a reserve for them, and so does the cache.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/mm/frame_reclaimer.hpp"
#include "kidney/mm/frame_service.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

/// Model of `CountedFrames`. Concurrency: any thread that holds no spin lock. Cost: that of
/// `Frames`, and when these are exhausted the reclaimers'.
template <CountedFrames Frames>
class ReclaimingFrames {
public:
    /// At once, because the next one will be missing as well.
    static constexpr std::size_t batch = 32;

    explicit ReclaimingFrames(Frames& frames) noexcept : frames_(frames) {}

    /// From now on, after those before it; it must stay. Boot only: one at a time.
    void add_reclaimer(FrameReclaimer& reclaimer) noexcept {
        std::size_t n = 0;
        while (reclaimers_[n].load(std::memory_order_relaxed) != nullptr) {
            ++n;
            KIDNEY_INVARIANT(n < reclaimers_.size(), "mm: too many reclaimers");
        }
        reclaimers_[n].store(&reclaimer,
                             std::memory_order_release);  // with all that it consists of
    }

    /// Error: no_memory, when there is nothing left to reclaim. What was reclaimed may be of no use
    /// for the zone, or taken by others; then more is. A part of its caller, so that FrameSites
    /// sees that one.
    [[nodiscard, gnu::always_inline]] Result<FrameNumber> allocate(FrameZone zone) noexcept {
        const Result<FrameNumber> frame = frames_.allocate(zone);
        if (frame) [[likely]] {
            return frame;
        }
        return allocate_reclaimed(zone);
    }
    /// For those who use the frames themselves and can wait: true, if it is worth another try.
    [[nodiscard]] std::size_t reclaim(std::size_t most) noexcept {
        for (const auto& known : reclaimers_) {
            FrameReclaimer* const reclaimer = known.load(std::memory_order_acquire);
            if (reclaimer == nullptr) {
                break;
            }
            if (const std::size_t freed = reclaimer->reclaim(most); freed != 0) {
                return freed;
            }
        }
        return 0;
    }
    /// Error: no_memory, as above.
    [[nodiscard, gnu::always_inline]] Status retain(FrameNumber frame) noexcept {
        if (frames_.retain(frame)) [[likely]] {
            return {};
        }
        return retain_reclaimed(frame);
    }
    void release(FrameNumber frame) noexcept { frames_.release(frame); }
    [[nodiscard]] std::uint32_t references(FrameNumber frame) const noexcept {
        return frames_.references(frame);
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return frames_.free_frames(); }

private:
    [[gnu::noinline]] Result<FrameNumber> allocate_reclaimed(FrameZone zone) noexcept {
        while (reclaim(batch) > 0) {
            if (const Result<FrameNumber> frame = frames_.allocate(zone)) {
                return frame;
            }
        }
        return fail(Errc::no_memory);
    }
    [[gnu::noinline]] Status retain_reclaimed(FrameNumber frame) noexcept {
        while (reclaim(batch) > 0) {
            if (frames_.retain(frame)) {
                return {};
            }
        }
        return fail(Errc::no_memory);
    }

    Frames& frames_;
    std::array<std::atomic<FrameReclaimer*>, 3> reclaimers_{};
};

}  // namespace kidney::mm
