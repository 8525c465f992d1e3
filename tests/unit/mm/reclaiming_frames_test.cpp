#include "mm/reclaiming_frames.hpp"

#include "sim/ram_arena.hpp"
#include "tests/archetypes/counted_frames.hpp"
#include "tests/laws/counted_frames_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace kidney::mm {
namespace {

using fs_test::Frames;
static_assert(CountedFrames<ReclaimingFrames<archetypes::CountedFramesArchetype>>);

/// Keeps frames and gives them back, oldest first.
struct Hoard final : FrameReclaimer {
    explicit Hoard(Frames& from) : frames(from) {}
    Frames& frames;
    std::vector<FrameNumber> kept;
    std::size_t calls = 0;
    std::vector<FrameNumber>* thief = nullptr;  ///< takes what was given back before others can

    void keep(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            kept.push_back(*frames.allocate(FrameZone::direct));
        }
    }
    std::size_t reclaim(std::size_t most) noexcept override {
        ++calls;
        const std::size_t count = std::min(most, kept.size());
        for (std::size_t i = 0; i < count; ++i) {
            frames.release(kept[i]);
        }
        kept.erase(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(count));
        while (thief != nullptr && frames.free_frames() > 0) {
            thief->push_back(*frames.allocate(FrameZone::any));
        }
        return count;
    }
};

struct ReclaimingFramesTest : testing::Test {
    sim::RamArena arena{100};
    Frames frames{arena};
    ReclaimingFrames<Frames> reclaiming{frames};
    Hoard hoard{frames};

    std::vector<FrameNumber> take_all() {
        std::vector<FrameNumber> taken;
        while (const auto frame = reclaiming.allocate(FrameZone::any)) {
            taken.push_back(*frame);
        }
        return taken;
    }
};

TEST_F(ReclaimingFramesTest, KeepsTheLawsOfFrames) {
    laws::Report report;
    laws::run_laws<laws::CountedFramesLaws<ReclaimingFrames<Frames>>>(report, reclaiming);
    test::expect_laws_held(report);
}

TEST_F(ReclaimingFramesTest, AsksOnlyWhenThereIsNothingLeft) {
    reclaiming.add_reclaimer(hoard);
    hoard.keep(70);
    for (int i = 0; i < 30; ++i) {
        ASSERT_TRUE(reclaiming.allocate(FrameZone::any));
    }
    EXPECT_EQ(hoard.calls, 0U);
    ASSERT_TRUE(reclaiming.allocate(FrameZone::any));
    EXPECT_EQ(hoard.calls, 1U);
    EXPECT_EQ(hoard.kept.size(), 70U - ReclaimingFrames<Frames>::batch);
    EXPECT_EQ(take_all().size(), 69U);
    EXPECT_EQ(reclaiming.allocate(FrameZone::direct).error(), Errc::no_memory);
}

TEST_F(ReclaimingFramesTest, WithoutAReclaimerItIsOver) {
    EXPECT_EQ(take_all().size(), 100U);
}

TEST_F(ReclaimingFramesTest, AsksAgainWhenOthersWereFaster) {
    reclaiming.add_reclaimer(hoard);
    hoard.keep(100);
    std::vector<FrameNumber> stolen;
    hoard.thief = &stolen;
    EXPECT_EQ(reclaiming.allocate(FrameZone::any).error(), Errc::no_memory);
    EXPECT_EQ(stolen.size(), 100U);
    EXPECT_EQ(hoard.calls, 5U);  // 32 + 32 + 32 + 4, and nothing
}

TEST_F(ReclaimingFramesTest, EveryFailureIsFollowedByOneTry) {
    reclaiming.add_reclaimer(hoard);
    hoard.keep(10);
    frames.fail_at(1);
    EXPECT_TRUE(reclaiming.allocate(FrameZone::any));
    EXPECT_EQ(hoard.calls, 1U);
    frames.fail_at(1);
    EXPECT_EQ(reclaiming.allocate(FrameZone::any).error(), Errc::no_memory);  // an empty hoard
}

}  // namespace
}  // namespace kidney::mm
