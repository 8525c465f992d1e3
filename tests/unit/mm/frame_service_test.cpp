/// Frames as the kernel uses them: zones, counts, and boot from a memory map.
#include "mm/frame_service.hpp"

#include "mm/frame_setup.hpp"
#include "mm/frames/buddy_bitmap.hpp"
#include "mm/frames/first_fit.hpp"
#include "mm/frames/frame_sites.hpp"
#include "mm/locked_frames.hpp"
#include "mm/magazines.hpp"
#include "tests/archetypes/counted_frames.hpp"
#include "tests/archetypes/frame_allocator.hpp"
#include "tests/fakes/faulty_frames.hpp"
#include "tests/laws/counted_frames_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/support/memory_machine.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace kidney {

// The engine needs no more of its policy than the contract promises.
template class mm::FrameService<archetypes::FullFrameAllocatorArchetype,
                                test::MemoryMachine::References>;

namespace {

using test::MemoryMachine;

static_assert(mm::CountedFrames<MemoryMachine::Frames>);
static_assert(mm::FrameSource<MemoryMachine::Frames> && mm::FrameSink<MemoryMachine::Frames>);

/// The kernel keeps it in one constinit object.
[[maybe_unused]] constinit MemoryMachine::Frames constinit_frames;

TEST(FrameService, PassesTheLaws) {
    for (const std::uint32_t direct : {4096U, 1024U}) {
        MemoryMachine machine(4096, direct);
        laws::Report report;
        laws::run_laws<laws::CountedFramesLaws<MemoryMachine::Frames>>(report, machine.frames);
        test::expect_laws_held(report);
        EXPECT_EQ(machine.frames.free_frames(), machine.total);
    }
}

TEST(FrameService, UserMemoryComesFromOutsideTheDirectMapFirst) {
    MemoryMachine machine(4096, 1024);
    const FrameNumber user = *machine.frames.allocate(mm::FrameZone::any);
    EXPECT_FALSE(machine.ram.is_direct(user));
    const FrameNumber kernel = *machine.frames.allocate(mm::FrameZone::direct);
    EXPECT_TRUE(machine.ram.is_direct(kernel));
    const FrameNumber block = *machine.frames.allocate(FrameOrder(4));
    EXPECT_TRUE(machine.ram.is_direct(block + 15));
    machine.frames.release(user);
    machine.frames.release(kernel);
    machine.frames.free(block, FrameOrder(4));
    EXPECT_EQ(machine.frames.free_frames(), machine.total);
}

TEST(FrameService, UserMemoryLeavesAReserveToTheKernel) {
    MemoryMachine machine(4096, 1024);
    while (machine.frames.allocate(mm::FrameZone::any)) {
    }
    EXPECT_GE(machine.frames.free_frames(), 1000U / 64);
    EXPECT_TRUE(machine.frames.allocate(mm::FrameZone::direct));
}

/// What was taken since, by place: {0: frames of no place, ...}
template <class Frames>
std::map<std::uintptr_t, std::size_t> taken(const Frames& frames) {
    std::map<std::uintptr_t, std::size_t> by_place;
    frames.for_each_taken([&](std::uintptr_t site, std::size_t count) { by_place[site] += count; });
    return by_place;
}

TEST(FrameSites, TellWhoseFramesNeverCameBack) {
    using Sited = mm::FrameSites<MemoryMachine::Frames>;
    static_assert(mm::CountedFrames<Sited> && mm::FrameSource<Sited> && mm::FrameSink<Sited>);
    MemoryMachine machine(4096, 1024);  // its RAM only; the frames of it are these
    Sited frames;
    const FrameRange span{FrameNumber(0), 4096};
    std::vector<std::byte> books(Sited::metadata_bytes(span, FrameNumber(1024)));
    frames.attach(span, FrameNumber(1024), books, machine.ram);
    frames.add_region({FrameNumber(16), 4000});

    const FrameNumber before = *frames.allocate(mm::FrameZone::any);
    frames.forget_sites();
    const auto lose = [&] { return *frames.allocate(mm::FrameZone::any); };
    const FrameNumber shared = lose();
    ASSERT_TRUE(frames.retain(shared));
    const FrameNumber range = *frames.allocate_range(mm::FrameZone::direct, 8, FrameOrder(3));
    const FrameNumber heap = *frames.allocate(FrameOrder(2));
    std::map<std::uintptr_t, std::size_t> out = taken(frames);
    EXPECT_EQ(out.size(), 2U) << "the one, the range; what the heap takes has no place";
    EXPECT_FALSE(out.contains(Sited::no_site));
    std::size_t sum = 0;
    for (const auto& [site, count] : out) {
        sum += count;
    }
    EXPECT_EQ(sum, 9U);

    frames.free_range({range, 8}, FrameOrder(3));
    frames.release(shared);  // one reference is left, so it is still out
    out = taken(frames);
    ASSERT_EQ(out.size(), 1U);
    EXPECT_EQ(out.begin()->second, 1U);
    frames.release(shared);
    EXPECT_TRUE(taken(frames).empty());
    frames.free(heap, FrameOrder(2));
    frames.release(before);
    EXPECT_EQ(frames.free_frames(), 4000U);
}

struct Claimant {
    static inline mm::FrameClaim who = mm::FrameClaim::essential;
    static mm::FrameClaim current() noexcept { return who; }
};

/// Takes all that `who` gets; returns how much is left.
template <class Frames>
std::size_t left_by(Frames& frames, mm::FrameClaim who, bool user_memory) {
    Claimant::who = who;
    while (user_memory ? frames.allocate(mm::FrameZone::any).has_value()
                       : frames.allocate(FrameOrder(0)).has_value()) {
    }
    if (!user_memory) {  // user memory leaves some to the kernel
        EXPECT_FALSE(frames.allocate(FrameOrder(3)));
    }
    return frames.free_frames();
}

TEST(FrameService, EveryoneLeavesSomethingToThoseWhoNeedItMore) {
    using Frames = mm::FrameService<mm::Locked<mm::BuddyBitmap, NullLock>,
                                    MemoryMachine::References, Claimant>;
    sim::RamArena ram(4096);
    const FrameRange all{FrameNumber(0), 4096};
    mm::EarlyFrames early({&all, 1}, {});
    Frames frames;
    ASSERT_TRUE(mm::set_up_frames(frames, early, ram, FrameNumber(4096)));
    const mm::FrameReserve reserve = frames.reserve();
    EXPECT_EQ(reserve.for_root, frames.counts().total / 32);
    using enum mm::FrameClaim;
    EXPECT_EQ(left_by(frames, ordinary, true), reserve.highest());
    EXPECT_EQ(left_by(frames, ordinary, false), reserve.for_root + reserve.for_ending);
    EXPECT_EQ(left_by(frames, privileged, true), reserve.for_kernel + reserve.for_ending);
    EXPECT_EQ(left_by(frames, privileged, false), reserve.for_ending);
    EXPECT_EQ(left_by(frames, essential, false), 0U);
}

/// One thread that plays any CPU.
struct PlayedCpu {
    template <class T>
    using Atomic = std::atomic<T>;
    static inline std::uint32_t now = 0;
    static CpuId id() noexcept { return CpuId(now); }
    static void relax() noexcept {}
    static void fence_everywhere() noexcept {}
};

/// As in the kernel.
template <class Claims>
using FramesAtHand = mm::FrameService<
    mm::Magazines<mm::Locked<mm::BuddyBitmap, NullLock>, PlayedCpu, hal::NoPin, mm::NoMarks>,
    MemoryMachine::References, Claims>;

template <class Frames>
struct ServiceOnRam {
    explicit ServiceOnRam(std::uint32_t count, std::uint32_t direct) : ram(count, direct) {
        const FrameRange all{FrameNumber(0), count};
        mm::EarlyFrames early({&all, 1}, {});
        MUST(mm::set_up_frames(frames, early, ram, FrameNumber(direct)));
    }
    sim::RamArena ram;
    Frames frames;
};

TEST(FrameService, WhatIsKeptForOthersIsAtNobodysHand) {
    using Frames = FramesAtHand<Claimant>;
    ServiceOnRam<Frames> machine(4096, 4096);
    Frames& frames = machine.frames;
    const mm::FrameReserve reserve = frames.reserve();
    const std::size_t all = frames.free_frames();
    using enum mm::FrameClaim;
    EXPECT_EQ(left_by(frames, ordinary, true), reserve.highest());
    // Somebody who ends returns frames on another CPU: they replenish what is kept first.
    Claimant::who = essential;
    std::vector<FrameNumber> returned;
    for (int i = 0; i < 40; ++i) {
        returned.push_back(*frames.allocate(mm::FrameZone::direct));
    }
    PlayedCpu::now = 1;
    for (const FrameNumber frame : returned) {
        frames.release(frame);
    }
    EXPECT_EQ(left_by(frames, ordinary, true), reserve.highest());
    EXPECT_EQ(left_by(frames, ordinary, false), reserve.for_root + reserve.for_ending);
    EXPECT_EQ(left_by(frames, privileged, false), reserve.for_ending);
    EXPECT_EQ(left_by(frames, essential, false), 0U);
    PlayedCpu::now = 0;
    for (std::uint32_t f = 0; f < 4096; ++f) {
        if (frames.manages(FrameNumber(f)) && frames.references(FrameNumber(f)) == 1) {
            frames.release(FrameNumber(f));
        }
    }
    EXPECT_EQ(frames.free_frames(), all);
    EXPECT_TRUE(frames.allocate(mm::max_order));
}

TEST(FrameService, BothZonesHaveFramesAtHand) {
    using Frames = FramesAtHand<mm::NoFrameClaims>;
    ServiceOnRam<Frames> machine(4096, 2048);
    Frames& frames = machine.frames;
    const std::size_t all = frames.free_frames();
    laws::Report report;
    laws::run_laws<laws::CountedFramesLaws<Frames>>(report, frames);
    test::expect_laws_held(report);
    std::vector<FrameNumber> taken;
    std::size_t high = 0;
    while (const auto frame = frames.allocate(mm::FrameZone::any)) {
        high += machine.ram.is_direct(*frame) ? 0 : 1;
        EXPECT_TRUE(high == taken.size() + 1 || high == 2048) << "high memory comes first";
        taken.push_back(*frame);
    }
    EXPECT_EQ(high, 2048U);
    EXPECT_EQ(frames.free_frames(), frames.reserve().for_kernel);
    for (const FrameNumber frame : taken) {
        frames.release(frame);
    }
    EXPECT_EQ(frames.free_frames(), all);
}

TEST(FrameServiceDeathTest, AFrameAtHandIsNotReleasedAgain) {
    using Frames = FramesAtHand<mm::NoFrameClaims>;
    ServiceOnRam<Frames> machine(4096, 4096);
    Frames& frames = machine.frames;
    const FrameNumber frame = *frames.allocate(mm::FrameZone::any);
    const FrameNumber single = *frames.allocate(FrameOrder(0));
    const FrameNumber block = *frames.allocate(FrameOrder(2));
    frames.release(frame);
    EXPECT_DEATH(frames.release(frame), "free frame");
    frames.free(single, FrameOrder(0));
    EXPECT_DEATH(frames.free(single, FrameOrder(0)), "not live");
    EXPECT_DEATH(frames.free(block + 1, FrameOrder(0)), "not live") << "inside a block";
    EXPECT_DEATH(frames.free(block, FrameOrder(1)), "not live") << "half a block";
}

TEST(FrameReserve, RootsPartHasAnEnd) {
    static_assert(mm::FrameReserve::of(16000).for_root == 500);
    static_assert(mm::FrameReserve::of(1'000'000).for_root == 2048);
    static_assert(mm::FrameReserve{}.highest() == 0);
}

TEST(FrameServiceDeathTest, CountsMustMatch) {
    MemoryMachine machine(1024);
    const FrameNumber frame = *machine.frames.allocate(mm::FrameZone::any);
    machine.frames.release(frame);
    EXPECT_DEATH(machine.frames.release(frame), "free frame");
    EXPECT_DEATH(static_cast<void>(machine.frames.retain(frame)), "free frame");
    EXPECT_DEATH(static_cast<void>(machine.frames.retain(FrameNumber(0x50000))),
                 "not a frame of RAM");
}

TEST(FaultyFrames, FailsOnceAtTheGivenCall) {
    MemoryMachine machine(1024);
    fakes::FaultyFrames faulty(machine.frames);
    static_assert(mm::CountedFrames<decltype(faulty)>);
    faulty.fail_at(2);
    EXPECT_TRUE(faulty.allocate(mm::FrameZone::any));
    EXPECT_FALSE(faulty.allocate(mm::FrameZone::any));
    EXPECT_TRUE(faulty.has_failed());
    EXPECT_TRUE(faulty.allocate(mm::FrameZone::any));
}

TEST(EarlyFrames, SubtractsReservedRangesFromAnyMap) {
    const FrameRange usable[] = {{FrameNumber(0x200), 0x100}, {FrameNumber(0), 0x9f},
                                 {FrameNumber(0x100), 0x80},  {FrameNumber(0x180), 0x80},
                                 {FrameNumber(0x280), 0x100}, {FrameNumber(0x500), 1}};
    const FrameRange reserved[] = {{FrameNumber(0x110), 0x10},
                                   {FrameNumber(0x370), 0x20},
                                   {FrameNumber(0x500), 1},
                                   {FrameNumber(0x90), 0x80}};
    mm::EarlyFrames early(usable, reserved);
    ASSERT_EQ(early.ranges().size(), 2U);
    EXPECT_EQ(early.ranges()[0], (FrameRange{FrameNumber(1), 0x8f}));
    EXPECT_EQ(early.ranges()[1], (FrameRange{FrameNumber(0x120), 0x250}));
    EXPECT_EQ(*early.take(0x90, FrameNumber(0x1000)), FrameNumber(0x120));
    EXPECT_EQ(*early.take(0x8f, FrameNumber(0x1000)), FrameNumber(1));
    EXPECT_EQ(early.take(1, FrameNumber(0x100)).error(), Errc::no_memory);
}

/// From 16 MiB to 3.5 GiB, with the PC's hole below 1 MiB, a kernel image, a module and a device
/// hole.
TEST(FrameSetup, BootsWithEveryMemorySize) {
    for (const std::uint32_t mib : {16U, 128U, 896U, 1024U, 3584U}) {
        SCOPED_TRACE(testing::Message() << mib << " MiB");
        const std::uint32_t frames = mib << (20 - page_shift);
        const FrameNumber direct_end(0x38000);
        // Only what set-up touches needs to exist: the books lie low.
        sim::RamArena ram(4096);
        const FrameRange usable[] = {{FrameNumber(0), 0x9f}, {FrameNumber(0x100), frames - 0x120}};
        const FrameRange reserved[] = {{FrameNumber(0x100), 0x200}, {FrameNumber(0x400), 7}};
        mm::EarlyFrames early(usable, reserved);
        MemoryMachine::Frames service;
        ASSERT_TRUE(mm::set_up_frames(service, early, ram, direct_end));
        const mm::FrameCounts counts = service.counts();
        EXPECT_EQ(counts.total, counts.free);
        const std::size_t available = 0x9e + frames - 0x120 - 0x200 - 7;
        // A byte and two bits for each frame.
        EXPECT_GT(counts.total, available - available / 3000 - 4);
        EXPECT_LT(counts.total, available);
        EXPECT_EQ(counts.total_direct == counts.total, mib <= 896);
        EXPECT_TRUE(service.allocate(mm::FrameZone::direct));
        EXPECT_TRUE(service.allocate(mm::FrameZone::any));
    }
}

}  // namespace
}  // namespace kidney
