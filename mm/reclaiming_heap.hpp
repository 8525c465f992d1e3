/// A heap that is only full when the caches are empty, too; and that gives back what it keeps for
/// later when others have no more.
///
/// A wrapper that models the concept it wraps, as ReclaimingFrames does for frames.
#pragma once

#include "kidney/mm/frame_reclaimer.hpp"
#include "kidney/mm/object_caches.hpp"

#include <atomic>
#include <concepts>
#include <cstddef>

namespace kidney::mm {

/// Tells whether the caller may wait for a cache's lock.
template <class C>
concept SleepContext = requires {
    { C::may_sleep() } noexcept -> std::same_as<bool>;
};

/// Model of `ObjectAllocator`. `Reclaimer` is a FrameReclaimer, or asks several. Concurrency: as
/// `Base`; who allocates where it may sleep holds only mutexes that rank before the reclaimer's.
/// Cost: that of `Base`, and when it has no more the reclaimer's.
template <ObjectAllocator Base, class Reclaimer, SleepContext Context>
class ReclaimingHeap final : public Base, public FrameReclaimer {
public:
    using Base::Base;

    /// From now on; it must stay.
    void set_reclaimer(Reclaimer& reclaimer) noexcept {
        reclaimer_.store(&reclaimer, std::memory_order_release);  // with all that it consists of
    }

    /// Error: no_memory. WHY inline: a debug heap below is to see the caller's caller.
    [[nodiscard, gnu::always_inline]] Result<void*> allocate(std::size_t bytes) noexcept {
        Result<void*> object = Base::allocate(bytes);
        if (!object) [[unlikely]] {
            object = retry(bytes, [this, bytes] { return Base::allocate(bytes); });
        }
        return object;
    }
    [[nodiscard, gnu::always_inline]] Result<void*> allocate_cached(ObjectCache cache,
                                                                    std::size_t bytes) noexcept
        requires CachingHeap<Base>
    {
        Result<void*> object = Base::allocate_cached(cache, bytes);
        if (!object) [[unlikely]] {
            object =
                retry(bytes, [this, cache, bytes] { return Base::allocate_cached(cache, bytes); });
        }
        return object;
    }

    /// All that it can give. Unlike others it may be asked with any lock held that a heap's caller
    /// may hold.
    [[nodiscard]] std::size_t reclaim(std::size_t) noexcept override {
        if constexpr (ReclaimableHeap<Base>) {
            return Base::reclaim();
        } else {
            return 0;
        }
    }

private:
    /// At once, because the next ones will be missing as well.
    static constexpr std::size_t batch = 32;
    /// WHY an end: a large object wants frames side by side, and no number of others helps.
    static constexpr int most_tries = 8;

    template <class Allocate>
    [[nodiscard, gnu::noinline]] Result<void*> retry(std::size_t bytes,
                                                     Allocate&& allocate) noexcept {
        Reclaimer* const reclaimer = reclaimer_.load(std::memory_order_acquire);
        Result<void*> object = fail(Errc::no_memory);
        if (reclaimer == nullptr || bytes > Base::max_object_bytes || !Context::may_sleep()) {
            return object;
        }
        for (int n = 0; n < most_tries && !object && reclaimer->reclaim(batch) > 0; ++n) {
            object = allocate();
        }
        return object;
    }

    std::atomic<Reclaimer*> reclaimer_{nullptr};
};

}  // namespace kidney::mm
