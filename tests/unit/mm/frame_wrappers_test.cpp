/// Wrappers of frame policies: they keep the laws, and what they tell is true.
#include "mm/frames/buddy_bitmap.hpp"
#include "mm/frames/fullest_region.hpp"
#include "mm/frames/llfree.hpp"
#include "mm/frames/measured.hpp"
#include "mm/frames/next_fit.hpp"
#include "mm/frames/owned.hpp"
#include "mm/trace/recorded_frames.hpp"
#include "tests/laws/frame_allocator_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/support/std_cpu.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace kidney::mm {
namespace {

/// Whoever the test says.
struct Asker {
    static std::uint32_t current() noexcept { return number; }
    static inline std::uint32_t number = 0;
};

struct Recorder {
    static inline FrameTrace trace;
};

/// The wrapper has the abilities that the policy has, and no others.
template <class P>
constexpr bool is_transparent = []() {
    using Wrapped = RecordedFrames<P, Recorder>;
    return FrameBatches<Wrapped> == FrameBatches<P> && FrameRanges<Wrapped> == FrameRanges<P> &&
           ReuseHint<Wrapped> == ReuseHint<P> && FreeRows<Wrapped> == FreeRows<P> &&
           SharedFrameAllocator<Wrapped> == SharedFrameAllocator<P>;
}();
static_assert(is_transparent<NextFit> && is_transparent<BuddyBitmap> &&
              is_transparent<FullestRegion> && is_transparent<LlFreeAllocator<test::StdCpu>>);

template <class A>
class FrameWrapper : public testing::Test {};
using Wrappers = testing::Types<Measured<NextFit>, Owned<NextFit, Asker>,
                                Measured<Owned<Measured<NextFit>, Asker>>,
                                RecordedFrames<BuddyBitmap, Recorder>>;
TYPED_TEST_SUITE(FrameWrapper, Wrappers);

TYPED_TEST(FrameWrapper, KeepsTheLaws) {
    static_assert(FrameAllocator<TypeParam>);
    auto workspace = std::make_unique<laws::FrameLawWorkspace>();
    std::vector<std::byte> metadata(laws::frame_law_metadata_bytes<TypeParam>());
    workspace->metadata = metadata;
    test::LawReport report;
    laws::run_laws<laws::FrameAllocatorLaws<TypeParam>>(report, *workspace, 1U);
    test::expect_laws_held(report);
}

constexpr FrameRange span{FrameNumber(0x100), 0x400};

template <class A>
struct Ready : A {
    Ready() : metadata(A::metadata_bytes(span)) {
        A::attach(span, metadata);
        A::add_region(span);
    }
    std::vector<std::byte> metadata;
};

TEST(MeasuredFrames, CountsByOrder) {
    Ready<Measured<NextFit>> frames;
    const FrameNumber a = *frames.allocate(FrameOrder(3));
    const FrameNumber b = *frames.allocate(FrameOrder(3));
    ASSERT_TRUE(frames.allocate(FrameOrder(0)));
    frames.free(a, FrameOrder(3));
    EXPECT_FALSE(frames.allocate(FrameOrder(10)));
    const FrameStatistics& s = frames.statistics();
    EXPECT_EQ(s.granted[3], 2U);
    EXPECT_EQ(s.freed[3], 1U);
    EXPECT_EQ(s.live(FrameOrder(3)), 1U);
    EXPECT_EQ(s.refused[10], 1U);
    EXPECT_EQ(s.in_use, 9U);
    EXPECT_EQ(s.most_used, 17U);
    EXPECT_EQ(frames.free_frames() + s.in_use, span.count);
    frames.free(b, FrameOrder(3));
    EXPECT_EQ(frames.statistics().in_use, 1U);
}

TEST(OwnedFrames, TellWhoHasWhatAndSinceWhen) {
    Ready<Owned<NextFit, Asker>> frames;
    Asker::number = 7;
    const FrameNumber old = *frames.allocate(FrameOrder(2));
    const std::uint32_t mark = frames.now();
    const FrameNumber leaked = *frames.allocate(FrameOrder(1));
    Asker::number = 8;
    const FrameNumber returned = *frames.allocate(FrameOrder(4));
    EXPECT_EQ(frames.frames_of(7), 6U);
    EXPECT_EQ(frames.frames_of(8), 16U);
    frames.free(returned, FrameOrder(4));
    EXPECT_EQ(frames.frames_of(8), 0U);

    std::vector<OwnedBlock> since;
    frames.for_each_since(mark, [&](const OwnedBlock& block) { since.push_back(block); });
    ASSERT_EQ(since.size(), 1U);
    EXPECT_EQ(since[0].first, leaked);
    EXPECT_EQ(since[0].order, FrameOrder(1));
    EXPECT_EQ(since[0].owner, 7U);

    std::vector<FrameNumber> all;
    frames.for_each([&](const OwnedBlock& block) { all.push_back(block.first); });
    EXPECT_EQ(all, (std::vector{old, leaked}));
}

}  // namespace
}  // namespace kidney::mm
