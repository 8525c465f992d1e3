/// A Result must be looked at.
#include "tests/archetypes/frame_allocator.hpp"

using namespace kidney;

// EXPECT: ignoring return value
void drop(archetypes::FrameAllocatorArchetype& frames) {
    frames.allocate(FrameOrder(0));
}
