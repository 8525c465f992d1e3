/// What the page cache tells its policy; and that with every policy each page has its bytes,
/// whoever goes.
#include "fs/page_cache.hpp"
#include "policies/cache_replacement.hpp"
#include "tests/archetypes/cache_replacement.hpp"
#include "tests/fakes/recording_replacement.hpp"
#include "tests/laws/report.hpp"
#include "tests/support/law_test.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace kidney::fs {

// The books of the cache need nothing beyond the contract.
template class PageIndex<archetypes::CacheReplacement>;

namespace {

using fakes::RecordingReplacement;
using fs_test::World;
using Words = std::vector<std::string>;

template <class Policy>
using CacheOf = PageCache<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock,
                          fs_test::NullQueue, Policy>;

/// Remembers what is written to it.
struct Store final : CachedObject {
    std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(200);
    std::size_t fills = 0;
    Status fill(std::uint32_t first,
                std::span<const std::span<std::byte>> pages) noexcept override {
        ++fills;
        for (const auto page : pages) {
            std::memset(page.data(), bytes[first++], page.size());
        }
        return {};
    }
    Status store(std::uint32_t first, std::span<const StoredPage> pages) noexcept override {
        for (const StoredPage& page : pages) {
            bytes[first++] = static_cast<std::uint8_t>(page.bytes[0]);
        }
        return {};
    }
    std::uint64_t page_count() const noexcept override { return bytes.size(); }
};

struct CacheAndPolicy : testing::Test {
    World world;
    CacheOf<RecordingReplacement> cache{world.heap, world.frames, world.arena, 0};
    Store object;

    void SetUp() override { RecordingReplacement::take(); }
    void TearDown() override {
        cache.forget(object);
        EXPECT_TRUE(world.is_clean());
    }
    void use(std::uint32_t index) {
        const Result<FrameNumber> frame = cache.get(object, index);
        ASSERT_TRUE(frame);
        cache.release(*frame);
    }
};

TEST_F(CacheAndPolicy, APageThatIsReadAheadArrivesWithItsFirstUse) {
    use(0);
    EXPECT_EQ(RecordingReplacement::take(),
              (Words{"expected 0", "asked 0", "ahead 1", "ahead 2", "ahead 3", "ahead 4", "ahead 5",
                     "ahead 6", "ahead 7"}));
    use(1);
    EXPECT_EQ(RecordingReplacement::take(), (Words{"aside 1", "asked 1"}));
    use(1);
    use(0);
    EXPECT_EQ(RecordingReplacement::take(), (Words{"used 1", "used 0"}));
    use(50);
    EXPECT_EQ(RecordingReplacement::take(), (Words{"expected 50", "asked 50"}));
}

TEST_F(CacheAndPolicy, ADirtyPageIsAsideUntilItIsHome) {
    use(50);
    RecordingReplacement::take();
    cache.mark_dirty(object, 50);
    cache.mark_dirty(object, 50);
    use(50);
    use(50);
    EXPECT_EQ(RecordingReplacement::take(), (Words{"aside 50"}));
    EXPECT_EQ(cache.reclaim(10), 0U);
    ASSERT_TRUE(cache.write_back(object));
    EXPECT_EQ(RecordingReplacement::take(), (Words{"back 50", "used 50"}));
    // One that is overwritten as a whole.
    const FrameNumber fresh = *cache.get_fresh(object, 60);
    cache.mark_dirty(object, 60);
    cache.release(fresh);
    EXPECT_EQ(RecordingReplacement::take(), (Words{"asked 60", "aside 60"}));
    // What is cut off while it is dirty comes back only in order to go.
    cache.drop_from(object, 60);
    EXPECT_EQ(RecordingReplacement::take(), (Words{"back 60", "dropped 60"}));
}

TEST_F(CacheAndPolicy, ABorrowedPageIsPassedOver) {
    for (const std::uint32_t index : {10U, 20U, 30U}) {
        use(index);
    }
    const FrameNumber borrowed = *cache.get(object, 10);
    RecordingReplacement::take();
    EXPECT_EQ(cache.reclaim(1), 1U);
    EXPECT_EQ(RecordingReplacement::take(), (Words{"aside 10", "evicted 20", "back 10"}));
    EXPECT_EQ(cache.reclaim(5), 1U);
    EXPECT_EQ(RecordingReplacement::take(), (Words{"evicted 30", "aside 10", "back 10"}));
    cache.release(borrowed);
    cache.drop_pages(object);
    EXPECT_EQ(RecordingReplacement::take(), (Words{"dropped 10"}));
}

TEST_F(CacheAndPolicy, NamesOfObjectsAreNotUsedAgain) {
    std::vector<PageName> names;
    for (int round = 0; round < 3; ++round) {
        Store other;  // most likely where the one before was
        PageIndex<FirstInFirstOut> index({});
        CachedPage page;
        index.link(page, other, 7);
        index.settle(page, Arrival::asked);
        names.push_back(page.name);
        index.unlink(page, Departure::dropped);
    }
    EXPECT_EQ(names[0].page, 7U);
    PageIndex<FirstInFirstOut> index({});
    Store first;
    Store second;
    CachedPage one;
    CachedPage other;
    index.link(one, first, 7);
    index.link(other, second, 7);
    EXPECT_NE(one.name, other.name);
    for (CachedPage* const page : {&one, &other}) {
        index.settle(*page, Arrival::asked);
        index.unlink(*page, Departure::dropped);
    }
}

template <class Policy>
class CacheWithPolicy : public testing::Test {};
TYPED_TEST_SUITE(CacheWithPolicy, test::AsTestTypes<policies::cache_replacement::All>);

/// Two files, more pages than there are frames; pages are read, changed, borrowed, written home and
/// dropped by chance.
TYPED_TEST(CacheWithPolicy, EachPageHasItsBytes) {
    World world;
    alignas(8) std::array<std::byte, 28 * 64> memory{};
    const std::size_t ghosts = or_default::ghost_bytes<TypeParam>(64);
    ASSERT_LE(ghosts, memory.size());
    CacheOf<TypeParam> cache(world.heap, world.frames, world.arena, 8,
                             std::span(memory).first(ghosts));
    std::vector<FrameNumber> hogged;
    while (world.frames.free_frames() > 48) {
        hogged.push_back(*world.frames.allocate(mm::FrameZone::direct));
    }
    std::array<Store, 2> objects;
    std::array<std::vector<std::uint8_t>, 2> expected{objects[0].bytes, objects[1].bytes};
    std::vector<FrameNumber> borrowed;
    laws::Random random(7);
    for (int step = 0; step < 6000; ++step) {
        const std::uint32_t n = random.below(2);
        const std::uint32_t index = random.below(2) == 0 ? random.below(200) : random.below(20);
        const Result<FrameNumber> frame = cache.get(objects[n], index);
        ASSERT_TRUE(frame) << step;
        ASSERT_EQ(static_cast<std::uint8_t>(cache.bytes(*frame)[100]), expected[n][index]) << step;
        if (random.below(4) == 0) {
            std::memset(cache.bytes(*frame).data(), ++expected[n][index], page_size);
            cache.mark_dirty(objects[n], index);
        }
        borrowed.push_back(*frame);
        if (borrowed.size() > 4) {
            const std::size_t which = random.below(5);
            cache.release(borrowed[which]);
            borrowed.erase(borrowed.begin() + static_cast<std::ptrdiff_t>(which));
        }
        if (cache.counts().dirty > 10) {
            ASSERT_TRUE(cache.write_back(objects[random.below(2)]));
        }
        if (random.below(500) == 0) {
            cache.drop_pages(objects[n]);
        }
    }
    EXPECT_LT(objects[0].fills + objects[1].fills, 6000U);
    for (const auto* frames : {&hogged, &borrowed}) {
        for (const FrameNumber frame : *frames) {
            world.frames.release(frame);
        }
    }
    for (Store& object : objects) {
        cache.forget(object);
    }
    EXPECT_TRUE(world.is_clean());
}

}  // namespace
}  // namespace kidney::fs
