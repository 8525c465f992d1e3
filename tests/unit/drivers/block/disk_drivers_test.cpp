/// virtio-blk against a fake device, and PCI: the laws of BlockDevice, and what real hardware does
/// to drivers: errors, silence, odd sizes, buffers that a device cannot reach.
#include "drivers/block/virtio_blk.hpp"
#include "drivers/pci.hpp"
#include "fs/block/waiting_device.hpp"
#include "sim/ram_arena.hpp"
#include "tests/fakes/arena_dma.hpp"
#include "tests/fakes/fake_virtio_blk.hpp"
#include "tests/fakes/ticking_clock.hpp"
#include "tests/laws/request_device_laws.hpp"
#include "tests/support/law_test.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace kidney::drivers {
namespace {

using fakes::ArenaDma;
using fakes::TickingClock;

struct VirtioDisk {
    using Disk = VirtioBlk<fakes::FakeVirtioBlk, ArenaDma, TickingClock, NullLock>;
    VirtioDisk() {
        hardware.interrupt = [this] { driver.on_interrupt(); };
    }
    sim::RamArena arena{64};
    fakes::FakeVirtioBlk hardware{arena, 1000};
    ArenaDma dma{arena};
    DmaMemory memory{{arena.direct(FrameNumber(8)).data(), Disk::memory_frames* page_size},
                     FrameNumber(8).address()};
    Disk driver{hardware, dma, memory};
    fs::WaitingDevice<Disk, fs::RunningWait> device{driver};

    Status start() {
        Pci<fakes::FakeVirtioBlk, NullLock> pci(hardware);
        const auto function = pci.find(virtio::vendor, virtio::transitional_block);
        if (!function) {
            return fail(Errc::no_device);
        }
        EXPECT_EQ(function->line, hal::IrqLine(fakes::FakeVirtioBlk::irq));
        pci.enable(function->address);
        return driver.start(pci.port_base(function->address, 0).value_or(0));
    }
    /// Memory that the device reaches.
    std::span<std::byte> direct(std::size_t bytes) {
        return {arena.direct(FrameNumber(32)).data(), bytes};
    }
};

template <class D>
void expect_laws(D& device, std::span<std::byte> scratch) {
    test::LawReport report;
    laws::run_laws<laws::block_device::Suite>(report, device, scratch);
    test::expect_laws_held(report);
}

/// The hardware ends what it got last when the driver is polled, without an interrupt.
struct BackwardsDisk {
    VirtioDisk& disk;
    explicit BackwardsDisk(VirtioDisk& its_disk) : disk(its_disk) {
        disk.hardware.holds = true;
        disk.hardware.loses_interrupts = true;
    }
    void submit(fs::BlockRequest& request) noexcept { disk.driver.submit(request); }
    void poll() noexcept {
        if (!disk.hardware.held().empty()) {
            disk.hardware.end(disk.hardware.held().size() - 1);
        }
        disk.driver.poll();
    }
    void fall_silent() noexcept { disk.hardware.answers = false; }
    std::uint32_t block_size() const noexcept { return disk.driver.block_size(); }
    std::uint64_t block_count() const noexcept { return disk.driver.block_count(); }
};
static_assert(fs::RequestDevice<BackwardsDisk>);

TEST(VirtioBlk, KeepsTheLaws) {
    for (const int size : {4, 128, 256}) {
        VirtioDisk disk;
        disk.hardware.queue_size = static_cast<std::uint16_t>(size);
        ASSERT_TRUE(disk.start());
        EXPECT_EQ(disk.device.block_count(), 1000U);
        expect_laws(disk.device, disk.direct(4096));
        std::vector<std::byte> elsewhere(4096);  // through the bounce buffer
        expect_laws(disk.device, std::span<std::byte>(elsewhere));
        EXPECT_GT(disk.hardware.flushes, 0U);
        // The same as a device that is asked by requests, which it ends last come, first served.
        for (const bool reaches : {true, false}) {
            VirtioDisk asked;
            asked.hardware.features |= fakes::FakeVirtioBlk::can_discard;
            asked.hardware.queue_size = static_cast<std::uint16_t>(size);
            ASSERT_TRUE(asked.start());
            BackwardsDisk subject{asked};
            std::vector<std::byte> heap(laws::request_device::scratch_bytes(512));
            test::LawReport report;
            laws::run_laws<laws::request_device::Suite>(
                report, subject, reaches ? asked.direct(heap.size()) : std::span<std::byte>(heap));
            test::expect_laws_held(report);
            EXPECT_GE(asked.hardware.most_held, size == 4 ? 1U : 16U);
        }
    }
}

TEST(VirtioBlk, DiscardsAsMuchAtOnceAsTheDeviceTakes) {
    using fs::Discarded;
    constexpr auto all = fakes::FakeVirtioBlk::can_discard | fakes::FakeVirtioBlk::can_zero;
    for (const bool may_be_hole : {true, false}) {
        VirtioDisk disk;
        disk.hardware.features |= all;
        disk.hardware.queue_size = 4;
        disk.hardware.zeroed_may_be_hole = may_be_hole;
        ASSERT_TRUE(disk.start());
        expect_laws(disk.device, disk.direct(4096));
        disk.hardware.discards = 0;
        EXPECT_TRUE(disk.device.discard(fs::BlockIndex(10), 7, Discarded::anything));
        EXPECT_EQ(disk.hardware.discards, 3U);  // 3 + 3 + 1
        EXPECT_TRUE(disk.device.discard(fs::BlockIndex(10), 4, Discarded::zeros));
        EXPECT_EQ(disk.hardware.discards, 5U);
        EXPECT_TRUE(disk.device.discard(fs::BlockIndex(1000), 0, Discarded::zeros));
        EXPECT_EQ(disk.device.discard(fs::BlockIndex(999), 2, Discarded::zeros).error(),
                  Errc::out_of_range);
        EXPECT_EQ(disk.hardware.discards, 5U);
        disk.hardware.failing_requests = 1;
        EXPECT_EQ(disk.device.discard(fs::BlockIndex(0), 1, Discarded::zeros).error(),
                  Errc::io_error);
        EXPECT_TRUE(disk.device.flush());  // and it goes on
    }
    VirtioDisk one;
    one.hardware.features |= fakes::FakeVirtioBlk::can_discard;
    ASSERT_TRUE(one.start());
    EXPECT_TRUE(one.device.discard(fs::BlockIndex(1), 1, Discarded::anything));
    EXPECT_EQ(one.device.discard(fs::BlockIndex(1), 1, Discarded::zeros).error(),
              Errc::not_supported);
    VirtioDisk none;
    ASSERT_TRUE(none.start());
    EXPECT_EQ(none.device.discard(fs::BlockIndex(1), 1, Discarded::anything).error(),
              Errc::not_supported);
}

TEST(VirtioBlk, ReadsManyBlocksAndBuffersInOneRequest) {
    VirtioDisk disk;
    ASSERT_TRUE(disk.start());
    for (std::size_t i = 0; i < disk.hardware.disk().size(); ++i) {
        disk.hardware.disk()[i] = static_cast<std::byte>(i / 512);
    }
    disk.hardware.requests = 0;
    ASSERT_TRUE(disk.device.read(fs::BlockIndex(10), disk.direct(64 * 512)));
    EXPECT_EQ(disk.hardware.requests, 1U);
    std::vector<std::span<std::byte>> pages;
    for (std::size_t n = 0; n < 8; ++n) {
        pages.push_back(disk.direct(std::size_t{8} * 8192).subspan((7 - n) * 8192, 4096));
    }
    ASSERT_TRUE(disk.device.read_scattered(fs::BlockIndex(20), pages));
    EXPECT_EQ(disk.hardware.requests, 2U);
    for (std::size_t n = 0; n < 8; ++n) {
        EXPECT_EQ(pages[n][0], static_cast<std::byte>(20 + 8 * n));
        EXPECT_EQ(pages[n][4095], static_cast<std::byte>(27 + 8 * n));
    }
    // A mix of reachable and unreachable buffers, larger than the bounce buffer.
    std::vector<std::byte> heap(40 * 512);
    const std::array<std::span<std::byte>, 3> mixed{disk.direct(512), std::span<std::byte>(heap),
                                                    disk.direct(2048).subspan(512, 512)};
    ASSERT_TRUE(disk.device.read_scattered(fs::BlockIndex(100), mixed));
    EXPECT_EQ(mixed[0][0], std::byte{100});
    EXPECT_EQ(heap[39 * 512], std::byte{140});
    EXPECT_EQ(mixed[2][0], std::byte{141});
    ASSERT_TRUE(disk.device.write(fs::BlockIndex(200), heap));
    EXPECT_EQ(disk.hardware.disk()[239 * 512], std::byte{140});
    // And the other way, all that the device reaches in one request.
    const std::uint64_t before = disk.hardware.requests;
    const std::vector<std::span<const std::byte>> sources(pages.begin(), pages.end());
    ASSERT_TRUE(disk.device.write_scattered(fs::BlockIndex(300), sources));
    EXPECT_EQ(disk.hardware.requests, before + 1);
    for (std::size_t n = 0; n < 8; ++n) {
        EXPECT_EQ(disk.hardware.disk()[(300 + 8 * n) * 512], pages[n][0]);
        EXPECT_EQ(disk.hardware.disk()[(307 + 8 * n) * 512], pages[n][4095]);
    }
    const std::array<std::span<const std::byte>, 3> mixed_sources{mixed[0], mixed[1], mixed[2]};
    ASSERT_TRUE(disk.device.write_scattered(fs::BlockIndex(400), mixed_sources));
    EXPECT_EQ(disk.hardware.disk()[400 * 512], std::byte{100});
    EXPECT_EQ(disk.hardware.disk()[440 * 512], std::byte{140});
    EXPECT_EQ(disk.hardware.disk()[441 * 512], std::byte{141});
    disk.hardware.segments_max = 2;
    ASSERT_TRUE(disk.start());
    ASSERT_TRUE(disk.device.read_scattered(fs::BlockIndex(20), pages));
    EXPECT_EQ(pages[7][0], std::byte{76});
}

TEST(VirtioBlk, ReportsErrorsAndSilence) {
    VirtioDisk disk;
    ASSERT_TRUE(disk.start());
    disk.hardware.failing_requests = 1;
    EXPECT_EQ(disk.device.read(fs::BlockIndex(0), disk.direct(512)).error(), Errc::io_error);
    EXPECT_TRUE(disk.device.read(fs::BlockIndex(0), disk.direct(512)));
    disk.hardware.failing_requests = 1;
    disk.hardware.failure = 2;
    EXPECT_EQ(disk.device.flush().error(), Errc::not_supported);
    disk.hardware.answers = false;
    EXPECT_EQ(disk.device.flush().error(), Errc::timed_out);
    EXPECT_TRUE(disk.hardware.is_reset());  // it cannot write into our memory any more
    disk.hardware.answers = true;
    EXPECT_EQ(disk.device.read(fs::BlockIndex(0), disk.direct(512)).error(), Errc::io_error);
    EXPECT_TRUE(disk.start());
    EXPECT_TRUE(disk.device.read(fs::BlockIndex(0), disk.direct(512)));
}

TEST(VirtioBlk, KnowsWhatItCannotDrive) {
    VirtioDisk disk;
    disk.hardware.queue_size = 1024;
    EXPECT_EQ(disk.start().error(), Errc::not_supported);
    disk.hardware.queue_size = 0;
    EXPECT_EQ(disk.start().error(), Errc::no_device);
    for (const int too_short : {1, 2}) {  // a request is a header, data and a status
        disk.hardware.queue_size = static_cast<std::uint16_t>(too_short);
        const Status started = disk.start();
        ASSERT_FALSE(started);
        EXPECT_EQ(started.error(), Errc::not_supported);
    }
    disk.hardware.queue_size = 8;
    disk.hardware.features = 1U << 5;  // read-only, no flush
    ASSERT_TRUE(disk.start());
    EXPECT_EQ(disk.device.write(fs::BlockIndex(0), disk.direct(512)).error(), Errc::read_only);
    EXPECT_TRUE(disk.device.flush());
    EXPECT_EQ(disk.hardware.requests, 0U);
}

/// A configuration space with a bridge, a ring of bridges and a function behind them.
struct FakeBuses {
    std::uint32_t address = 0;
    std::uint32_t command = 0;
    std::uint8_t read8(std::uint16_t) noexcept { return 0xFF; }
    std::uint16_t read16(std::uint16_t) noexcept { return 0xFFFF; }
    std::uint32_t read32(std::uint16_t) noexcept {
        const std::uint32_t function = address >> 8 & 0xFFFFU;
        const std::uint32_t offset = address & 0xFCU;
        const bool bridge = function == 0x0010 || function == 0x0508;
        if (!bridge && function != 0x0503 && function != 0x0500) {
            return 0xFFFF'FFFF;
        }
        switch (offset) {
            case 0x00:
                return bridge ? 0x1111'2222 : 0x3333'4444U + (function & 7U);
            case 0x04:
                return command;
            case 0x0C:
                return bridge ? 0x0001'0000 : 0x0080'0000;
            case 0x18:
                return function == 0x0010 ? 0x0000'0500 : 0x0000'0000;  // bus 5; back to bus 0
            default:
                return 0;
        }
    }
    void write8(std::uint16_t, std::uint8_t) noexcept {}
    void write16(std::uint16_t, std::uint16_t) noexcept {}
    void write32(std::uint16_t port, std::uint32_t value) noexcept {
        (port == 0xCF8 ? address : command) = value;
    }
};

TEST(Pci, FindsFunctionsBehindBridges) {
    FakeBuses buses;
    Pci<FakeBuses, NullLock> pci(buses);
    const auto found = pci.find(0x4444 + 3, 0x3333);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->address, (PciAddress{5, 0, 3}));
    EXPECT_FALSE(pci.find(0x1AF4, 0x1001));
    int count = 0;
    pci.for_each([&](const PciFunction&) { return ++count < 100; });
    EXPECT_EQ(count, 4);
    EXPECT_FALSE(pci.port_base(found->address, 0));
    buses.command = 0xFFFF'0100;
    pci.enable(found->address);
    EXPECT_EQ(buses.command, 0x0000'0107U);  // status bits are not written back
}

/// One function with registers of each kind, of which only the upper bits can be written.
struct FakeRegisters {
    std::uint32_t address = 0;
    std::array<std::uint32_t, 16> words{0x0001'8086, 0x0290'0107};
    std::array<std::uint32_t, 16> wired{};  ///< bits that writing does not change
    std::uint32_t commands = 0;             ///< writes to the command register
    bool moved_while_decoding = false;
    FakeRegisters() {
        wired.fill(~0U);
        words[4] = 0x0000'C101;  // 16 ports
        wired[4] = 0xFFFF'000F;
        words[5] = 0xFE00'0008;  // 1 MiB of memory that may be prefetched
        wired[5] = 0x000F'FFFF;
        words[6] = 0xD000'000C;  // 64-bit memory of 8 GiB
        wired[6] = 0xFFFF'FFFF;
        words[7] = 0x0000'0004;
        wired[7] = 0x0000'0001;
    }
    std::uint8_t read8(std::uint16_t) noexcept { return 0xFF; }
    std::uint16_t read16(std::uint16_t) noexcept { return 0xFFFF; }
    std::uint32_t read32(std::uint16_t) noexcept { return words[address >> 2 & 15U]; }
    void write8(std::uint16_t, std::uint8_t) noexcept {}
    void write16(std::uint16_t, std::uint16_t) noexcept {}
    void write32(std::uint16_t port, std::uint32_t value) noexcept {
        if (port == 0xCF8) {
            address = value;
            return;
        }
        const std::size_t n = address >> 2 & 15U;
        if (n == 1) {
            ++commands;
            words[1] = value;
            return;
        }
        moved_while_decoding = moved_while_decoding || (words[1] & 3U) != 0;
        words[n] = (words[n] & wired[n]) | (value & ~wired[n]);
    }
};

TEST(Pci, FindsHowMuchIsDecodedAndLeavesItAsItWas) {
    FakeRegisters registers;
    registers.words[6] = 0x0000'000C;  // what a 64-bit range of 8 GiB can keep in its lower half
    const FakeRegisters before = registers;
    Pci<FakeRegisters, NullLock> pci(registers);
    const auto found = pci.ranges({});
    EXPECT_TRUE(found[0].is_ports);
    EXPECT_EQ(found[0].first, 0xC100U);
    EXPECT_EQ(found[0].size, 16U);
    EXPECT_EQ(found[1].first, 0xFE00'0000U);
    EXPECT_EQ(found[1].size, 1U << 20);
    EXPECT_TRUE(found[1].is_prefetched && !found[1].is_wide);
    EXPECT_TRUE(found[2].is_wide);
    EXPECT_EQ(found[2].first, std::uint64_t{4} << 32);
    EXPECT_EQ(found[2].size, std::uint64_t{2} << 32);
    EXPECT_EQ(found[3].size, 0U);  // the upper half of the one before
    EXPECT_EQ(found[4].size, 0U);
    EXPECT_EQ(registers.words[1], before.words[1] & 0xFFFFU);  // status bits are not written back
    EXPECT_TRUE(std::ranges::equal(std::span(registers.words).subspan(2),
                                   std::span(before.words).subspan(2)));
    EXPECT_FALSE(registers.moved_while_decoding);
    EXPECT_EQ(registers.commands, 2U);
}

}  // namespace
}  // namespace kidney::drivers
