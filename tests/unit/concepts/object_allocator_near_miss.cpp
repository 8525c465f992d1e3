/// Types that break one requirement of `mm::ObjectAllocator` or `mm::CountedFrames` each.
#include "tests/archetypes/counted_frames.hpp"
#include "tests/archetypes/object_allocator.hpp"

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
