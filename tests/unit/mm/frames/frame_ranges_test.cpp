/// Ranges of frames: the laws, wrappers that pass them on, and what a policy without them gives.
#include "mm/frames/frame_ranges.hpp"

#include "mm/frames/buddy_bitmap.hpp"
#include "mm/frames/fullest_region.hpp"
#include "mm/locked_frames.hpp"
#include "mm/magazines.hpp"
#include "mm/trace/recorded_frames.hpp"
#include "tests/laws/frame_ranges_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/support/std_cpu.hpp"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <vector>

namespace kidney::mm {
namespace {

struct Recorder {
    static inline FrameTrace trace;
};

template <class Policy>
using AtHand = Magazines<Locked<Policy, NullLock>, test::StdCpu, hal::NoPin>;

template <class A>
void keep_laws(laws::Report& report, std::uint32_t seed) {
    std::vector<std::byte> metadata(A::metadata_bytes(laws::frame_ranges::span));
    laws::run_laws<laws::FrameRangesLaws<A>>(report, std::span(metadata), seed);
}

template <class A>
class FrameRangesOf : public testing::Test {};
using Models =
    testing::Types<FullestRegion, RecordedFrames<FullestRegion, Recorder>, AtHand<FullestRegion>>;
TYPED_TEST_SUITE(FrameRangesOf, Models);

TYPED_TEST(FrameRangesOf, KeepTheLaws) {
    for (const std::uint32_t seed : {1U, 2U, 3U}) {
        test::LawReport report;
        keep_laws<TypeParam>(report, seed);
        test::expect_laws_held(report);
    }
}

// The laws notice what may go wrong.

/// Looks only where a range starts.
struct IgnoresTheRest : FullestRegion {
    Result<FrameNumber> take_range(std::uint32_t count, FrameOrder alignment) noexcept {
        const Result<FrameNumber> range = FullestRegion::take_range(count, alignment);
        if (range && count > 1) {
            for_each_block({*range + (count - 1), 1}, [&](FrameNumber first, FrameOrder order) {
                if (count % 2 != 0 && first.value() % 2 == 0) {
                    FullestRegion::free(first, order);  // a frame short
                }
            });
        }
        return range;
    }
};
struct HasNoneBeyondABlock : FullestRegion {
    Result<FrameNumber> take_range(std::uint32_t count, FrameOrder alignment) noexcept {
        return count > max_order.frames() ? Result<FrameNumber>(fail(Errc::no_memory))
                                          : FullestRegion::take_range(count, alignment);
    }
};
struct IgnoresAlignment : FullestRegion {
    Result<FrameNumber> take_range(std::uint32_t count, FrameOrder) noexcept {
        return FullestRegion::take_range(count, FrameOrder(0));
    }
};

template <class A>
class WrongRanges : public testing::Test {};
using Mutants = testing::Types<IgnoresTheRest, HasNoneBeyondABlock, IgnoresAlignment>;
TYPED_TEST_SUITE(WrongRanges, Mutants);

TYPED_TEST(WrongRanges, BreakALaw) {
    EXPECT_EXIT(
        {
            laws::Report report;
            keep_laws<TypeParam>(report, 1);
            std::exit(report.passed() ? 0 : 1);
        },
        [](int status) { return status != 0; }, "");
}

constexpr FrameRange all{FrameNumber(0x400), 0x1000};

template <class A>
struct Ready : A {
    Ready() : metadata(A::metadata_bytes(all)) {
        A::attach(all, metadata);
        A::add_region(all);
    }
    std::vector<std::byte> metadata;
};

TEST(FrameRanges, AShortOneBreaksNoWholeRegion) {
    Ready<FullestRegion> frames;
    const FrameNumber single = *frames.allocate(FrameOrder(0));
    const FrameNumber range = *frames.take_range(300, FrameOrder(0));
    EXPECT_EQ(range.value() / region_frames, single.value() / region_frames);
    for (int n = 0; n < 7; ++n) {
        EXPECT_TRUE(frames.allocate(FrameOrder(region_order)));
    }
}

TEST(FrameRanges, AreNotRefusedWhileCpusKeepFrames) {
    Ready<AtHand<FullestRegion>> frames;
    std::vector<FrameNumber> taken;
    while (const auto frame = frames.allocate(FrameOrder(0))) {
        taken.push_back(*frame);
    }
    for (const FrameNumber frame : taken) {
        frames.free(frame, FrameOrder(0));
    }
    EXPECT_LT(frames.free_below(), all.count);
    EXPECT_EQ(*frames.take_range(all.count, FrameOrder(10)), all.first);
    EXPECT_FALSE(frames.take_range(1, FrameOrder(0)));
    give_back_range(frames, all, FrameOrder(10));
    EXPECT_EQ(frames.free_frames(), all.count);
}

TEST(FrameRangesDeathTest, AreNotGivenBackTwice) {
    Ready<AtHand<FullestRegion>> frames;
    const FrameRange range{*frames.take_range(7, FrameOrder(0)), 7};
    EXPECT_DEATH(frames.free(range.first, FrameOrder(3)), "not live") << "no block";
    give_back_range(frames, range, FrameOrder(0));
    EXPECT_DEATH(give_back_range(frames, range, FrameOrder(0)), "not live");
}

/// One block around it, and none longer than the largest.
TEST(FrameRanges, OfAPolicyThatHasOnlyBlocks) {
    static_assert(!FrameRanges<BuddyBitmap> && !FrameRanges<AtHand<BuddyBitmap>>);
    Ready<AtHand<BuddyBitmap>> frames;
    const Result<FrameNumber> range = take_range(frames, 12, FrameOrder(2));
    ASSERT_TRUE(range);
    EXPECT_EQ(range->value() % 4, 0U);
    EXPECT_EQ(frames.free_frames(), all.count - 16U);
    const Result<FrameNumber> single = take_range(frames, 1, FrameOrder(0));
    ASSERT_TRUE(single);
    EXPECT_FALSE(take_range(frames, 1025, FrameOrder(0)));
    EXPECT_FALSE(take_range(frames, 1, FrameOrder(11)));
    give_back_range(frames, {*range, 12}, FrameOrder(2));
    give_back_range(frames, {*single, 1}, FrameOrder(0));
    EXPECT_EQ(frames.free_frames(), all.count);
}

}  // namespace
}  // namespace kidney::mm
