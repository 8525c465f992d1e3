/// The boot option `trace_frames`: writes what the frame policies are asked to the log, so that
/// `./kidney lab frames --trace` can ask others the same. `./kidney run --record-frames` gives it.
#pragma once

#include "kernel/config.hpp"
#include "mm/early_frames.hpp"

namespace kidney::kernel {

/// Starts recording; boot only, before there are frames. The records lie in some of `early`, below
/// `limit`. Without memory for them it says so and records nothing.
void start_frame_trace(mm::EarlyFrames& early, FrameNumber limit, PhysMap& phys) noexcept;

/// Stops, and writes what was recorded to the log; nothing if nothing was. May sleep.
void write_frame_trace() noexcept;

}  // namespace kidney::kernel
