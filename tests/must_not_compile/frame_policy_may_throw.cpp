/// A policy whose allocate() is not noexcept.
#include "kidney/mm/frame_allocator.hpp"

using namespace kidney;

struct MayThrow {
    static constexpr const char* name = "may_throw";
    static std::size_t metadata_bytes(FrameRange) noexcept;
    void attach(FrameRange, std::span<std::byte>) noexcept;
    void add_region(FrameRange) noexcept;
    Result<FrameNumber> allocate(FrameOrder);
    void free(FrameNumber, FrameOrder) noexcept;
    std::size_t free_frames() const noexcept;
};

// EXPECT: because 'MayThrow' does not satisfy 'FrameSource'
// EXPECT: because 'a.allocate(order)' may throw an exception
static_assert(mm::FrameAllocator<MayThrow>);
