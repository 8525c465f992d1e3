/// Types that break one requirement of `mm::FrameAllocator` each: the concept must refuse them.
#include "tests/archetypes/frame_allocator.hpp"

namespace kidney {
namespace {

using Base = archetypes::FrameAllocatorArchetype;

struct NoFree : Base {
    void free(FrameNumber, FrameOrder) noexcept = delete;
};
struct AllocateMayThrow : Base {
    Result<FrameNumber> allocate(FrameOrder);
};
struct AllocateReturnsBareNumber : Base {
    std::uint32_t allocate(FrameOrder) noexcept;
};
struct TakesBareInteger : Base {
    void free(std::uint32_t, FrameOrder) noexcept;
};
struct CountNotConst : Base {
    std::size_t free_frames() noexcept;
};
struct CountIsInt : Base {
    int free_frames() const noexcept;
};
struct MetadataNeedsObject : Base {
    std::size_t metadata_bytes(FrameRange) noexcept;
};
struct NoRegions : Base {
    void add_region(FrameRange) noexcept = delete;
};
struct NotDefaultConstructible : Base {
    explicit NotDefaultConstructible(int);
};
struct NameIsNumber : Base {
    static constexpr int name = 3;
};

static_assert(!mm::FrameAllocator<NoFree> && !mm::FrameSink<NoFree>);
static_assert(!mm::FrameAllocator<AllocateMayThrow>);
static_assert(!mm::FrameAllocator<AllocateReturnsBareNumber>);
static_assert(!mm::FrameAllocator<TakesBareInteger>);
static_assert(!mm::FrameAllocator<CountNotConst>);
static_assert(!mm::FrameAllocator<CountIsInt>);
static_assert(!mm::FrameAllocator<MetadataNeedsObject>);
static_assert(!mm::FrameAllocator<NoRegions> && !mm::FrameBookkeeping<NoRegions>);
static_assert(!mm::FrameAllocator<NotDefaultConstructible>);
static_assert(!mm::FrameAllocator<NameIsNumber>);

}  // namespace
}  // namespace kidney
