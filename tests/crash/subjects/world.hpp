/// What the file systems of the crash machine stand on. A crash state takes microseconds, so
/// nothing here counts or checks.
#pragma once

#include "fs/page_cache.hpp"
#include "kidney/core/lock.hpp"
#include "sim/ram_arena.hpp"
#include "tests/support/plain_world.hpp"
#include "tests/unit/fs/test_world.hpp"

namespace kidney::crash {

using test::PlainFrames;
using test::PlainHeap;
using test::StillClock;

/// With a page cache, for those who need one.
struct CachedWorld {
    using Cache =
        fs::PageCache<PlainHeap, PlainFrames, sim::RamArena, NullLock, fs_test::NullQueue>;

    PlainHeap heap;
    sim::RamArena arena{1024};
    PlainFrames frames{arena};
    StillClock clock;
};

}  // namespace kidney::crash
