/// ATA channels against a fake one: two drives, with a bus master and without, the laws, and what
/// goes wrong.
#include "drivers/block/ata_channel.hpp"
#include "drivers/block/ata_drive.hpp"
#include "drivers/block/atapi_drive.hpp"
#include "fs/block/waiting_device.hpp"
#include "sim/ram_arena.hpp"
#include "tests/fakes/arena_dma.hpp"
#include "tests/fakes/fake_ata.hpp"
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

struct Machine {
    using Channel = AtaChannel<fakes::FakeAta, ArenaDma, TickingClock, NullLock>;

    explicit Machine(bool with_master, std::size_t sectors = 700, std::size_t of_slave = 64)
        : hardware(sectors, of_slave, &arena),
          channel(hardware, dma,
                  {0x1F0, 0x3F6, with_master ? fakes::FakeAta::bus_master : std::uint16_t{0}},
                  memory) {}

    sim::RamArena arena{128};
    fakes::FakeAta hardware;
    ArenaDma dma{arena};
    DmaMemory memory{{arena.direct(FrameNumber(8)).data(), Channel::memory_frames* page_size},
                     FrameNumber(8).address()};
    Channel channel;

    std::span<std::byte> direct(std::size_t bytes) {
        return {arena.direct(FrameNumber(15)).data(), bytes};  // across a border of 64 KiB
    }
};

/// A drive whose interrupts come, or are lost, when it is polled.
struct Subject {
    Machine& machine;
    ata::Unit unit;
    AtaDrive<Machine::Channel> drive{machine.channel, unit};
    bool loses_interrupts = false;

    void submit(fs::BlockRequest& request) noexcept { drive.submit(request); }
    void poll() noexcept {
        if (machine.hardware.interrupts > 0 && !loses_interrupts) {
            machine.channel.on_interrupt();
        } else {
            drive.poll();
        }
    }
    void fall_silent() noexcept {
        machine.hardware.drives[static_cast<std::size_t>(unit)].is_stuck = true;
    }
    std::uint32_t block_size() const noexcept { return drive.block_size(); }
    std::uint64_t block_count() const noexcept { return drive.block_count(); }
};
static_assert(fs::RequestDevice<Subject>);
static_assert(fs::RequestDevice<AtaDrive<Machine::Channel>>);

TEST(Ata, KeepsTheLaws) {
    for (const unsigned variant : {0U, 1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 9U, 10U, 11U}) {
        for (const ata::Unit unit : {ata::Unit::master, ata::Unit::slave}) {
            Machine machine((variant & 1U) != 0);
            for (auto& drive : machine.hardware.drives) {
                drive.has_lba48 = (variant & 2U) != 0;
            }
            machine.hardware.late_looks = (variant & 4U) != 0 ? 4 : 0;
            machine.channel.start();
            Subject subject{machine, unit};
            subject.loses_interrupts = (variant & 8U) != 0;
            EXPECT_EQ(subject.block_count(), unit == ata::Unit::master ? 700U : 64U);
            {
                fs::WaitingDevice<Subject, fs::RunningWait> device(subject);
                std::vector<std::byte> heap(4096);
                test::LawReport report;
                laws::run_laws<laws::block_device::Suite>(report, device,
                                                          std::span<std::byte>(heap));
                laws::run_laws<laws::block_device::Suite>(report, device, machine.direct(4096));
                test::expect_laws_held(report);
            }
            const auto& counts = machine.hardware.drives[static_cast<std::size_t>(unit)];
            EXPECT_EQ(counts.by_master > 0, (variant & 1U) != 0);
            EXPECT_GT(counts.flushes, 0U);
            std::vector<std::byte> heap(laws::request_device::scratch_bytes(512));
            test::LawReport report;
            laws::run_laws<laws::request_device::Suite>(report, subject, std::span(heap));
            test::expect_laws_held(report);
        }
    }
}

struct Waiting {
    Machine machine;
    Subject subject;
    fs::WaitingDevice<Subject, fs::RunningWait> device{subject};
    explicit Waiting(bool with_master, ata::Unit unit = ata::Unit::master)
        : machine(with_master), subject{(machine.channel.start(), machine), unit} {}
};

TEST(Ata, MovesManySectorsWithFewCommands) {
    for (const bool with_master : {false, true}) {
        Waiting disk(with_master);
        std::vector<std::byte> many(600 * 512);
        std::iota(reinterpret_cast<unsigned char*>(many.data()),
                  reinterpret_cast<unsigned char*>(many.data() + many.size()),
                  static_cast<unsigned char>(3));
        std::ranges::copy(many, disk.machine.direct(many.size()).begin());
        ASSERT_TRUE(disk.device.write(fs::BlockIndex(50), disk.machine.direct(many.size())));
        auto& drive = disk.machine.hardware.drives[0];
        EXPECT_TRUE(std::ranges::equal(many, std::span(drive.disk).subspan(50 * 512, many.size())));
        std::ranges::fill(disk.machine.direct(many.size()), std::byte{0});
        drive.commands = 0;
        ASSERT_TRUE(disk.device.read(fs::BlockIndex(50), disk.machine.direct(many.size())));
        EXPECT_EQ(drive.commands, 3U);
        EXPECT_TRUE(std::ranges::equal(many, disk.machine.direct(many.size())));
        // Where the master does not reach: by the page.
        std::vector<std::byte> back(600 * 512);
        drive.commands = 0;
        ASSERT_TRUE(disk.device.read(fs::BlockIndex(50), back));
        EXPECT_EQ(drive.commands, with_master ? 75U : 3U);
        EXPECT_EQ(many, back);
        // A mix, which is one run of sectors.
        std::vector<std::byte> heap(3 * 512);
        const std::array<std::span<std::byte>, 3> mixed{
            disk.machine.direct(512), heap, disk.machine.direct(2048).subspan(1024, 1024)};
        ASSERT_TRUE(disk.device.read_scattered(fs::BlockIndex(51), mixed));
        EXPECT_TRUE(std::ranges::equal(mixed[0], std::span(many).subspan(512, 512)));
        EXPECT_TRUE(std::ranges::equal(heap, std::span(many).subspan(1024, 1536)));
        EXPECT_TRUE(std::ranges::equal(mixed[2], std::span(many).subspan(2560, 1024)));
    }
}

TEST(Ata, BothDrivesAtOnceKeepApart) {
    for (const bool with_master : {false, true}) {
        Machine machine(with_master, 64, 64);
        machine.channel.start();
        Subject one{machine, ata::Unit::master}, other{machine, ata::Unit::slave};
        constexpr std::size_t each = 20;
        std::array<laws::request_device::Wish, 2 * each> wishes;
        std::vector<std::vector<std::byte>> bytes;
        for (std::size_t n = 0; n < wishes.size(); ++n) {
            bytes.emplace_back(512, static_cast<std::byte>(n + 1));
            wishes[n].submit(n % 2 == 0 ? one : other, fs::BlockOperation::write, n / 2, bytes[n]);
        }
        for (auto& wish : wishes) {
            ASSERT_TRUE(wish.await(one));
            EXPECT_TRUE(wish.outcome);
        }
        for (std::size_t n = 0; n < wishes.size(); ++n) {
            EXPECT_EQ(machine.hardware.drives[n % 2].disk[n / 2 * 512],
                      static_cast<std::byte>(n + 1));
        }
    }
}

TEST(Ata, AddressesBeyond28Bits) {
    for (const bool with_master : {false, true}) {
        Machine machine(with_master);
        machine.hardware.drives[0].first_sector = 0x12'3456'7890;
        machine.channel.start();
        Subject subject{machine, ata::Unit::master};
        fs::WaitingDevice<Subject, fs::RunningWait> device(subject);
        std::vector<std::byte> sector(512, std::byte{0x5A});
        ASSERT_TRUE(device.write(fs::BlockIndex(0x12'3456'7890 + 5), sector));
        std::vector<std::byte> back(512);
        ASSERT_TRUE(device.read(fs::BlockIndex(0x12'3456'7890 + 5), back));
        EXPECT_EQ(sector, back);
    }
}

TEST(Ata, FindsWhatIsThere) {
    Machine none(true, 0, 0);
    none.channel.start();
    EXPECT_EQ(none.channel.drive(ata::Unit::master).sectors, 0U);
    Machine floating(true);
    floating.hardware.is_floating = true;
    floating.channel.start();
    EXPECT_EQ(floating.channel.drive(ata::Unit::master).sectors, 0U);
    Machine slave_only(true, 0, 10);
    slave_only.channel.start();
    EXPECT_EQ(slave_only.channel.drive(ata::Unit::master).sectors, 0U);
    EXPECT_EQ(slave_only.channel.drive(ata::Unit::slave).sectors, 10U);
    Machine stuck(true);
    stuck.hardware.drives[0].is_stuck = true;
    stuck.channel.start();
    EXPECT_EQ(stuck.channel.drive(ata::Unit::master).sectors, 0U);
    EXPECT_EQ(stuck.channel.drive(ata::Unit::slave).sectors, 64U);
    Machine slow(true);
    slow.hardware.drives[0].has_dma = false;
    slow.channel.start();
    EXPECT_FALSE(slow.channel.drive(ata::Unit::master).uses_master);
    EXPECT_TRUE(slow.channel.drive(ata::Unit::slave).uses_master);
}

TEST(Ata, AnErrorIsOneOfThisRequest) {
    for (const bool with_master : {false, true}) {
        Waiting disk(with_master);
        std::vector<std::byte> sector(512);
        disk.machine.hardware.failing_commands = 1;
        EXPECT_EQ(disk.device.read(fs::BlockIndex(0), sector).error(), Errc::io_error);
        EXPECT_TRUE(disk.device.read(fs::BlockIndex(0), sector));
        disk.machine.hardware.failing_commands = 1;
        EXPECT_EQ(disk.device.write(fs::BlockIndex(0), sector).error(), Errc::io_error);
        EXPECT_TRUE(disk.device.write(fs::BlockIndex(0), sector));
        disk.machine.hardware.failing_commands = 1;
        EXPECT_EQ(disk.device.flush().error(), Errc::io_error);
        EXPECT_TRUE(disk.device.flush());
    }
    Waiting disk(true);
    disk.machine.hardware.master_fails = true;
    EXPECT_EQ(disk.device.read(fs::BlockIndex(0), disk.machine.direct(1024)).error(),
              Errc::io_error);
    disk.machine.hardware.master_fails = false;
    EXPECT_TRUE(disk.device.read(fs::BlockIndex(0), disk.machine.direct(1024)));
}

TEST(Ata, WhereTheMasterIsSilentTheProcessorMovesTheBytes) {
    Waiting disk(true);
    disk.machine.hardware.master_is_stuck = true;
    std::vector<std::byte> sector(512, std::byte{7});
    EXPECT_TRUE(disk.device.write(fs::BlockIndex(3), sector));
    EXPECT_EQ(disk.machine.hardware.resets, 1U);
    EXPECT_EQ(disk.machine.hardware.drives[0].disk[3 * 512], std::byte{7});
    EXPECT_FALSE(disk.machine.channel.drive(ata::Unit::master).uses_master);
    EXPECT_TRUE(disk.machine.channel.drive(ata::Unit::slave).uses_master);
}

TEST(Ata, ASilentDriveIsGivenUpAndTheOtherGoesOn) {
    for (const bool with_master : {false, true}) {
        Machine machine(with_master);
        machine.channel.start();
        Subject one{machine, ata::Unit::master}, other{machine, ata::Unit::slave};
        fs::WaitingDevice<Subject, fs::RunningWait> silent(one), good(other);
        std::vector<std::byte> sector(512);
        machine.hardware.drives[0].is_stuck = true;
        EXPECT_EQ(silent.read(fs::BlockIndex(0), sector).error(), Errc::timed_out);
        machine.hardware.drives[0].is_stuck = false;
        EXPECT_EQ(silent.read(fs::BlockIndex(0), sector).error(), Errc::io_error);
        EXPECT_EQ(silent.flush().error(), Errc::io_error);
        EXPECT_TRUE(good.write(fs::BlockIndex(0), sector));
    }
}

/// A CD drive as slave, beside a disk.
struct CdMachine {
    Machine machine{true, 64, 400};  // 100 blocks of the medium
    fakes::FakeAta::Drive& drive = machine.hardware.drives[1];
    AtapiDrive<Machine::Channel, fs::RunningWait, NullLock> cd{machine.channel, ata::Unit::slave};
    fs::WaitingDevice<decltype(cd), fs::RunningWait> device{cd};
    CdMachine() {
        drive.is_packet = true;
        machine.channel.start();
        std::iota(reinterpret_cast<unsigned char*>(drive.disk.data()),
                  reinterpret_cast<unsigned char*>(drive.disk.data() + drive.disk.size()),
                  static_cast<unsigned char>(9));
        drive.disk[2048] = std::byte{0xAB};
    }
    bool reads(std::size_t block, std::size_t blocks) {
        std::vector<std::byte> bytes(blocks * 2048);
        return device.read(fs::BlockIndex(block), bytes) &&
               std::ranges::equal(bytes, std::span(drive.disk).subspan(block * 2048, bytes.size()));
    }
};
static_assert(fs::RequestDevice<AtapiDrive<Machine::Channel, fs::RunningWait, NullLock>>);

TEST(Atapi, ReadsWhatIsOnTheMedium) {
    CdMachine m;
    EXPECT_TRUE(m.machine.channel.drive(ata::Unit::slave).is_packet);
    EXPECT_EQ(m.device.block_count(), 0U);
    EXPECT_EQ(m.cd.look(), Result<bool>(true));
    EXPECT_EQ(m.cd.look(), Result<bool>(false));
    EXPECT_EQ(m.device.block_count(), 100U);
    EXPECT_EQ(m.device.block_size(), 2048U);
    for (const std::size_t at_a_time : {0xFFFEU, 2048U, 2U, 1022U}) {
        m.drive.at_a_time = at_a_time;
        EXPECT_TRUE(m.reads(1, 3)) << at_a_time;
    }
    EXPECT_TRUE(m.reads(0, 100));  // more than the drive has at a time
    std::vector<std::byte> bytes(4096);
    const std::array<std::span<std::byte>, 2> parts{std::span(bytes).first(2048),
                                                    std::span(bytes).subspan(2048)};
    ASSERT_TRUE(m.device.read_scattered(fs::BlockIndex(1), parts));
    EXPECT_EQ(bytes[0], std::byte{0xAB});
    EXPECT_EQ(m.device.read(fs::BlockIndex(99), bytes).error(), Errc::out_of_range);
    EXPECT_EQ(m.device.write(fs::BlockIndex(0), bytes).error(), Errc::read_only);
    EXPECT_TRUE(m.device.flush());
}

TEST(Atapi, TheMediumComesAndGoes) {
    CdMachine m;
    m.drive.has_medium = false;
    EXPECT_EQ(m.cd.look().error(), Errc::no_device);
    EXPECT_EQ(m.device.block_count(), 0U);
    m.drive.has_medium = true;
    m.drive.attention = true;
    EXPECT_EQ(m.cd.look(), Result<bool>(true));
    EXPECT_TRUE(m.reads(0, 1));
    m.drive.attention = true;  // another one of the same size
    std::vector<std::byte> bytes(2048);
    EXPECT_EQ(m.device.read(fs::BlockIndex(0), bytes).error(), Errc::io_error);
    EXPECT_EQ(m.cd.look(), Result<bool>(true));
    EXPECT_TRUE(m.reads(0, 1));
    m.drive.has_medium = false;
    EXPECT_EQ(m.device.read(fs::BlockIndex(0), bytes).error(), Errc::io_error);
    EXPECT_EQ(m.cd.look().error(), Errc::no_device);
}

TEST(Atapi, ErrorsShortAnswersAndSilenceAreErrorsOfTheRead) {
    CdMachine m;
    ASSERT_TRUE(m.cd.look());
    std::vector<std::byte> bytes(2048);
    m.machine.hardware.failing_commands = 1;
    EXPECT_EQ(m.device.read(fs::BlockIndex(0), bytes).error(), Errc::io_error);
    EXPECT_TRUE(m.reads(0, 1));
    m.drive.cut = 2;
    EXPECT_EQ(m.device.read(fs::BlockIndex(0), bytes).error(), Errc::io_error);
    m.drive.cut = 0;
    EXPECT_TRUE(m.reads(0, 1));
    m.drive.is_stuck = true;
    EXPECT_EQ(m.device.read(fs::BlockIndex(0), bytes).error(), Errc::timed_out);
    EXPECT_EQ(m.cd.look().error(), Errc::io_error);
    Subject disk{m.machine, ata::Unit::master};
    fs::WaitingDevice<Subject, fs::RunningWait> good(disk);
    EXPECT_TRUE(good.read(fs::BlockIndex(0), bytes));
}

}  // namespace
}  // namespace kidney::drivers
