/// A heap that asks the caches before it says no.
#include "mm/reclaiming_heap.hpp"

#include "kidney/mm/frame_reclaimer.hpp"
#include "tests/fakes/fake_heap.hpp"

#include <gtest/gtest.h>

namespace kidney::mm {
namespace {

struct Context {
    static inline bool sleeps = true;
    static bool may_sleep() noexcept { return sleeps; }
};
using Heap = ReclaimingHeap<fakes::FakeHeap, FrameReclaimer, Context>;
static_assert(ObjectAllocator<Heap>);

struct Cache final : FrameReclaimer {
    std::size_t pages = 0;
    std::size_t calls = 0;
    std::size_t reclaim(std::size_t most) noexcept override {
        ++calls;
        const std::size_t freed = most < pages ? most : pages;
        pages -= freed;
        return freed;
    }
};

struct ReclaimingHeapTest : testing::Test {
    Heap heap;
    Cache cache;
    ReclaimingHeapTest() { Context::sleeps = true; }
};

TEST_F(ReclaimingHeapTest, AsksTheCacheAndTriesAgain) {
    heap.set_reclaimer(cache);
    cache.pages = 1000;
    heap.fail_at(1);
    const auto object = heap.allocate(10);
    ASSERT_TRUE(object);
    EXPECT_EQ(cache.calls, 1U);
    heap.free(*object, 10);
}

TEST_F(ReclaimingHeapTest, FailsWhenThereIsNothingToReclaim) {
    heap.fail_at(1);
    EXPECT_EQ(heap.allocate(10).error(), Errc::no_memory);  // no cache yet
    heap.set_reclaimer(cache);
    heap.fail_at(1);
    EXPECT_EQ(heap.allocate(10).error(), Errc::no_memory);
    EXPECT_EQ(cache.calls, 1U);
}

TEST_F(ReclaimingHeapTest, DoesNotWaitWhereNobodyMay) {
    heap.set_reclaimer(cache);
    cache.pages = 1000;
    Context::sleeps = false;
    heap.fail_at(1);
    EXPECT_EQ(heap.allocate(10).error(), Errc::no_memory);
    EXPECT_EQ(cache.calls, 0U);
}

TEST_F(ReclaimingHeapTest, DoesNotEmptyTheCacheForWhatItCannotHave) {
    heap.set_reclaimer(cache);
    cache.pages = 1'000'000;
    EXPECT_EQ(heap.allocate(Heap::max_object_bytes + 1).error(), Errc::no_memory);
    EXPECT_EQ(cache.calls, 0U);
}

}  // namespace
}  // namespace kidney::mm
