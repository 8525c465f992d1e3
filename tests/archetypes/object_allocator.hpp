/// Exactly what `mm::ObjectAllocator` promises.
#pragma once

#include "kidney/mm/object_allocator.hpp"

namespace kidney::archetypes {

class ObjectAllocatorArchetype {
public:
    static constexpr const char* name = "archetype";
    [[nodiscard]] Result<void*> allocate(std::size_t) noexcept { return fail(Errc::no_memory); }
    void free(void*, std::size_t) noexcept {}
    [[nodiscard]] std::size_t used_bytes() const noexcept { return 0; }
};

static_assert(mm::ObjectAllocator<ObjectAllocatorArchetype>);

}  // namespace kidney::archetypes
