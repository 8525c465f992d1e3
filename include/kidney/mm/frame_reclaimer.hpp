/// Who gives frames back when there are no more.
#pragma once

#include <cstddef>

namespace kidney::mm {

/// Something that keeps frames only because they may be useful again: a cache.
///   R1 reclaim(n) frees about n frames that nobody else uses, and returns how many; 0 means that
///      asking again is of no use now
///   R2 nothing is lost by it: what a frame held can be had again
/// Called by whoever just failed to allocate, with mutexes held that rank before the reclaimer's
/// own, and with no spin lock. May sleep. Does not allocate.
///
/// A virtual interface, because frames exist before the caches that live on them do.
class FrameReclaimer {
public:
    virtual std::size_t reclaim(std::size_t most) noexcept = 0;

protected:
    ~FrameReclaimer() = default;
};

}  // namespace kidney::mm
