/// What the file systems of the crash machine stand on. A crash state takes microseconds, so
/// nothing here counts or checks.
#pragma once

#include "fs/page_cache.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/file_clock.hpp"
#include "kidney/mm/object_allocator.hpp"
#include "sim/ram_arena.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <cstddef>
#include <cstdlib>

namespace kidney::crash {

/// The host's heap, with nothing around it.
struct PlainHeap {
    static constexpr const char* name = "plain";
    static constexpr std::size_t max_object_bytes = std::size_t{1} << 30;
    [[nodiscard]] Result<void*> allocate(std::size_t bytes) noexcept {
        void* const memory = std::malloc(bytes);  // aligned to 16
        return memory == nullptr ? Result<void*>(fail(Errc::no_memory)) : memory;
    }
    void free(void* memory, std::size_t) noexcept { std::free(memory); }
    [[nodiscard]] std::size_t used_bytes() const noexcept { return 0; }
};
static_assert(mm::ObjectAllocator<PlainHeap>);

struct StillClock {
    fs::FileTime operator()() noexcept { return {1'000'000, 0}; }
};

/// With a page cache, for those who need one.
struct CachedWorld {
    using Cache =
        fs::PageCache<PlainHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::NullQueue>;

    PlainHeap heap;
    sim::RamArena arena{1024};
    fs_test::Frames frames{arena};
    StillClock clock;
};

}  // namespace kidney::crash
