/// Blocks of metadata that a file system changes and writes in phases.
#include "fs/device_blocks.hpp"

#include "tests/fakes/block/faulty_block_device.hpp"
#include "tests/fakes/block/recording_block_device.hpp"
#include "tests/fakes/fake_disk.hpp"
#include "tests/laws/report.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

namespace kidney::fs {
namespace {

using fs_test::World;
using Cache =
    PageCache<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::NullQueue>;
using Blocks = DeviceBlocks<Cache>;
using Faulty = fakes::FaultyBlockDevice<fakes::FakeDisk>;
using Recording = fakes::RecordingBlockDevice<Faulty>;

/// A disk of 22 KiB (five pages and a half) with byte n / 512 + 1 at n.
struct Machine {
    explicit Machine(std::uint32_t block_size, std::uint32_t device_block = 512)
        : disk(45 * 512 / device_block, device_block), blocks(cache, device, block_size) {
        for (std::size_t n = 0; n < disk.bytes().size(); ++n) {
            disk.bytes()[n] = static_cast<std::byte>(n / 512 + 1);
        }
        EXPECT_TRUE(disk.flush());
    }
    ~Machine() {
        cache.forget(device);
        EXPECT_TRUE(world.is_clean());
    }

    World world;
    fakes::FakeDisk disk;
    Faulty faulty{disk};
    std::array<fakes::BlockRecord, 64> log{};
    Recording recording{faulty, log};
    Cache cache{world.heap, world.frames, world.arena};
    CachedDevice device{AnyBlockDevice(recording)};
    Blocks blocks;

    Status change(std::uint64_t block, char value, Phase phase) {
        auto found = TRY(blocks.read(block));
        std::ranges::fill(found.change(phase), static_cast<std::byte>(value));
        return {};
    }
    /// What is on the disk at sector n.
    int sector(std::size_t n) { return static_cast<int>(disk.bytes()[n * 512]); }
    std::vector<std::byte> image() { return {disk.bytes().begin(), disk.bytes().end()}; }
};

TEST(DeviceBlocks, AnyBlockSizeGoesHomeAlone) {
    for (const std::uint32_t size : {512U, 1024U, 2048U, 4096U}) {
        Machine machine(size);
        const std::size_t count = std::size_t{45} * 512 / size;
        std::vector<std::byte> expected = machine.image();
        // All blocks are read, every other one is changed.
        for (std::size_t n = 0; n < count; ++n) {
            const auto block = *machine.blocks.read(n);
            ASSERT_EQ(block.bytes().size(), size);
            ASSERT_EQ(block.bytes()[0], expected[n * size]);
        }
        for (std::size_t n = 0; n < count; n += 2) {
            ASSERT_TRUE(machine.change(n, 'x', first_phase));
            std::fill_n(expected.begin() + static_cast<std::ptrdiff_t>(n * size), size,
                        std::byte{'x'});
        }
        // Meanwhile the data between them change by another way: they must stay.
        for (std::size_t n = 1; n < count; n += 2) {
            const auto at = static_cast<std::ptrdiff_t>(n * size);
            std::fill_n(expected.begin() + at, size, std::byte{'d'});
            std::fill_n(machine.disk.bytes().begin() + at, size, std::byte{'d'});
        }
        ASSERT_TRUE(machine.blocks.write(first_phase));
        EXPECT_EQ(machine.image(), expected) << size;
        EXPECT_EQ(machine.disk.writes(), (count + 1) / 2);
        EXPECT_EQ(machine.blocks.read(count).error(), Errc::out_of_range);
        EXPECT_EQ(machine.blocks.read(~std::uint64_t{0}).error(), Errc::out_of_range);
        EXPECT_EQ(machine.blocks.fresh(count).error(), Errc::out_of_range);
        machine.blocks.forget(count);
    }
}

TEST(DeviceBlocks, NeighboursAcrossPagesAreOneCommand) {
    Machine machine(1024);
    for (std::uint64_t n = 2; n < 13;
         ++n) {  // from the middle of a page to the first of the fourth
        ASSERT_TRUE(machine.change(n, 'n', Phase{2}));
    }
    ASSERT_TRUE(machine.change(15, 'f', Phase{2}));
    machine.recording.clear();
    ASSERT_TRUE(machine.blocks.write(Phase{1}));
    EXPECT_EQ(machine.recording.operations(), 0U);
    ASSERT_TRUE(machine.blocks.write(Phase{2}));
    ASSERT_EQ(machine.recording.operations(), 2U);
    EXPECT_EQ(machine.log[0].first, BlockIndex(4));
    EXPECT_EQ(machine.log[0].blocks, 22U);
    EXPECT_EQ(machine.log[1].first, BlockIndex(30));
    EXPECT_EQ(machine.log[1].blocks, 2U);
}

TEST(DeviceBlocks, PhasesGoOneAfterTheOther) {
    Machine machine(1024);
    ASSERT_TRUE(machine.change(0, 'a', Phase{1}));
    ASSERT_TRUE(machine.change(1, 'b', Phase{2}));
    ASSERT_TRUE(machine.change(2, 'c', Phase{3}));
    ASSERT_TRUE(machine.change(2, 'd', Phase{1}));  // it still waits for phase 3
    ASSERT_TRUE(machine.change(3, 'e', Phase{15}));
    EXPECT_FALSE(machine.blocks.has_dirty(Phase{4}));
    const auto written = [&](std::uint8_t phase) {
        EXPECT_TRUE(machine.blocks.has_dirty(Phase{phase}));
        EXPECT_TRUE(machine.blocks.write(Phase{phase}));
        EXPECT_FALSE(machine.blocks.has_dirty(Phase{phase}));
        return std::vector<int>{machine.sector(0), machine.sector(2), machine.sector(4),
                                machine.sector(6)};
    };
    EXPECT_EQ(written(1), (std::vector<int>{'a', 3, 5, 7}));
    EXPECT_EQ(written(2), (std::vector<int>{'a', 'b', 5, 7}));
    EXPECT_EQ(written(3), (std::vector<int>{'a', 'b', 'd', 7}));
    EXPECT_EQ(written(15), (std::vector<int>{'a', 'b', 'd', 'e'}));
}

TEST(DeviceBlocks, FreshBlocksAreZerosAndSpareTheNeighbours) {
    for (const std::uint32_t size : {1024U, 4096U}) {
        Machine machine(size);
        const std::size_t number = 8192 / size + (size < page_size ? 1 : 0);
        std::vector<std::byte> expected = machine.image();
        {
            auto block = *machine.blocks.fresh(number);
            EXPECT_TRUE(
                std::ranges::all_of(block.bytes(), [](std::byte b) { return b == std::byte{0}; }));
            block.change(first_phase)[7] = std::byte{'7'};
        }
        EXPECT_EQ(machine.disk.reads(), size == page_size ? 0U : 1U);
        ASSERT_TRUE(machine.blocks.write(first_phase));
        std::fill_n(expected.begin() + static_cast<std::ptrdiff_t>(number * size), size,
                    std::byte{0});
        expected[number * size + 7] = std::byte{'7'};
        EXPECT_EQ(machine.image(), expected);
        // Again, now that it is in memory.
        {
            static_cast<void>(machine.blocks.fresh(number)->change(first_phase));
        }
        expected[number * size + 7] = std::byte{0};
        ASSERT_TRUE(machine.blocks.write(first_phase));
        EXPECT_EQ(machine.image(), expected);
    }
}

TEST(DeviceBlocks, WhatIsForgottenIsNotWritten) {
    Machine machine(1024);
    const std::vector<std::byte> before = machine.image();
    ASSERT_TRUE(machine.change(4, 'x', Phase{1}));
    ASSERT_TRUE(machine.change(5, 'y', Phase{2}));
    machine.blocks.forget(4);
    EXPECT_FALSE(machine.blocks.has_dirty(Phase{1}));
    machine.blocks.forget(5);
    EXPECT_EQ(machine.cache.counts().dirty, 0U);
    ASSERT_TRUE(machine.blocks.write(Phase{1}));
    ASSERT_TRUE(machine.blocks.write(Phase{2}));
    EXPECT_EQ(machine.image(), before);
}

TEST(DeviceBlocks, LargeDeviceBlocksAreWrittenWhole) {
    Machine machine(4096, 2048);
    machine.cache.forget(machine.device);
    std::vector<std::byte> expected = machine.image();
    const FrameNumber frame = *machine.cache.get(machine.device, 1);
    machine.cache.bytes(frame)[3000] = std::byte{'x'};
    machine.cache.mark_dirty(machine.device, 1, sectors_of(3000, 3001));
    machine.cache.release(frame);
    expected[4096 + 3000] = std::byte{'x'};
    machine.recording.clear();
    ASSERT_TRUE(machine.cache.write_back(machine.device));
    EXPECT_EQ(machine.log[0].first, BlockIndex(3));
    EXPECT_EQ(machine.log[0].blocks, 1U);
    EXPECT_EQ(machine.image(), expected);
}

/// Changes blocks in three phases and syncs, as a file system does; `values` is what they get.
Status sync_some(Machine& machine, char value) {
    for (const std::uint64_t block : {1U, 2U, 6U, 11U}) {
        auto found = TRY(machine.blocks.read(block));
        std::ranges::fill(found.change(Phase{static_cast<std::uint8_t>(block % 3 + 1)}),
                          static_cast<std::byte>(value));
    }
    auto fresh = TRY(machine.blocks.fresh(17));
    std::ranges::fill(fresh.change(Phase{1}), static_cast<std::byte>(value));
    for (std::uint8_t phase = 1; phase <= 3; ++phase) {
        TRY(machine.blocks.write(Phase{phase}));
        TRY(machine.blocks.device().flush());
    }
    return {};
}

TEST(DeviceBlocks, EveryOperationOfTheDiskMayFail) {
    for (const auto mode : {Faulty::Mode::one_shot, Faulty::Mode::from_then_on}) {
        std::uint64_t failures = 0;
        for (std::uint64_t k = 0;; ++k) {
            Machine machine(1024);
            machine.faulty.fail_operation(k, mode);
            const Status status = sync_some(machine, 'v');
            if (machine.faulty.operations() <= k) {
                EXPECT_TRUE(status);
                EXPECT_GE(failures, k - 2);
                break;
            }
            if (!status) {  // a read-ahead that fails is given up
                EXPECT_EQ(status.error(), Errc::io_error) << k;
                ++failures;
            }
            machine.faulty.heal();
            ASSERT_TRUE(sync_some(machine, 'w'));  // nothing is left behind
            for (const std::size_t block : {1U, 2U, 6U, 11U, 17U}) {
                EXPECT_EQ(machine.sector(2 * block), 'w') << k;
            }
            EXPECT_EQ(machine.cache.counts().dirty, 0U);
            ASSERT_LT(k, 100U);
        }
    }
}

TEST(DeviceBlocks, EveryAllocationMayFail) {
    for (const bool frames : {false, true}) {
        for (std::size_t n = 1;; ++n) {
            Machine machine(1024);
            fakes::CallCounter& source =
                frames ? static_cast<fakes::CallCounter&>(machine.world.frames)
                       : static_cast<fakes::CallCounter&>(machine.world.heap);
            source.fail_at(n);
            const Status status = sync_some(machine, 'v');
            const bool failed = source.has_failed();
            source.fail_at(0);
            if (!failed) {
                EXPECT_TRUE(status);
                EXPECT_GT(n, 3U);
                break;
            }
            if (!status) {  // it may have been read-ahead that was given up
                EXPECT_EQ(status.error(), Errc::no_memory);
            }
            ASSERT_TRUE(sync_some(machine, 'w'));
            EXPECT_EQ(machine.sector(34), 'w');
            EXPECT_EQ(machine.cache.counts().dirty, 0U);
            ASSERT_LT(n, 100U);
        }
    }
}

TEST(DeviceBlocks, RandomChangesMatchAModel) {
    for (const std::uint32_t size : {512U, 1024U, 2048U, 4096U}) {
        Machine machine(size);
        const std::size_t count = std::size_t{45} * 512 / size;
        std::vector<std::byte> expected = machine.image();
        std::vector<std::uint8_t> phases(count, 0);
        laws::Random random(size);
        for (int i = 0; i < 2000; ++i) {
            const std::size_t n = random.below(static_cast<std::uint32_t>(count));
            const auto at = static_cast<std::ptrdiff_t>(n * size);
            switch (random.below(8)) {
                case 0: {
                    const auto phase = static_cast<std::uint8_t>(1 + random.below(3));
                    ASSERT_TRUE(machine.blocks.write(Phase{phase}));
                    std::ranges::replace(phases, phase, std::uint8_t{0});
                    break;
                }
                case 1:
                    machine.cache.reclaim(random.below(4));
                    break;
                default: {
                    const auto value = static_cast<std::byte>(random.below(256));
                    const auto phase = static_cast<std::uint8_t>(1 + random.below(3));
                    ASSERT_TRUE(machine.change(n, static_cast<char>(value), Phase{phase}));
                    std::fill_n(expected.begin() + at, size, value);
                    phases[n] = std::max(phases[n], phase);
                }
            }
            const std::size_t look = random.below(static_cast<std::uint32_t>(count));
            ASSERT_EQ(machine.blocks.read(look)->bytes()[5], expected[look * size + 5]);
            if (phases[look] == 0) {
                ASSERT_EQ(machine.disk.bytes()[look * size + 5], expected[look * size + 5]);
            }
        }
        for (std::uint8_t phase = 1; phase <= 3; ++phase) {
            EXPECT_EQ(machine.blocks.has_dirty(Phase{phase}),
                      std::ranges::count(phases, phase) > 0);
            ASSERT_TRUE(machine.blocks.write(Phase{phase}));
        }
        EXPECT_EQ(machine.image(), expected);
    }
}

}  // namespace
}  // namespace kidney::fs
