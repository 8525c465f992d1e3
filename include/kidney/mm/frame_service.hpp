/// Frames as the rest of the kernel sees them: shared, counted, from a zone.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/result.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

/// `dma` frames lie below 16 MiB, where the devices of an ISA bus reach. `direct` ones are always
/// addressable (`PhysMap::direct`): page tables, kernel objects, page cache. `any` is user memory.
/// Each prefers the frames that are of no use to those before it, and takes theirs last.
enum class FrameZone : std::uint8_t { dma, direct, any };
inline constexpr std::size_t frame_zones = 3;
/// An ISA bus has 24 address lines.
inline constexpr FrameNumber dma_end{(16U << 20) >> page_shift};

/// Reference-counted frames, any thread, any CPU.
///   Z1 allocate() returns a frame of the zone with one reference, its bytes undefined; fails only
///      with no_memory
///   Z2 a frame goes back to the policy when the last reference is released, not before
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
