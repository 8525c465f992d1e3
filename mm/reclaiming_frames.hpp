/// Frames that are only gone when the caches are empty, too.
///
/// A wrapper that models the concept it wraps. For those who can wait for a cache's lock: user
/// memory, page tables, files in memory. The kernel's heap and stacks take frames under spin locks,
/// so they use the frames themselves; the frames keep a reserve for them, and so does the cache.
#pragma once

#include "kidney/mm/frame_reclaimer.hpp"
#include "kidney/mm/frame_service.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

/// Model of `CountedFrames`. Concurrency: any thread that holds no spin lock. Cost: that of
/// `Frames`, and when these are exhausted the reclaimer's.
template <CountedFrames Frames>
class ReclaimingFrames {
public:
    /// At once, because the next one will be missing as well.
    static constexpr std::size_t batch = 32;

    explicit ReclaimingFrames(Frames& frames) noexcept : frames_(frames) {}

    /// From now on; it must stay.
    void set_reclaimer(FrameReclaimer& reclaimer) noexcept {
        reclaimer_.store(&reclaimer, std::memory_order_release);  // with all that it consists of
    }

    /// Error: no_memory, when there is nothing left to reclaim. What was reclaimed may be of no use
    /// for the zone, or taken by others; then more is.
    [[nodiscard]] Result<FrameNumber> allocate(FrameZone zone) noexcept {
        Result<FrameNumber> frame = frames_.allocate(zone);
        while (!frame && reclaim(batch) > 0) [[unlikely]] {
            frame = frames_.allocate(zone);
        }
        return frame;
    }
    /// For those who use the frames themselves and can wait: true, if it is worth another try.
    [[nodiscard]] std::size_t reclaim(std::size_t most) noexcept {
        FrameReclaimer* const reclaimer = reclaimer_.load(std::memory_order_acquire);
        return reclaimer == nullptr ? 0 : reclaimer->reclaim(most);
    }
    void retain(FrameNumber frame) noexcept { frames_.retain(frame); }
    void release(FrameNumber frame) noexcept { frames_.release(frame); }
    [[nodiscard]] std::uint32_t references(FrameNumber frame) const noexcept {
        return frames_.references(frame);
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return frames_.free_frames(); }

private:
    Frames& frames_;
    std::atomic<FrameReclaimer*> reclaimer_{nullptr};
};

}  // namespace kidney::mm
