/// Types that break one requirement of `mm::ObjectAllocator` or `mm::CountedFrames` each.
#include "kidney/mm/object_caches.hpp"
#include "tests/archetypes/counted_frames.hpp"
#include "tests/archetypes/object_allocator.hpp"

#include <array>

namespace kidney {
namespace {

using Heap = archetypes::ObjectAllocatorArchetype;

struct UnsizedFree : Heap {
    void free(void*) noexcept;
};
struct ReturnsNull : Heap {
    void* allocate(std::size_t) noexcept;
};
struct MayThrow : Heap {
    Result<void*> allocate(std::size_t);
};
struct NoReport : Heap {
    std::size_t used_bytes() const noexcept = delete;
};

static_assert(!mm::ObjectAllocator<UnsizedFree>);
static_assert(!mm::ObjectAllocator<ReturnsNull>);
static_assert(!mm::ObjectAllocator<MayThrow>);
static_assert(!mm::ObjectAllocator<NoReport>);

struct Caching : Heap {
    static constexpr std::array<const char*, 1> caches{"card"};
    Result<void*> allocate_cached(mm::ObjectCache, std::size_t) noexcept;
    void free_cached(mm::ObjectCache, void*, std::size_t) noexcept;
};
struct CachesWithoutNames : Caching {
    static constexpr int caches = 1;
};
struct CacheByNumber : Caching {
    Result<void*> allocate_cached(std::size_t, std::size_t) noexcept;
};
struct CacheWithUnsizedFree : Caching {
    void free_cached(mm::ObjectCache, void*) noexcept;
};

static_assert(mm::CachingHeap<Caching> && !mm::CachingHeap<Heap>);
static_assert(!mm::CachingHeap<CachesWithoutNames>);
static_assert(!mm::CachingHeap<CacheByNumber>);
static_assert(!mm::CachingHeap<CacheWithUnsizedFree>);

using Frames = archetypes::CountedFramesArchetype;

struct NoZone : Frames {
    Result<FrameNumber> allocate() noexcept;
};
struct CountNotConst : Frames {
    std::uint32_t references(FrameNumber) noexcept;
};
struct RetainCannotFail : Frames {
    void retain(FrameNumber) noexcept;
};
struct ReleaseTellsTooMuch : Frames {
    bool release(FrameNumber) noexcept;
};

static_assert(!mm::CountedFrames<NoZone>);
static_assert(!mm::CountedFrames<CountNotConst>);
static_assert(!mm::CountedFrames<RetainCannotFail>);
static_assert(!mm::CountedFrames<ReleaseTellsTooMuch>);

}  // namespace
}  // namespace kidney
