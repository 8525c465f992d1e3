/// Frames that run out when a test wants it: wraps a `CountedFrames`, fails at call n.
#pragma once

#include "kidney/mm/frame_service.hpp"
#include "tests/fakes/call_counter.hpp"

namespace kidney::fakes {

template <mm::CountedFrames S>
class FaultyFrames : public CallCounter {
public:
    explicit FaultyFrames(S& frames) noexcept : frames_(frames) {}

    [[nodiscard]] Result<FrameNumber> allocate(mm::FrameZone zone) noexcept {
        if (next_fails()) {
            return fail(Errc::no_memory);
        }
        return frames_.allocate(zone);
    }
    [[nodiscard]] Status retain(FrameNumber frame) noexcept {
        if (next_fails()) {
            return fail(Errc::no_memory);
        }
        return frames_.retain(frame);
    }
    void release(FrameNumber frame) noexcept { frames_.release(frame); }
    [[nodiscard]] std::uint32_t references(FrameNumber frame) const noexcept {
        return frames_.references(frame);
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return frames_.free_frames(); }

private:
    S& frames_;
};

}  // namespace kidney::fakes
