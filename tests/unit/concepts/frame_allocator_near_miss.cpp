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

using Full = archetypes::FullFrameAllocatorArchetype;

struct TakesOnly : Base {
    std::size_t take_some(std::span<FrameNumber>) noexcept;
};
struct TakesIntoConst : Full {
    std::size_t take_some(std::span<const FrameNumber>) noexcept;
    std::size_t take_some(std::span<FrameNumber>) = delete;
};
struct GivesBackHowMany : Full {
    std::size_t give_back_some(std::span<const FrameNumber>) noexcept;
};
struct RangeOfBytes : Full {
    Result<FrameNumber> take_range(std::uint32_t, FrameOrder) = delete;
    Result<FrameNumber> take_range(FrameRange, std::size_t) noexcept;
};
struct RangeMayThrow : Full {
    Result<FrameNumber> take_range(std::uint32_t, FrameOrder);
};
struct HintWrites : Full {
    bool reuse_at_once(FrameNumber, FrameOrder) noexcept;
};
struct HintIsNumber : Full {
    int reuse_at_once(FrameNumber, FrameOrder) const noexcept;
};
struct SharedNever : Full {
    static constexpr bool is_shared = false;
};
struct SharedSometimes : Full {
    bool is_shared = true;
};
struct BatchesWithoutFree : Full {
    void free(FrameNumber, FrameOrder) noexcept = delete;
};

static_assert(!mm::FrameBatches<TakesOnly>);
static_assert(!mm::FrameBatches<TakesIntoConst>);
static_assert(!mm::FrameBatches<GivesBackHowMany>);
static_assert(!mm::FrameBatches<BatchesWithoutFree>);
static_assert(!mm::FrameRanges<RangeOfBytes>);
static_assert(!mm::FrameRanges<RangeMayThrow>);
static_assert(!mm::ReuseHint<HintWrites>);
static_assert(!mm::ReuseHint<HintIsNumber>);
static_assert(!mm::SharedFrameAllocator<SharedNever>);
static_assert(!mm::SharedFrameAllocator<SharedSometimes>);

}  // namespace
}  // namespace kidney
