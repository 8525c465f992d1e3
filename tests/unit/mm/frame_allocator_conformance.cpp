/// The laws of frame allocators in one process, on the fake. Policies are judged by a program of
/// their own each: tests/judge.
#include "tests/fakes/fake_frame_allocator.hpp"
#include "tests/laws/frame_allocator_laws.hpp"
#include "tests/support/law_test.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace kidney {
namespace {

using Fake = fakes::FakeFrameAllocator;

class FakeFrames : public testing::Test {
protected:
    FakeFrames() : metadata_(laws::frame_law_metadata_bytes<Fake>()) {
        workspace_->metadata = metadata_;
        workspace_->maps = laws::frames::tiny_maps;  // it is slow on purpose: simple beats fast
    }
    std::unique_ptr<laws::FrameLawWorkspace> workspace_ =
        std::make_unique<laws::FrameLawWorkspace>();
    std::vector<std::byte> metadata_;
    test::LawReport report_;
};

TEST_F(FakeFrames, KeepTheLaws) {
    laws::run_laws<laws::FrameAllocatorLaws<Fake>>(report_, *workspace_, 1U);
    test::expect_laws_held(report_);
}

TEST_F(FakeFrames, CatchWrongFrees) {
    test::TrappingWorld world(metadata_);
    laws::WrongFreeLaw<Fake>::check_in(world, report_, *workspace_, 1);
    test::expect_laws_held(report_);
}

}  // namespace
}  // namespace kidney
