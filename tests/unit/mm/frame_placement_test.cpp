/// Where the frame policies put blocks: replacing what lives, one by one, must gather what is free.
///
/// The law says only what must be possible; this is how well it is done, and a policy that takes
/// whatever came back last would fail.
#include "mm/frames/buddy_bitmap.hpp"
#include "mm/frames/first_fit.hpp"
#include "mm/frames/fullest_region.hpp"
#include "tests/laws/report.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace kidney::mm {
namespace {

constexpr FrameRange span{FrameNumber(0), 1U << 14};  // 64 MiB: 16 blocks of the largest order

template <class A>
class FramePlacement : public testing::Test {
protected:
    FramePlacement() : metadata_(A::metadata_bytes(span)) {
        allocator_.attach(span, metadata_);
        allocator_.add_region(span);
    }
    /// Fills memory with blocks, frees a random half, then replaces each survivor eight times on
    /// average. Returns how many of the largest blocks are free.
    unsigned whole_blocks_after_replacing(FrameOrder order) {
        std::vector<FrameNumber> live;
        while (const Result<FrameNumber> block = allocator_.allocate(order)) {
            live.push_back(*block);
        }
        const auto all = static_cast<std::uint32_t>(live.size());
        laws::Random random(11);
        while (live.size() > all / 2) {
            std::swap(live[random.below(static_cast<std::uint32_t>(live.size()))], live.back());
            allocator_.free(live.back(), order);
            live.pop_back();
        }
        for (std::uint32_t i = 0; i < 8 * (all / 2); ++i) {
            FrameNumber& victim = live[random.below(all / 2)];
            allocator_.free(victim, order);
            victim = *allocator_.allocate(order);
        }
        unsigned whole = 0;
        while (allocator_.allocate(max_order)) {
            ++whole;
        }
        return whole;
    }

private:
    std::vector<std::byte> metadata_;
    A allocator_;
};

using Policies = testing::Types<BuddyBitmap, FirstFit, FullestRegion>;
TYPED_TEST_SUITE(FramePlacement, Policies);

// Half of the memory is free: eight blocks at best.
TYPED_TEST(FramePlacement, SingleFramesGather) {
    EXPECT_GE(this->whole_blocks_after_replacing(FrameOrder(0)), 6U);
}
TYPED_TEST(FramePlacement, PairsGather) {
    EXPECT_GE(this->whole_blocks_after_replacing(FrameOrder(1)), 6U);
}
TYPED_TEST(FramePlacement, BlocksOfRowsGather) {
    EXPECT_GE(this->whole_blocks_after_replacing(FrameOrder(6)), 6U);
}

}  // namespace
}  // namespace kidney::mm
