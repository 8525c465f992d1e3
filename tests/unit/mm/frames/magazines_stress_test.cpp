/// Magazines under real threads. Built in every host preset; ThreadSanitizer checks the memory
/// orders that the explorer takes for granted, and the processor does what it likes with plain
/// loads and stores.
#include "mm/frames/buddy.hpp"
#include "mm/frames/fullest_region.hpp"
#include "mm/frames/llfree.hpp"
#include "mm/locked_frames.hpp"
#include "mm/magazines.hpp"
#include "sched/sync/spin_lock.hpp"
#include "tests/support/std_cpu.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace kidney::test {
namespace {

constexpr LockRank frames_rank{60, "frames"};
constexpr std::uint32_t cpus = 4;
constexpr FrameRange all{FrameNumber(0x100), 0x1300};

template <class Policy>
class MagazinesStress : public testing::Test {
protected:
    using Frames = mm::Magazines<
        mm::SharedFrames<mm::FramesOf<Policy, StdCpu>, sched::SpinLock<frames_rank, StdCpu>>,
        StdCpu, hal::NoPin>;

    MagazinesStress() : books_(Frames::metadata_bytes(all)), owners_(all.count) {
        frames_->attach(all, books_);
        frames_->add_region(all);
    }
    /// Plain, so that a frame with two owners is a data race as well.
    void own(FrameNumber first, std::uint32_t count, std::uint32_t from, std::uint32_t to) {
        for (std::uint32_t i = 0; i < count; ++i) {
            std::uint32_t& owner = owners_[first + i - all.first];
            EXPECT_EQ(owner, from);
            owner = to;
        }
    }
    /// Singles and short blocks, now and then a long one, which makes this CPU visit the others.
    void play(std::uint32_t me) {
        StdCpu::become(CpuId(me));
        std::vector<FrameNumber> mine;
        std::uint32_t random = 12345 + me;
        for (int step = 0; step < 6000; ++step) {
            random = random * 1664525 + 1013904223;
            const std::uint32_t dice = random >> 24;
            if (dice < 16) {
                const FrameOrder order(
                    static_cast<std::uint8_t>(dice == 0 ? 8 + me % 3 : 1 + dice % 3));
                if (const auto block = frames_->allocate(order)) {
                    own(*block, order.frames(), 0, me + 1);
                    own(*block, order.frames(), me + 1, 0);
                    frames_->free(*block, order);
                }
            } else if (dice < 128 || mine.empty()) {
                if (const auto frame = frames_->allocate(FrameOrder(0))) {
                    own(*frame, 1, 0, me + 1);
                    mine.push_back(*frame);
                }
            } else {
                own(mine.back(), 1, me + 1, 0);
                frames_->free(mine.back(), FrameOrder(0));
                mine.pop_back();
            }
        }
        for (const FrameNumber frame : mine) {
            own(frame, 1, me + 1, 0);
            frames_->free(frame, FrameOrder(0));
        }
    }

    std::vector<std::byte> books_;
    std::vector<std::uint32_t> owners_;
    std::unique_ptr<Frames> frames_ = std::make_unique<Frames>();
};

/// Blocks stay at hand, too.
struct ReusingBuddy : mm::Buddy {
    [[nodiscard]] bool reuse_at_once(FrameNumber, FrameOrder) const noexcept { return true; }
};

using Policies = testing::Types<mm::Buddy, ReusingBuddy, mm::FullestRegion, mm::LlFree>;
TYPED_TEST_SUITE(MagazinesStress, Policies);

TYPED_TEST(MagazinesStress, NoFrameHasTwoOwnersAndNoneIsLost) {
    std::vector<std::thread> threads;
    for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
        threads.emplace_back([this, cpu] { this->play(cpu); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(this->frames_->free_frames(), all.count);
    for (int block = 0; block < 4; ++block) {
        EXPECT_TRUE(this->frames_->allocate(mm::max_order).has_value()) << block;
    }
}

}  // namespace
}  // namespace kidney::test
