/// Pages that are changed and go home: what is written, when, in which requests, and what happens
/// when it fails or when something changes meanwhile.
#include "fs/cache/sector_phases.hpp"
#include "fs/page_cache.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <vector>

namespace kidney::fs {
namespace {

using fs_test::World;

static_assert(sectors_of(0, 4096) == all_sectors);
static_assert(sectors_of(511, 513) == 0b11);
static_assert(sectors_of(1024, 2048) == 0b1100);
static_assert([] {
    SectorPhases phases;
    phases.raise(0b0110, Phase{3});
    phases.raise(0b1100, Phase{2});  // sector 2 stays where it was
    SectorPhases third = phases.only(Phase{3});
    return phases.sectors() == 0b1110 && third.sectors() == 0b0110 &&
           phases.only(Phase{2}).sectors() == 0b1000 && !phases.only(Phase{1}).any();
}());
static_assert([] {  // each sector alone, and what was said of its neighbours
    for (unsigned mask = 0; mask <= all_sectors; ++mask) {
        const auto sectors = static_cast<SectorMask>(mask);
        SectorPhases phases;
        phases.raise(0b0101'0101, Phase{7});
        phases.raise(sectors, last_phase);
        const bool is_raised = phases.only(last_phase).sectors() == sectors &&
                               phases.sectors() == (sectors | 0b0101'0101);
        phases.clear(sectors);
        if (!is_raised || phases.sectors() != (0b0101'0101 & ~sectors)) {
            return false;
        }
    }
    return true;
}());

/// A file whose home is a map of pages.
struct Home final : CachedObject {
    struct Request {
        std::uint32_t first = 0;
        std::vector<SectorMask> sectors;
    };
    std::map<std::uint32_t, std::array<std::byte, page_size>> pages;
    std::vector<Request> requests;
    std::function<Status(std::uint32_t first, std::size_t count)> before_storing =
        [](std::uint32_t, std::size_t) { return Status(); };

    Status fill(std::uint32_t first, std::span<const std::span<std::byte>> to) noexcept override {
        for (const auto page : to) {
            std::memcpy(page.data(), pages[first++].data(), page_size);
        }
        return {};
    }
    Status store(std::uint32_t first, std::span<const StoredPage> from) noexcept override {
        TRY(before_storing(first, from.size()));
        requests.push_back({first, {}});
        for (const StoredPage& page : from) {
            requests.back().sectors.push_back(page.sectors);
            for (std::size_t n = 0; n < sectors_per_page; ++n) {
                if ((page.sectors >> n & 1U) != 0) {
                    std::memcpy(pages[first].data() + n * sector_size,
                                page.bytes.data() + n * sector_size, sector_size);
                }
            }
            ++first;
        }
        return {};
    }
    std::uint64_t page_count() const noexcept override { return 1000; }
    char at(std::uint32_t page, std::size_t offset = 0) {
        return static_cast<char>(pages[page][offset]);
    }
};

using Cache =
    PageCache<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::NullQueue>;

struct WriteBackTest : testing::Test {
    World world;
    Cache cache{world.heap, world.frames, world.arena};
    Home object;

    void TearDown() override {
        cache.forget(object);
        const CacheCounts counts = cache.counts();
        EXPECT_EQ(counts.pages + counts.dirty + counts.being_written, 0U);
        EXPECT_TRUE(world.is_clean());
    }
    Status put(std::uint32_t index, char value, SectorMask sectors = all_sectors,
               Phase phase = first_phase) {
        const FrameNumber frame = TRY(cache.get_fresh(object, index));
        for (std::size_t n = 0; n < sectors_per_page; ++n) {
            if ((sectors >> n & 1U) != 0) {
                std::memset(cache.bytes(frame).data() + n * sector_size, value, sector_size);
            }
        }
        cache.mark_dirty(object, index, sectors, phase);
        cache.release(frame);
        return {};
    }
    char now(std::uint32_t index, std::size_t offset = 0) {
        const FrameNumber frame = *cache.get(object, index);
        const char value = static_cast<char>(cache.bytes(frame)[offset]);
        cache.release(frame);
        return value;
    }
};

TEST_F(WriteBackTest, SortsAndCoalesces) {
    for (const std::uint32_t index : {7U, 40U, 5U, 6U, 41U, 3U}) {
        ASSERT_TRUE(put(index, static_cast<char>('a' + index)));
    }
    EXPECT_EQ(cache.counts().dirty, 6U);
    ASSERT_TRUE(cache.write_back(object));
    ASSERT_EQ(object.requests.size(), 3U);
    EXPECT_EQ(object.requests[0].first, 3U);
    EXPECT_EQ(object.requests[1].first, 5U);
    EXPECT_EQ(object.requests[1].sectors.size(), 3U);
    EXPECT_EQ(object.requests[2].first, 40U);
    EXPECT_EQ(object.at(6), 'g');
    EXPECT_EQ(cache.counts().dirty, 0U);
    ASSERT_TRUE(cache.write_back(object));
    EXPECT_EQ(object.requests.size(), 3U);
}

TEST_F(WriteBackTest, LongRunsAreSplitAndRangesKept) {
    for (std::uint32_t index = 100; index < 170; ++index) {
        ASSERT_TRUE(put(index, 'r'));
    }
    ASSERT_TRUE(cache.write_back(object, {110, 149}));
    ASSERT_EQ(object.requests.size(), 2U);
    EXPECT_EQ(object.requests[0].sectors.size(), 32U);
    EXPECT_EQ(object.requests[1].first, 142U);
    EXPECT_EQ(object.requests[1].sectors.size(), 8U);
    EXPECT_EQ(cache.counts().dirty, 30U);
    ASSERT_TRUE(put(~std::uint32_t{0}, 'z'));  // the last page that there can be
    ASSERT_TRUE(cache.write_back(object));
    EXPECT_EQ(cache.counts().dirty, 0U);
    EXPECT_EQ(object.at(~std::uint32_t{0}), 'z');
}

TEST_F(WriteBackTest, OnlyDirtySectorsOfThePhaseGoHome) {
    object.pages[4].fill(std::byte{'o'});
    ASSERT_EQ(now(4), 'o');
    ASSERT_TRUE(put(4, 'a', 0b0000'0011, Phase{1}));
    ASSERT_TRUE(put(4, 'b', 0b0000'1100, Phase{3}));
    ASSERT_TRUE(put(4, 'c', 0b0000'0110, Phase{2}));  // sector 1 now waits for phase 2
    ASSERT_TRUE(put(5, 'd', 0b1000'0000, Phase{2}));
    EXPECT_TRUE(cache.has_dirty(object, Phase{2}));
    EXPECT_FALSE(cache.has_dirty(object, Phase{4}));
    ASSERT_TRUE(cache.write_back(object, {}, Phase{1}));
    EXPECT_EQ(object.requests.back().sectors, std::vector<SectorMask>{0b1});
    EXPECT_EQ(object.at(4, 0), 'a');
    EXPECT_EQ(object.at(4, 512), 'o');
    ASSERT_TRUE(cache.write_back(object, {}, Phase{2}));
    EXPECT_EQ(object.requests.back().sectors, (std::vector<SectorMask>{0b10, 0b1000'0000}));
    EXPECT_EQ(cache.counts().dirty, 1U);
    ASSERT_TRUE(cache.write_back(object, {}, Phase{3}));
    EXPECT_EQ(object.requests.back().sectors, std::vector<SectorMask>{0b1100});
    EXPECT_EQ(object.at(4, 1024), 'c');
    EXPECT_EQ(object.at(4, 1536), 'b');
    EXPECT_EQ(object.at(4, 2048), 'o');
}

TEST_F(WriteBackTest, DirtyPagesAreNotReclaimed) {
    for (std::uint32_t index = 0; index < 10; ++index) {
        ASSERT_TRUE(put(index, 'd'));
    }
    EXPECT_EQ(now(500), 0);
    cache.drop_pages(object);
    EXPECT_EQ(cache.reclaim(100), 0U);
    EXPECT_EQ(cache.size(), 10U);
    for (const bool works : {false, true}) {
        object.before_storing = [&](std::uint32_t, std::size_t) {
            EXPECT_EQ(cache.reclaim(100), 0U);  // not while it is on its way either
            EXPECT_EQ(cache.counts().being_written, 10U);
            return works ? Status() : Status(fail(Errc::io_error));
        };
        EXPECT_EQ(cache.write_back(object).has_value(), works);
        EXPECT_EQ(cache.counts().dirty, works ? 0U : 10U);
    }
    EXPECT_EQ(cache.reclaim(100), 10U);
}

TEST_F(WriteBackTest, AnErrorIsCountedAndNothingIsLost) {
    for (const std::uint32_t index : {1U, 2U, 20U, 30U}) {
        ASSERT_TRUE(put(index, static_cast<char>('a' + index)));
    }
    for (std::size_t bad = 0; bad < 3; ++bad) {
        std::size_t n = 0;
        object.before_storing = [&](std::uint32_t, std::size_t) {
            return n++ == bad ? Status(fail(Errc::io_error)) : Status();
        };
        const std::uint32_t errors = object.write_errors();
        EXPECT_EQ(cache.write_back(object).error(), Errc::io_error);
        EXPECT_EQ(object.write_errors(), errors + 1);
        EXPECT_EQ(cache.counts().dirty, bad == 0 ? 2U : 1U);
        object.before_storing = [](std::uint32_t, std::size_t) { return Status(); };
        ASSERT_TRUE(cache.write_back(object));
        EXPECT_EQ(object.write_errors(), errors + 1);
        for (const std::uint32_t index : {1U, 2U, 20U, 30U}) {
            EXPECT_EQ(object.at(index), static_cast<char>('a' + index));
            ASSERT_TRUE(put(index, static_cast<char>('a' + index)));
        }
    }
}

TEST_F(WriteBackTest, APageThatChangesOnItsWayComesAgain) {
    ASSERT_TRUE(put(3, 'a', 0b1, Phase{2}));
    for (const bool works : {false, true}) {
        object.before_storing = [&](std::uint32_t, std::size_t) {
            EXPECT_TRUE(put(3, 'b', 0b10, Phase{4}));
            return works ? Status() : Status(fail(Errc::io_error));
        };
        EXPECT_EQ(cache.write_back(object, {}, Phase{2}).has_value(), works);
        EXPECT_EQ(cache.has_dirty(object, Phase{2}), !works);
        EXPECT_TRUE(cache.has_dirty(object, Phase{4}));
    }
    object.before_storing = [](std::uint32_t, std::size_t) { return Status(); };
    ASSERT_TRUE(cache.write_back(object));
    EXPECT_EQ(object.at(3, 512), 'b');
    EXPECT_EQ(cache.counts().dirty, 0U);
}

TEST_F(WriteBackTest, WhatIsTruncatedOrFreedNeverGoesHome) {
    for (std::uint32_t index = 0; index < 8; ++index) {
        ASSERT_TRUE(put(index, 't'));
    }
    const FrameNumber borrowed = *cache.get(object, 6);
    cache.drop_from(object, 4);
    EXPECT_EQ(cache.counts().dirty, 4U);
    cache.mark_dirty(object, 6);  // somebody was about to
    cache.release(borrowed);
    cache.mark_clean(object, 1, all_sectors);
    cache.mark_clean(object, 2, 0b1);
    cache.mark_clean(object, 900, 0b1);
    ASSERT_TRUE(cache.write_back(object));
    EXPECT_FALSE(object.pages.contains(1));
    EXPECT_FALSE(object.pages.contains(6));
    EXPECT_EQ(object.at(2, 0), 0);
    EXPECT_EQ(object.at(2, 512), 't');
    EXPECT_EQ(object.at(3), 't');
}

TEST_F(WriteBackTest, FreshPagesAreZerosAndReadNothing) {
    object.pages[9].fill(std::byte{'o'});
    const FrameNumber frame = *cache.get_fresh(object, 9);
    EXPECT_EQ(cache.bytes(frame)[4095], std::byte{0});
    cache.release(frame);
    cache.drop_pages(object);
    EXPECT_EQ(now(9), 'o');
    const FrameNumber found = *cache.get_fresh(object, 9);
    EXPECT_EQ(cache.bytes(found)[0], std::byte{'o'});
    cache.release(found);
    ASSERT_TRUE(put(9, 'x'));
    cache.drop_pages(object);
    EXPECT_EQ(now(9), 'x');
}

TEST_F(WriteBackTest, EveryAllocationMayFail) {
    object.pages[9].fill(std::byte{'o'});
    for (fakes::CallCounter* const source : {static_cast<fakes::CallCounter*>(&world.heap),
                                             static_cast<fakes::CallCounter*>(&world.frames)}) {
        std::size_t n = 1;
        for (;; ++n) {
            source->fail_at(n);
            const Status status = put(9, 'x');
            const bool failed = source->has_failed();
            source->fail_at(0);
            EXPECT_EQ(status.has_value(), !failed);
            if (!failed) {
                break;
            }
            EXPECT_EQ(status.error(), Errc::no_memory);
            EXPECT_EQ(now(9), 'o') << "a fresh page that nobody got stays behind";
            cache.drop_pages(object);
        }
        EXPECT_GT(n, 1U);
        // Writing back needs no memory.
        source->fail_at(1);
        EXPECT_TRUE(cache.write_back(object));
        EXPECT_FALSE(source->has_failed());
        source->fail_at(0);
        object.pages[9].fill(std::byte{'o'});
        cache.forget(object);
    }
}

/// Remembers that it was asked.
struct Asked final : DirtyWatcher {
    int times = 0;
    void flush_soon() noexcept override { ++times; }
};

TEST_F(WriteBackTest, TheWatcherHearsOfTooMuchAndOfShortMemory) {
    Asked watcher;
    EXPECT_EQ(cache.reclaim(1), 0U);
    cache.set_dirty_limit(3, watcher);
    cache.throttle();  // does not wait, or the only thread would
    for (std::uint32_t index = 0; index < 4; ++index) {
        EXPECT_EQ(watcher.times, 0);
        ASSERT_TRUE(put(index, 'd'));
    }
    EXPECT_EQ(watcher.times, 1);
    ASSERT_TRUE(cache.write_back(object, {0, 1}));
    cache.throttle();
    EXPECT_EQ(cache.reclaim(2), 2U);
    EXPECT_EQ(watcher.times, 1);
    EXPECT_EQ(cache.reclaim(2), 0U);  // there are only dirty ones
    EXPECT_EQ(watcher.times, 2);
    ASSERT_TRUE(cache.write_back(object));
    EXPECT_EQ(cache.reclaim(9), 2U);
    EXPECT_EQ(watcher.times, 2);  // it could not help
}

}  // namespace
}  // namespace kidney::fs
