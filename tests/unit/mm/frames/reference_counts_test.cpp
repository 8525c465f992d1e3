/// Counts of references beyond what a byte holds.
#include "mm/reference_counts.hpp"

#include "sim/ram_arena.hpp"
#include "tests/support/std_cpu.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

namespace kidney::mm {
namespace {

using Counts = ReferenceCounts<test::StdCpu, sim::RamArena, NullLock>;

constexpr FrameRange span{FrameNumber(0x100), 3000};  // three groups
constexpr std::uint32_t in_place = 117;

/// Counts, and the pages that they take.
struct World {
    World() {
        counts.attach(span, metadata, ram);
        for (std::uint32_t n = 0; n < 8; ++n) {
            pages.push_back(FrameNumber(n));
        }
    }
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder) noexcept {
        if (pages.empty()) {
            return fail(Errc::no_memory);
        }
        const FrameNumber page = pages.back();
        pages.pop_back();
        std::memset(ram.direct(page).data(), 0xAA, page_size);
        return page;
    }
    void free(FrameNumber page, FrameOrder) noexcept { pages.push_back(page); }
    [[nodiscard]] std::size_t pages_taken() const { return 8 - pages.size(); }

    void retain(FrameNumber frame, std::uint32_t times) {
        for (std::uint32_t n = 0; n < times; ++n) {
            ASSERT_TRUE(counts.add(frame, *this));
        }
    }
    /// All but the last.
    void release(FrameNumber frame, std::uint32_t times) {
        for (std::uint32_t n = 0; n < times; ++n) {
            ASSERT_FALSE(counts.remove(frame, *this));
        }
    }

    sim::RamArena ram{64};
    std::vector<std::byte> metadata = std::vector<std::byte>(Counts::metadata_bytes(span));
    Counts counts;
    std::vector<FrameNumber> pages;
};

TEST(ReferenceCounts, GoUpAndDownAcrossEveryBorder) {
    World world;
    const FrameNumber frame = span.first + 77;
    world.counts.begin(frame);
    for (std::uint32_t n = 1; n <= 66'000; ++n) {
        ASSERT_EQ(world.counts.of(frame), n);
        ASSERT_EQ(world.pages_taken(), n > in_place ? 1U : 0U) << n;
        ASSERT_TRUE(world.counts.add(frame, world));
    }
    for (std::uint32_t n = 66'001; n > 1; --n) {
        ASSERT_EQ(world.counts.of(frame), n);
        ASSERT_FALSE(world.counts.remove(frame, world)) << n;
    }
    EXPECT_EQ(world.counts.of(frame), 1U);
    EXPECT_EQ(world.pages_taken(), 0U) << "a page is kept for nothing";
    EXPECT_TRUE(world.counts.remove(frame, world));
    EXPECT_EQ(world.counts.of(frame), 0U);
}

/// Some of one group, some at its borders, some elsewhere: none counts for another.
TEST(ReferenceCounts, FramesThatShareAPageAreCountedApart) {
    World world;
    const std::uint32_t places[] = {0, 1, 500, 1023, 1024, 2047, 2048, 2999};
    std::vector<std::uint32_t> expected(std::size(places), 1);
    for (const std::uint32_t place : places) {
        world.counts.begin(span.first + place);
    }
    std::mt19937 random(7);
    for (int round = 0; round < 3000; ++round) {
        const std::size_t n = random() % std::size(places);
        const FrameNumber frame = span.first + places[n];
        const std::uint32_t step = random() % 300;
        if (random() % 2 == 0) {
            world.retain(frame, step);
            expected[n] += step;
        } else {
            const std::uint32_t down = std::min(step, expected[n] - 1);
            world.release(frame, down);
            expected[n] -= down;
        }
        for (std::size_t other = 0; other < std::size(places); ++other) {
            ASSERT_EQ(world.counts.of(span.first + places[other]), expected[other]);
        }
    }
    EXPECT_EQ(world.counts.of(span.first + 2), 0U);
    for (std::size_t n = 0; n < std::size(places); ++n) {
        world.release(span.first + places[n], expected[n] - 1);
        EXPECT_TRUE(world.counts.remove(span.first + places[n], world));
    }
    EXPECT_EQ(world.pages_taken(), 0U);
}

TEST(ReferenceCounts, WithoutAPageNothingChanges) {
    World world;
    const FrameNumber frame = span.first;
    const FrameNumber neighbour = span.first + 9;
    const FrameNumber stranger = span.first + 1500;
    for (const FrameNumber each : {frame, neighbour, stranger}) {
        world.counts.begin(each);
        world.retain(each, in_place - 1);
    }
    const std::vector<FrameNumber> pages = std::exchange(world.pages, {});
    for (int again = 0; again < 3; ++again) {
        EXPECT_EQ(world.counts.add(frame, world).error(), Errc::no_memory);
        EXPECT_EQ(world.counts.of(frame), in_place);
    }
    world.release(frame, 5);
    world.retain(frame, 5);
    world.pages = {pages[0]};
    world.retain(frame, 1000);
    world.retain(neighbour, 1000);  // the page is there
    EXPECT_EQ(world.counts.add(stranger, world).error(), Errc::no_memory);
    EXPECT_EQ(world.counts.of(stranger), in_place);
    world.release(frame, in_place + 1000 - 1);
    EXPECT_EQ(world.counts.add(stranger, world).error(), Errc::no_memory);
    world.release(neighbour, in_place + 1000 - 1);
    world.retain(stranger, 1000);  // has the page that they gave back
    EXPECT_EQ(world.counts.of(stranger), in_place + 1000);
    EXPECT_EQ(world.counts.of(frame), 1U);
}

/// At its limit a frame that is shared and left, over and over, keeps its page.
TEST(ReferenceCounts, APageDoesNotComeAndGoAtTheLimit) {
    World world;
    const FrameNumber frame = span.first;
    world.counts.begin(frame);
    world.retain(frame, in_place);
    for (int round = 0; round < 100; ++round) {
        world.release(frame, 30);
        EXPECT_EQ(world.pages_taken(), 1U);
        world.retain(frame, 30);
    }
    world.release(frame, in_place);
    EXPECT_EQ(world.pages_taken(), 0U);
}

TEST(ReferenceCounts, ArePaidWithAByte) {
    constexpr FrameRange all{FrameNumber(0), 1U << 20};
    EXPECT_LE(Counts::metadata_bytes(all) * 8, all.count * 8.1);
}

TEST(ReferenceCountsDeathTest, KnowFreeFrames) {
    World world;
    const FrameNumber frame = span.first;
    world.counts.begin(frame);
    world.retain(frame, 200);
    world.release(frame, 200);
    ASSERT_TRUE(world.counts.remove(frame, world));
    EXPECT_DEATH(static_cast<void>(world.counts.remove(frame, world)), "released a free frame");
    EXPECT_DEATH(static_cast<void>(world.counts.add(frame, world)), "retained a free frame");
    EXPECT_DEATH(static_cast<void>(world.counts.of(span.end())), "not a frame of RAM");
}

TEST(ReferenceCountsDeathTest, ABlockIsLiveInItsOrderAndHasNoReferences) {
    World world;
    const FrameNumber first = span.first + 8;
    for (std::uint8_t k = 1; k <= max_order.value(); ++k) {
        const FrameOrder order(k);
        world.counts.begin_block(first, order);
        EXPECT_EQ(world.counts.of(first), 0U);
        EXPECT_DEATH(static_cast<void>(world.counts.add(first, world)), "retained a block");
        EXPECT_DEATH(static_cast<void>(world.counts.remove(first, world)), "released a free frame");
        EXPECT_DEATH(world.counts.end_block(first, FrameOrder(k == 1 ? 2 : k - 1)), "not live");
        world.counts.end_block(first, order);
        EXPECT_DEATH(world.counts.end_block(first, order), "not live");
    }
    // A frame with as many references as a byte holds is no block, nor is one with more.
    world.counts.begin(first);
    world.retain(first, in_place - 1);
    EXPECT_DEATH(world.counts.end_block(first, FrameOrder(1)), "not live");
    world.retain(first, 1);
    EXPECT_DEATH(world.counts.end_block(first, FrameOrder(1)), "not live");
}

}  // namespace
}  // namespace kidney::mm
