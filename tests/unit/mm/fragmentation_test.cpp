/// The fragmentation protocols measure what they say, whatever the allocator does.
#include "bench/workloads/fragmentation.hpp"

#include "bench/workloads/ready.hpp"
#include "mm/frames/first_fit.hpp"
#include "mm/frames/next_fit.hpp"

#include <gtest/gtest.h>

namespace kidney::bench {
namespace {

constexpr FrameRange span{FrameNumber(0), 1U << 14};

TEST(Fragmentation, CountsWhatIsWholeAndWhatIsGranted) {
    Ready<mm::FirstFit> allocator(4096);
    Tenants tenants(allocator, {FrameNumber(0), 4096});
    ASSERT_TRUE(tenants.take(FrameOrder(0)));  // the first of four largest blocks is broken
    const FreeShape shape = tenants.shape_and_grants();
    EXPECT_EQ(shape.free, 4095U);
    EXPECT_EQ(shape.whole[0], 4095U);
    EXPECT_EQ(shape.whole[1], 4094U);
    EXPECT_EQ(shape.whole[order_2_mib.value()], 3584U);
    EXPECT_EQ(shape.whole[order_4_mib.value()], 3072U);
    EXPECT_EQ(shape.granted, shape.whole);
    EXPECT_EQ(shape.refused, 0U);
    EXPECT_EQ(allocator.free_frames(), 4095U);
}

TEST(Fragmentation, TellsARuleThatGathersFromOneThatSpreads) {
    Ready<mm::FirstFit> gathers(span.count);
    EXPECT_GT(fragment<Paper>(gathers, span, 1).whole_share(order_2_mib), 75);
    Ready<mm::NextFit> spreads(span.count);
    EXPECT_LT(fragment<Paper>(spreads, span, 1).whole_share(order_2_mib), 25);
}

TEST(Fragmentation, IsTheSameEveryTime) {
    unsigned looks = 0;
    const auto run = [&] {
        Ready<mm::FirstFit> allocator(span.count);
        return fragment<MixedOrders>(allocator, span, 7, [&](const auto&) { ++looks; });
    };
    const FreeShape first = run();
    EXPECT_EQ(looks, 121U);
    EXPECT_EQ(run().whole, first.whole);
    EXPECT_GT(first.whole_share(FrameOrder(0)), 99.9);
}

}  // namespace
}  // namespace kidney::bench
