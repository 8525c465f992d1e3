/// Frames as the rest of the kernel sees them: shared, counted, from a zone.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

/// `direct` frames are always addressable (`PhysMap::direct`): page tables, kernel objects, page
/// cache. `any` prefers frames outside the direct map and falls back to direct ones: user memory.
enum class FrameZone : std::uint8_t { direct, any };

/// Reference-counted frames, any thread, any CPU.
///   Z1 allocate() returns a frame with one reference, its bytes undefined; fails only with
///   no_memory Z2 a frame goes back to the policy when the last reference is released, not before
///   Z3 references(f) == 1 means: the caller is the only owner (copy on write may reuse it)
///   Z4 a frame has any number of references; retain() fails only with no_memory, changing nothing:
///      those that many share may need a frame to count with
template <class S>
concept CountedFrames = requires(S& s, const S& cs, FrameNumber frame, FrameZone zone) {
    { s.allocate(zone) } noexcept -> std::same_as<Result<FrameNumber>>;
    { s.retain(frame) } noexcept -> std::same_as<Status>;
    { s.release(frame) } noexcept -> std::same_as<void>;
    { cs.references(frame) } noexcept -> std::same_as<std::uint32_t>;
    { cs.free_frames() } noexcept -> std::same_as<std::size_t>;
};

}  // namespace kidney::mm
