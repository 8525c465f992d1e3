/// A policy without free(): the compiler names the sub-concept and the call that is missing.
#include "kidney/mm/frame_allocator.hpp"

using namespace kidney;

struct NoFree {
    static constexpr const char* name = "no_free";
    static std::size_t metadata_bytes(FrameRange) noexcept;
    void attach(FrameRange, std::span<std::byte>) noexcept;
    void add_region(FrameRange) noexcept;
    Result<FrameNumber> allocate(FrameOrder) noexcept;
    std::size_t free_frames() const noexcept;
};

// EXPECT: because 'NoFree' does not satisfy 'FrameSink'
// EXPECT: because 'a.free(first, order)' would be invalid
static_assert(mm::FrameAllocator<NoFree>);
