/// The page cache by itself: one fill per page, eviction that leaves borrowed pages alone.
#include "fs/page_cache.hpp"

#include "mm/reclaiming_frames.hpp"
#include "tests/laws/report.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

namespace kidney::fs {
namespace {

using fs_test::World;

/// Page n is full of the byte n.
struct Pattern final : CachedObject {
    std::uint64_t count = 64;
    std::atomic<int> fills = 0;
    std::atomic<std::uint32_t> broken = ~std::uint32_t{0};
    std::chrono::milliseconds delay{0};

    Status fill(std::uint32_t first,
                std::span<const std::span<std::byte>> pages) noexcept override {
        ++fills;
        std::this_thread::sleep_for(delay);
        for (const auto page : pages) {
            if (first == broken) {
                return fail(Errc::io_error);
            }
            std::memset(page.data(), static_cast<int>(first++), page.size());
        }
        return {};
    }
    std::uint64_t page_count() const noexcept override { return count; }
};

using Cache =
    PageCache<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::NullQueue>;

struct PageCacheTest : testing::Test {
    World world;
    Cache cache{world.heap, world.frames, world.arena};
    Pattern object;

    void TearDown() override {
        cache.forget(object);
        EXPECT_TRUE(world.is_clean());
    }
    Status check(std::uint32_t index) {
        const FrameNumber frame = TRY(cache.get(object, index));
        EXPECT_EQ(cache.bytes(frame)[page_size - 1], static_cast<std::byte>(index));
        cache.release(frame);
        return {};
    }
};

TEST_F(PageCacheTest, ReadsAheadForSequentialReadersOnly) {
    for (std::uint32_t i = 0; i < 64; ++i) {
        ASSERT_TRUE(check(i));
    }
    EXPECT_EQ(object.fills, 4);  // 8, 16, 32, and what is left
    cache.forget(object);
    object.fills = 0;
    for (const std::uint32_t i : {50U, 40U, 30U, 20U}) {
        ASSERT_TRUE(check(i));
    }
    EXPECT_EQ(object.fills, 4);
    EXPECT_EQ(cache.size(), 4U);
    ASSERT_TRUE(check(63));  // not behind the end
    // A jump ends it: the next straight run begins small.
    cache.forget(object);
    ASSERT_TRUE(check(10));
    EXPECT_EQ(cache.size(), 1U);
    ASSERT_TRUE(check(11));
    EXPECT_EQ(cache.size(), 9U);
    ASSERT_TRUE(check(19));
    EXPECT_EQ(cache.size(), 25U);
}

TEST_F(PageCacheTest, ReadsTheRestOfTheWindowAroundAJump) {
    const auto touch = [&](std::uint32_t index) {
        const Result<FrameNumber> frame = cache.get(object, index, Cache::Neighbours::around);
        ASSERT_TRUE(frame);
        EXPECT_EQ(cache.bytes(*frame)[0], static_cast<std::byte>(index));
        cache.release(*frame);
    };
    touch(42);  // and 43 to 47
    EXPECT_EQ(cache.size(), 6U);
    touch(45);
    EXPECT_EQ(object.fills, 1);
    touch(40);  // and 41: what is there already is not read again
    EXPECT_EQ(cache.size(), 8U);
    touch(41);
    EXPECT_EQ(object.fills, 2);
    object.count = 59;
    touch(57);  // not behind the end
    EXPECT_EQ(cache.size(), 10U);
    EXPECT_EQ(object.fills, 3);
}

TEST_F(PageCacheTest, OneBadPageDoesNotSpoilItsNeighbours) {
    object.broken = 3;
    ASSERT_TRUE(check(0));
    ASSERT_TRUE(check(1));
    ASSERT_TRUE(check(2));
    EXPECT_EQ(check(3).error(), Errc::io_error);
    ASSERT_TRUE(check(4));
    object.broken = ~std::uint32_t{0};
    ASSERT_TRUE(check(3));
    object.broken = 22;
    const Result<FrameNumber> frame = cache.get(object, 20, Cache::Neighbours::around);
    ASSERT_TRUE(frame);
    cache.release(*frame);
    EXPECT_EQ(cache.get(object, 22, Cache::Neighbours::around).error(), Errc::io_error);
}

TEST_F(PageCacheTest, ReclaimsTheOldestThatNobodyBorrows) {
    for (const std::uint32_t i : {9U, 7U, 5U, 3U}) {
        ASSERT_TRUE(check(i));
    }
    const FrameNumber borrowed = *cache.get(object, 7);
    ASSERT_TRUE(check(9));  // now 5 is the oldest
    EXPECT_EQ(cache.reclaim(1), 1U);
    object.fills = 0;
    ASSERT_TRUE(check(9));
    ASSERT_TRUE(check(3));
    EXPECT_EQ(object.fills, 0);
    EXPECT_EQ(cache.reclaim(100), 2U);
    EXPECT_EQ(cache.bytes(borrowed)[0], std::byte{7});
    cache.release(borrowed);
    EXPECT_EQ(cache.reclaim(100), 1U);
}

TEST_F(PageCacheTest, MakesRoomWhenFramesRunOut) {
    std::vector<FrameNumber> hogged;
    while (world.frames.free_frames() > 3) {
        hogged.push_back(*world.frames.allocate(mm::FrameZone::direct));
    }
    for (std::uint32_t i = 0; i < 64; ++i) {
        ASSERT_TRUE(check(i)) << i;
    }
    EXPECT_LE(cache.size(), 3U);
    std::vector<FrameNumber> borrowed;
    for (std::uint32_t i = 0; i < 3; ++i) {
        borrowed.push_back(*cache.get(object, i));
    }
    EXPECT_EQ(check(10).error(), Errc::no_memory);
    for (const auto* frames : {&hogged, &borrowed}) {
        for (const FrameNumber frame : *frames) {
            world.frames.release(frame);
        }
    }
}

TEST_F(PageCacheTest, GivesWayToOthers) {
    mm::ReclaimingFrames<fs_test::Frames> others(world.frames);
    others.add_reclaimer(cache);
    object.count = 10'000;
    for (std::uint32_t i = 0; i < 10'000; ++i) {
        const FrameNumber frame = *cache.get(object, i);
        cache.release(frame);
        ASSERT_GE(world.frames.free_frames(), 8U);  // for those who cannot ask
    }
    const FrameNumber borrowed = *cache.get(object, 9'999);
    std::vector<FrameNumber> taken;
    while (const auto frame = others.allocate(mm::FrameZone::any)) {
        taken.push_back(*frame);
    }
    EXPECT_EQ(taken.size(), world.arena.frames() - 1);  // all but the one that is in use
    EXPECT_EQ(cache.size(), 1U);
    EXPECT_EQ(check(10).error(), Errc::no_memory);
    cache.release(borrowed);
    ASSERT_TRUE(check(10));  // at the expense of the other
    for (const FrameNumber frame : taken) {
        world.frames.release(frame);
    }
}

TEST(PageCacheStress, ConcurrentReadersShareOneFill) {
    World world;
    fs_test::LockedHeap heap;
    {
        PageCache<fs_test::LockedHeap, fs_test::Frames, sim::RamArena, fs_test::StdLock,
                  fs_test::StdQueue>
            cache(heap, world.frames, world.arena);
        Pattern object;
        object.delay = std::chrono::milliseconds(5);
        std::vector<std::thread> threads;
        for (int t = 0; t < 8; ++t) {
            threads.emplace_back([&] {
                for (const std::uint32_t i : {50U, 20U, 40U, 10U}) {
                    const auto frame = cache.get(object, i);
                    ASSERT_TRUE(frame);
                    EXPECT_EQ(cache.bytes(*frame)[0], static_cast<std::byte>(i));
                    cache.release(*frame);
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        EXPECT_EQ(object.fills, 4);
        // And with pages that come and go, and fills that fail.
        threads.clear();
        object.delay = std::chrono::milliseconds(0);
        for (std::uint32_t t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                laws::Random random(t + 1);
                for (int i = 0; i < 2000; ++i) {
                    const std::uint32_t index = random.below(64);
                    object.broken = random.below(64);
                    if (const auto frame = cache.get(object, index)) {
                        EXPECT_EQ(cache.bytes(*frame)[9], static_cast<std::byte>(index));
                        cache.release(*frame);
                    }
                    if (random.below(8) == 0) {
                        cache.reclaim(random.below(16));
                    }
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        cache.forget(object);
    }
    EXPECT_EQ(heap.used_bytes(), 0U);
    EXPECT_TRUE(world.is_clean());
}

}  // namespace
}  // namespace kidney::fs
