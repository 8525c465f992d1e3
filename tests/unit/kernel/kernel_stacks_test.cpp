/// Kernel stacks: reuse, running out of frames at every page, and giving back under pressure.
#include "kernel/memory/kernel_stacks.hpp"

#include "mm/frames/buddy_bitmap.hpp"
#include "tests/fakes/faulty_frames.hpp"
#include "tests/support/memory_machine.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace kidney::kernel {
namespace {

/// The kernel's page table entries, without rights.
struct FakeMap {
    void set(VirtAddr page, FrameNumber frame, hal::PageFlags) noexcept {
        EXPECT_TRUE(pages.emplace(page, frame).second) << "mapped twice";
    }
    FrameNumber clear(VirtAddr page) noexcept {
        const auto found = pages.find(page);
        EXPECT_NE(found, pages.end());
        const FrameNumber frame = found->second;
        pages.erase(found);
        return frame;
    }
    std::map<VirtAddr, FrameNumber> pages;
};

/// Knows which ranges all CPUs were told to forget.
struct RecordingMmu {
    static void activate(PhysAddr) noexcept {}
    static void invalidate(VirtRange) noexcept {}
    static void invalidate_all() noexcept {}
    static void shoot_down(CpuSet cpus, VirtRange range) noexcept {
        EXPECT_EQ(cpus, CpuSet::first(max_cpus));
        told.push_back(range);
    }
    static inline std::vector<VirtRange> told;
};

class KernelStacksTest : public testing::Test {
protected:
    using Frames = fakes::FaultyFrames<test::MemoryMachine::Frames>;

    void SetUp() override { RecordingMmu::told.clear(); }
    /// Four pages above a guard, in a slot of its own.
    void expect_mapped(std::span<std::byte> stack) {
        const VirtAddr lowest(
            static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(stack.data())));
        EXPECT_EQ(stack.size(), layout::stack_size);
        EXPECT_EQ((lowest - layout::stacks.start) % layout::stack_slot,
                  layout::stack_slot - layout::stack_size);
        for (std::uint32_t at = 0; at < layout::stack_size; at += page_size) {
            EXPECT_TRUE(map.pages.contains(lowest + at));
        }
        EXPECT_FALSE(map.pages.contains(lowest - page_size));
    }

    test::MemoryMachine machine{2048, 1024};
    Frames frames{machine.frames};
    FakeMap map;
    KernelStacks<FakeMap, Frames, RecordingMmu, NullLock> stacks{map, frames};
    std::size_t idle = frames.free_frames();
};

TEST_F(KernelStacksTest, FreedStacksAreUsedAgainLastFirst) {
    const auto a = *stacks.allocate();
    const auto b = *stacks.allocate();
    expect_mapped(a);
    expect_mapped(b);
    EXPECT_NE(a.data(), b.data());
    stacks.free(a);
    stacks.free(b);
    EXPECT_EQ(stacks.allocate()->data(), b.data());
    EXPECT_EQ(stacks.allocate()->data(), a.data());
    EXPECT_EQ(idle - frames.free_frames(), 8U);
}

TEST_F(KernelStacksTest, AFailureAtAnyPageLeavesNothingBehind) {
    for (std::size_t n = 1; n <= 4; ++n) {
        frames.fail_at(n);
        EXPECT_EQ(stacks.allocate().error(), Errc::no_memory);
        EXPECT_TRUE(map.pages.empty());
        EXPECT_EQ(frames.free_frames(), idle);
    }
    frames.fail_at(0);
    expect_mapped(*stacks.allocate());
    EXPECT_EQ(map.pages.begin()->first,
              layout::stacks.start + (layout::stack_slot - layout::stack_size))
        << "and no slot was lost";
}

TEST_F(KernelStacksTest, FreeStacksAreGivenBackUnderPressure) {
    std::vector<std::span<std::byte>> all;
    for (int n = 0; n < 3; ++n) {
        all.push_back(*stacks.allocate());
    }
    stacks.free(all[0]);
    stacks.free(all[2]);
    EXPECT_EQ(stacks.reclaim(1), 4U) << "a whole one";
    EXPECT_EQ(stacks.reclaim(100), 4U);
    EXPECT_EQ(stacks.reclaim(100), 0U) << "one is in use";
    EXPECT_EQ(idle - frames.free_frames(), 4U);
    expect_mapped(all[1]);
    EXPECT_EQ(RecordingMmu::told.size(), 2U) << "before others get the frames";
    EXPECT_EQ(RecordingMmu::told[0].size, layout::stack_size);
    // The slots come again.
    expect_mapped(*stacks.allocate());
    expect_mapped(*stacks.allocate());
    EXPECT_EQ(map.pages.size(), 12U);
}

TEST_F(KernelStacksTest, SlotsAreLimited) {
    test::MemoryMachine large{16384, 8192};
    Frames many{large.frames};
    FakeMap pages;
    KernelStacks<FakeMap, Frames, RecordingMmu, NullLock> all{pages, many};
    std::size_t count = 0;
    while (all.allocate()) {
        ++count;
    }
    EXPECT_EQ(count, layout::stacks.size / layout::stack_slot);
    EXPECT_EQ(all.allocate().error(), Errc::no_memory);
}

}  // namespace
}  // namespace kidney::kernel
