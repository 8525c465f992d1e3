/// The zones of the frame service: what a device of an ISA bus reaches is taken last by all others,
/// and lost to nobody.
#include "mm/early_frames.hpp"
#include "mm/frame_service.hpp"
#include "mm/frame_setup.hpp"
#include "mm/frames/buddy_bitmap.hpp"
#include "mm/frames/fullest_region.hpp"
#include "mm/locked_frames.hpp"
#include "mm/magazines.hpp"
#include "mm/reference_counts.hpp"
#include "sim/ram_arena.hpp"
#include "tests/laws/counted_frames_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/support/std_cpu.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace kidney::mm {
namespace {

struct Claimant {
    static inline FrameClaim who = FrameClaim::essential;
    static FrameClaim current() noexcept { return who; }
};
using Counts = ReferenceCounts<test::StdCpu, sim::RamArena, NullLock>;
template <class Policy>
using Service = FrameService<Magazines<Locked<Policy, NullLock>, test::StdCpu, hal::NoPin, NoMarks>,
                             Counts, Claimant>;

template <class Frames>
struct Machine {
    Machine(std::uint32_t count, std::uint32_t direct) : ram(count, direct) {
        test::StdCpu::become(CpuId(0));
        Claimant::who = FrameClaim::essential;
        const FrameRange all{FrameNumber(0), count};
        EarlyFrames early({&all, 1}, {});
        MUST(set_up_frames(frames, early, ram, FrameNumber(direct)));
        total = frames.free_frames();
    }
    sim::RamArena ram;
    Frames frames;
    std::size_t total = 0;
};

template <class Frames>
class FrameZones : public testing::Test {};
using Services = testing::Types<Service<BuddyBitmap>, Service<FullestRegion>,
                                FrameService<Locked<FullestRegion, NullLock>, Counts, Claimant>>;
TYPED_TEST_SUITE(FrameZones, Services);

TYPED_TEST(FrameZones, KeepTheLaws) {
    // Of 8 MiB, 24 MiB, 32 MiB with high memory, and high memory behind 8 MiB.
    for (const auto [count, direct] :
         {std::pair{2048U, 2048U}, {6144U, 6144U}, {8192U, 6144U}, {4096U, 2048U}}) {
        Machine<TypeParam> machine(count, direct);
        laws::Report report;
        laws::run_laws<laws::CountedFramesLaws<TypeParam>>(report, machine.frames);
        test::expect_laws_held(report);
        EXPECT_EQ(machine.frames.free_frames(), machine.total);
    }
}

TYPED_TEST(FrameZones, EverybodyTakesLastWhatDevicesNeed) {
    for (const FrameZone zone : {FrameZone::direct, FrameZone::any}) {
        Machine<TypeParam> machine(8192, 6144);
        std::vector<FrameNumber> taken;
        bool is_low = false;
        while (const auto frame = machine.frames.allocate(zone)) {
            EXPECT_TRUE(!is_low || *frame < dma_end) << "there were other frames";
            is_low = *frame < dma_end;
            taken.push_back(*frame);
        }
        EXPECT_TRUE(is_low) << "no frame may be out of reach";
        const FrameCounts counts = machine.frames.counts();
        const FrameReserve reserve = machine.frames.reserve();
        EXPECT_EQ(counts.free_direct, zone == FrameZone::any ? reserve.for_kernel : 0U);
        EXPECT_EQ(counts.free_dma, counts.free_direct) << "what is kept is good for devices, too";
        EXPECT_EQ(counts.free - counts.free_direct, zone == FrameZone::any ? 0U : 2048U);
        for (const FrameNumber frame : taken) {
            machine.frames.release(frame);
        }
        EXPECT_EQ(machine.frames.free_frames(), machine.total);
    }
}

TYPED_TEST(FrameZones, DevicesGetNothingAbove) {
    Machine<TypeParam> machine(8192, 6144);
    std::size_t count = 0;
    while (const auto frame = machine.frames.allocate(FrameZone::dma)) {
        EXPECT_LT(*frame, dma_end);
        ++count;
    }
    EXPECT_EQ(count, machine.frames.counts().total_dma);
    EXPECT_GE(machine.frames.free_frames(), 4096U) << "the others are still there";
    EXPECT_TRUE(machine.frames.allocate(FrameZone::direct));
    EXPECT_TRUE(machine.frames.allocate(max_order));
}

/// What is kept for others is kept, whichever of the two zones has it.
TYPED_TEST(FrameZones, ReservesAreOfBothTogether) {
    Machine<TypeParam> machine(6144, 6144);
    TypeParam& frames = machine.frames;
    while (frames.allocate(FrameZone::dma)) {
    }
    Claimant::who = FrameClaim::ordinary;
    while (frames.allocate(FrameZone::any)) {
    }
    EXPECT_EQ(frames.free_frames(), frames.reserve().highest());
    Claimant::who = FrameClaim::essential;
    std::vector<FrameNumber> last;
    while (const auto frame = frames.allocate(FrameZone::direct)) {
        last.push_back(*frame);
    }
    EXPECT_EQ(frames.free_frames(), 0U);
    for (const FrameNumber frame : last) {
        frames.release(frame);
    }
    Claimant::who = FrameClaim::ordinary;
    EXPECT_FALSE(frames.allocate(FrameZone::any)) << "they replenish what is kept first";
}

TYPED_TEST(FrameZones, RangesForDevices) {
    Machine<TypeParam> machine(8192, 6144);
    TypeParam& frames = machine.frames;
    const FrameRange low{*frames.allocate_range(FrameZone::dma, 13, FrameOrder(4)), 13};
    EXPECT_LE(low.end(), dma_end);
    EXPECT_EQ(low.first.value() % 16, 0U);
    const FrameRange direct{*frames.allocate_range(FrameZone::direct, 601, FrameOrder(0)), 601};
    EXPECT_TRUE(direct.first >= dma_end && direct.end() <= FrameNumber(6144));
    EXPECT_FALSE(frames.allocate_range(FrameZone::dma, 4096, FrameOrder(0))) << "there is frame 0";
    EXPECT_LE(frames.free_frames(), machine.total - 13 - 601);
    frames.free_range(low, FrameOrder(4));
    frames.free_range(direct, FrameOrder(0));
    EXPECT_EQ(frames.free_frames(), machine.total);
    EXPECT_DEATH(frames.free_range(low, FrameOrder(4)), "not live");
}

TEST(FrameZones, ARangeMayBeLongerThanAnyBlock) {
    Machine<Service<FullestRegion>> machine(16384, 16384);
    const FrameRange range{*machine.frames.allocate_range(FrameZone::direct, 5003, FrameOrder(0)),
                           5003};
    EXPECT_EQ(machine.frames.free_frames(), machine.total - 5003);
    machine.frames.free_range(range, FrameOrder(0));
    EXPECT_EQ(machine.frames.free_frames(), machine.total);
}

}  // namespace
}  // namespace kidney::mm
