/// Write-back beside writers, reclaim and truncation, on threads.
#include "fs/page_cache.hpp"
#include "tests/laws/report.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace kidney::fs {
namespace {

using fs_test::World;

/// A file in memory of which every byte is atomic, because it is written while it changes.
struct SharedHome final : CachedObject {
    static constexpr std::uint32_t count = 32;
    std::array<std::atomic<std::uint32_t>, count> words{};
    std::atomic<std::uint32_t> stores = 0;
    std::atomic<bool> broken = false;

    static std::atomic_ref<std::uint32_t> word(std::span<std::byte> page) noexcept {
        return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(page.data()));
    }
    Status fill(std::uint32_t first, std::span<const std::span<std::byte>> to) noexcept override {
        for (const auto page : to) {
            word(page) = words[first++].load();
        }
        return {};
    }
    Status store(std::uint32_t first, std::span<const StoredPage> from) noexcept override {
        if (++stores % 7 == 0 && broken) {
            return fail(Errc::io_error);
        }
        std::this_thread::yield();
        for (const StoredPage& page : from) {
            auto* const bytes = const_cast<std::byte*>(page.bytes.data());
            words[first++] = word({bytes, page_size}).load();
        }
        return {};
    }
    std::uint64_t page_count() const noexcept override { return count; }
};

TEST(WriteBackStress, WritersAndWriteBackAndReclaim) {
    World world;
    fs_test::LockedHeap heap;
    {
        PageCache<fs_test::LockedHeap, fs_test::Frames, sim::RamArena, fs_test::StdLock,
                  fs_test::StdQueue>
            cache(heap, world.frames, world.arena);
        SharedHome object;
        object.broken = true;
        // Each page belongs to one writer, who only counts up: a lost change goes back in time.
        std::vector<std::thread> threads;
        for (std::uint32_t t = 0; t < 2; ++t) {
            threads.emplace_back([&, t] {
                laws::Random random(t + 1);
                std::array<std::uint32_t, SharedHome::count> mine{};
                for (int i = 0; i < 4000; ++i) {
                    const std::uint32_t index = random.below(SharedHome::count / 2) * 2 + t;
                    const auto frame = cache.get(object, index);
                    ASSERT_TRUE(frame);
                    auto word = SharedHome::word(cache.bytes(*frame));
                    ASSERT_EQ(word.load(), mine[index]);
                    word = ++mine[index];
                    cache.mark_dirty(object, index);
                    cache.release(*frame);
                    if (random.below(16) == 0) {
                        cache.reclaim(random.below(8));
                    }
                    if (random.below(64) == 0 && cache.write_back(object, {index, index})) {
                        ASSERT_EQ(object.words[index].load(), mine[index]);
                    }
                }
            });
        }
        std::atomic<bool> done = false;
        std::thread flusher([&] {
            while (!done) {
                ignore_error(cache.write_back(object), "it comes again");
                cache.drop_pages(object);
            }
        });
        for (std::thread& thread : threads) {
            thread.join();
        }
        done = true;
        flusher.join();
        object.broken = false;
        ASSERT_TRUE(cache.write_back(object));
        EXPECT_EQ(cache.counts().dirty, 0U);
        std::uint32_t total = 0;
        for (const auto& word : object.words) {
            total += word;
        }
        EXPECT_EQ(total, 8000U);
        cache.forget(object);
    }
    EXPECT_EQ(heap.used_bytes(), 0U);
    EXPECT_TRUE(world.is_clean());
}

/// A flusher on a thread.
struct Flushing final : DirtyWatcher {
    std::atomic<bool> asked = false;
    void flush_soon() noexcept override { asked = true; }
};

/// Writers that throttle, over a disk that works or does not; returns how much was dirty at most.
std::size_t write_throttled(bool disk_works) {
    World world;
    fs_test::LockedHeap heap;
    std::size_t most = 0;
    {
        PageCache<fs_test::LockedHeap, fs_test::Frames, sim::RamArena, fs_test::StdLock,
                  fs_test::StdQueue>
            cache(heap, world.frames, world.arena);
        SharedHome object;
        Flushing watcher;
        cache.set_dirty_limit(4, watcher);
        std::atomic<bool> done = false;
        std::thread flusher([&] {
            while (!done) {
                if (watcher.asked.exchange(false)) {
                    if (disk_works) {
                        EXPECT_TRUE(cache.write_back(object));
                    }
                    cache.end_flush_round();
                }
                std::this_thread::yield();
            }
        });
        for (std::uint32_t i = 0; i < 20 * SharedHome::count; ++i) {
            cache.throttle();
            const auto frame = cache.get_fresh(object, i % SharedHome::count);
            cache.mark_dirty(object, i % SharedHome::count);
            cache.release(*frame);
            most = std::max(most, cache.counts().dirty);
        }
        done = true;
        flusher.join();
        cache.forget(object);
    }
    EXPECT_TRUE(world.is_clean());
    return most;
}

TEST(WriteBackStress, WritersWaitForTheFlusherUnlessItGetsNowhere) {
    EXPECT_LE(write_throttled(true), 5U);
    EXPECT_EQ(write_throttled(false), SharedHome::count);
}

TEST(WriteBackStress, TruncationWaitsForWhatIsOnItsWay) {
    World world;
    fs_test::LockedHeap heap;
    {
        PageCache<fs_test::LockedHeap, fs_test::Frames, sim::RamArena, fs_test::StdLock,
                  fs_test::StdQueue>
            cache(heap, world.frames, world.arena);
        SharedHome object;
        for (int round = 0; round < 500; ++round) {
            for (std::uint32_t index = 0; index < SharedHome::count; ++index) {
                const FrameNumber frame = *cache.get_fresh(object, index);
                cache.mark_dirty(object, index);
                cache.release(frame);
            }
            const std::uint32_t before = object.stores;
            std::thread writer([&] { EXPECT_TRUE(cache.write_back(object)); });
            while (object.stores == before) {
                std::this_thread::yield();
            }
            cache.drop_from(object, 8);
            const std::uint32_t stores = object.stores;
            EXPECT_EQ(cache.size(), 8U);
            writer.join();
            EXPECT_LE(object.stores - stores, 1U) << "a page was written after it was gone";
            EXPECT_EQ(cache.counts().dirty, 0U);
        }
        cache.forget(object);
    }
    EXPECT_EQ(heap.used_bytes(), 0U);
    EXPECT_TRUE(world.is_clean());
}

}  // namespace
}  // namespace kidney::fs
