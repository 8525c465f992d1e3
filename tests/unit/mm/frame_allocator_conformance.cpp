/// Every frame policy of the build, and the fake, must pass every law. A new policy appears here by
/// its kidney_policy() line.
#include "policies/frame_allocator.hpp"
#include "tests/fakes/fake_frame_allocator.hpp"
#include "tests/laws/frame_allocator_laws.hpp"
#include "tests/support/law_test.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace kidney {
namespace {

template <class A>
class FrameAllocatorConformance : public testing::Test {};

struct PolicyName {
    template <class A>
    static std::string GetName(int) {
        return A::name;
    }
};

using Subjects = test::AsTestTypes<policies::frame_allocator::All, fakes::FakeFrameAllocator>;
TYPED_TEST_SUITE(FrameAllocatorConformance, Subjects, PolicyName);

TYPED_TEST(FrameAllocatorConformance, Laws) {
    auto workspace = std::make_unique<laws::FrameLawWorkspace>();
    std::vector<std::byte> metadata(laws::frame_law_metadata_bytes<TypeParam>());
    workspace->metadata = metadata;
    // The fake is slow on purpose: simple beats fast there.
    const std::uint32_t seeds = std::same_as<TypeParam, fakes::FakeFrameAllocator> ? 1 : 5;
    for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        test::LawReport report;
        laws::run_laws<laws::FrameAllocatorLaws<TypeParam>>(report, *workspace, seed);
        test::expect_laws_held(report);
    }
}

/// F6: a wrong free stops the system before it corrupts anything.
template <class A>
class FrameAllocatorDeathTest : public testing::Test {
protected:
    FrameAllocatorDeathTest() : metadata_(A::metadata_bytes(span_)) {
        allocator_.attach(span_, metadata_);
        allocator_.add_region({FrameNumber(0x100), 0x300});
        allocator_.add_region({FrameNumber(0x480), 0x100});
    }
    FrameRange span_{FrameNumber(0x100), 0x500};
    std::vector<std::byte> metadata_;
    A allocator_;
};

TYPED_TEST_SUITE(FrameAllocatorDeathTest, Subjects, PolicyName);

TYPED_TEST(FrameAllocatorDeathTest, WrongFreesAreCaught) {
    auto& a = this->allocator_;
    const FrameNumber single = *a.allocate(FrameOrder(0));
    const FrameNumber block = *a.allocate(FrameOrder(3));
    const FrameNumber large = *a.allocate(FrameOrder(7));
    EXPECT_DEATH(a.free(block, FrameOrder(2)), "not live") << "smaller than allocated";
    EXPECT_DEATH(a.free(block, FrameOrder(4)), "not live") << "larger than allocated";
    EXPECT_DEATH(a.free(block + 4, FrameOrder(2)), "not live") << "tail of a block";
    EXPECT_DEATH(a.free(block + 1, FrameOrder(0)), "not live") << "middle of a block";
    EXPECT_DEATH(a.free(large, FrameOrder(6)), "not live");
    EXPECT_DEATH(a.free(large, FrameOrder(5)), "not live");
    EXPECT_DEATH(a.free(large + 64, FrameOrder(6)), "not live");
    EXPECT_DEATH(a.free(FrameNumber(0x400), FrameOrder(0)), "not live") << "a hole";
    EXPECT_DEATH(a.free(FrameNumber(0x400), FrameOrder(7)), "not live") << "a hole";
    EXPECT_DEATH(a.free(FrameNumber(0x9000), FrameOrder(0)), "") << "outside";
    a.free(single, FrameOrder(0));
    EXPECT_DEATH(a.free(single, FrameOrder(0)), "not live") << "twice";
    a.free(block, FrameOrder(3));
    a.free(large, FrameOrder(7));
    EXPECT_DEATH(a.free(large, FrameOrder(7)), "not live") << "twice";
    EXPECT_EQ(a.free_frames(), 0x400U);
}

TYPED_TEST(FrameAllocatorDeathTest, LastBlockBeforeAHoleIsFreedQuietly) {
    auto& a = this->allocator_;
    std::vector<FrameNumber> singles;
    while (auto frame = a.allocate(FrameOrder(0))) {
        singles.push_back(*frame);
    }
    EXPECT_EQ(singles.size(), 0x400U);
    for (const FrameNumber frame : singles) {
        a.free(frame, FrameOrder(0));
    }
    EXPECT_EQ(a.free_frames(), 0x400U);
}

}  // namespace
}  // namespace kidney
