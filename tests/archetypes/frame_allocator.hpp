/// Exactly what `mm::FrameAllocator` promises and nothing more. Engines are instantiated with it,
/// so that they cannot come to rely on what only one policy has.
#pragma once

#include "kidney/mm/frame_allocator.hpp"

namespace kidney::archetypes {

class FrameAllocatorArchetype {
public:
    static constexpr const char* name = "archetype";
    [[nodiscard]] static std::size_t metadata_bytes(FrameRange) noexcept { return 0; }
    void attach(FrameRange, std::span<std::byte>) noexcept {}
    void add_region(FrameRange) noexcept {}
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder) noexcept {
        return fail(Errc::no_memory);
    }
    void free(FrameNumber, FrameOrder) noexcept {}
    [[nodiscard]] std::size_t free_frames() const noexcept { return 0; }
};

static_assert(mm::FrameAllocator<FrameAllocatorArchetype>);

}  // namespace kidney::archetypes
