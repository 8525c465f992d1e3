/// Exactly what `mm::CountedFrames` promises.
#pragma once

#include "kidney/mm/frame_service.hpp"

namespace kidney::archetypes {

class CountedFramesArchetype {
public:
    [[nodiscard]] Result<FrameNumber> allocate(mm::FrameZone) noexcept {
        return fail(Errc::no_memory);
    }
    [[nodiscard]] Status retain(FrameNumber) noexcept { return fail(Errc::no_memory); }
    void release(FrameNumber) noexcept {}
    [[nodiscard]] std::uint32_t references(FrameNumber) const noexcept { return 1; }
    [[nodiscard]] std::size_t free_frames() const noexcept { return 0; }
};

static_assert(mm::CountedFrames<CountedFramesArchetype>);

}  // namespace kidney::archetypes
