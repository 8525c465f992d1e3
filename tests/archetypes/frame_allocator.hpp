/// Exactly what `mm::FrameAllocator` promises and nothing more. Engines are instantiated with it,
/// so that they cannot come to rely on what only one policy has.
#pragma once

#include "kidney/mm/frame_allocator.hpp"

namespace kidney::archetypes {

class FrameAllocatorArchetype {
public:
    static constexpr const char* name = "archetype";
    [[nodiscard]] static std::size_t metadata_bytes(FrameRange) noexcept { return 0; }
    void attach(FrameRange, std::span<std::byte>) noexcept {}
    void add_region(FrameRange) noexcept {}
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder) noexcept {
        return fail(Errc::no_memory);
    }
    void free(FrameNumber, FrameOrder) noexcept {}
    [[nodiscard]] std::size_t free_frames() const noexcept { return 0; }
};

static_assert(mm::FrameAllocator<FrameAllocatorArchetype>);
static_assert(!mm::FrameBatches<FrameAllocatorArchetype>);
static_assert(!mm::FrameRanges<FrameAllocatorArchetype>);
static_assert(!mm::ReuseHint<FrameAllocatorArchetype>);
static_assert(!mm::SharedFrameAllocator<FrameAllocatorArchetype>);

/// All that a policy may offer besides.
class FullFrameAllocatorArchetype : public FrameAllocatorArchetype {
public:
    static constexpr bool is_shared = true;
    [[nodiscard]] std::size_t take_some(std::span<FrameNumber>) noexcept { return 0; }
    void give_back_some(std::span<const FrameNumber>) noexcept {}
    [[nodiscard]] Result<FrameNumber> take_range(std::uint32_t, FrameOrder) noexcept {
        return fail(Errc::no_memory);
    }
    [[nodiscard]] bool reuse_at_once(FrameNumber, FrameOrder) const noexcept { return false; }
};
static_assert(mm::FrameBatches<FullFrameAllocatorArchetype>);
static_assert(mm::FrameRanges<FullFrameAllocatorArchetype>);
static_assert(mm::ReuseHint<FullFrameAllocatorArchetype>);
static_assert(mm::SharedFrameAllocator<FullFrameAllocatorArchetype>);

/// A policy that is one only on a given processor.
struct FrameFamilyArchetype {
    static constexpr const char* name = "family";
    template <class C>
    using For = FullFrameAllocatorArchetype;
};
static_assert(std::same_as<mm::FramesOf<FrameFamilyArchetype, int>, FullFrameAllocatorArchetype>);
static_assert(std::same_as<mm::FramesOf<FrameAllocatorArchetype, int>, FrameAllocatorArchetype>);

}  // namespace kidney::archetypes
