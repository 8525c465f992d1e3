/// RAM and frames for memory tests: the arena and a frame service set up as at boot.
#pragma once

#include "kidney/core/lock.hpp"
#include "mm/early_frames.hpp"
#include "mm/frame_service.hpp"
#include "mm/frame_setup.hpp"
#include "mm/frames/buddy_bitmap.hpp"
#include "mm/locked_frames.hpp"
#include "mm/reference_counts.hpp"
#include "sim/ram_arena.hpp"
#include "tests/support/std_cpu.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::test {

struct MemoryMachine {
    using References = mm::ReferenceCounts<StdCpu, sim::RamArena, NullLock>;
    using Frames = mm::FrameService<mm::Locked<mm::BuddyBitmap, NullLock>, References>;

    explicit MemoryMachine(std::uint32_t frame_count) : MemoryMachine(frame_count, frame_count) {}
    MemoryMachine(std::uint32_t frame_count, std::uint32_t direct_frames)
        : ram(frame_count, direct_frames) {
        const FrameRange all{FrameNumber(0), frame_count};
        mm::EarlyFrames early({&all, 1}, {});
        MUST(mm::set_up_frames(frames, early, ram, FrameNumber(direct_frames)));
        total = frames.free_frames();
    }

    sim::RamArena ram;
    Frames frames;
    std::size_t total;  ///< free frames at the start
};

}  // namespace kidney::test
