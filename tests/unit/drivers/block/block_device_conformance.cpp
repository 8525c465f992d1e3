/// Every model of `BlockDevice` against every law. A new model is one Subject below and its name in
/// the list.
#include "drivers/block/ram_disk.hpp"
#include "fs/block/any_block_device.hpp"
#include "fs/block/counting_block_device.hpp"
#include "tests/archetypes/block_device.hpp"
#include "tests/fakes/block/faulty_block_device.hpp"
#include "tests/fakes/block/recording_block_device.hpp"
#include "tests/fakes/fake_disk.hpp"
#include "tests/laws/block_device_laws.hpp"
#include "tests/support/law_test.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

// The wrappers need nothing beyond the contract.
template class kidney::fakes::FaultyBlockDevice<kidney::archetypes::BlockDevice>;
template class kidney::fakes::RecordingBlockDevice<kidney::archetypes::BlockDevice>;

namespace kidney {
namespace {

namespace laws_of = laws::block_device;

template <std::uint32_t BlockSize>
struct RamDiskSubject {
    std::vector<std::byte> memory = std::vector<std::byte>(64 * BlockSize + 100);
    drivers::RamDisk device{memory, BlockSize};
};
struct FakeDiskSubject {
    fakes::FakeDisk device{64, 512};
};
struct FaultySubject {
    fakes::FakeDisk disk{64, 1024};
    fakes::FaultyBlockDevice<fakes::FakeDisk> device{disk};
};
struct RecordingSubject {
    fakes::FakeDisk disk{64, 512};
    std::array<fakes::BlockRecord, 10> log{};
    fakes::RecordingBlockDevice<fakes::FakeDisk> device{disk, log};
};
/// Time passes by a millisecond at each look.
struct TickingClock {
    static inline Instant time;
    static Instant now() noexcept { return time = time + Duration::milliseconds(1); }
};
using Counting = fs::CountingBlockDevice<fs::AnyBlockDevice, TickingClock>;
struct CountingSubject {
    fakes::FakeDisk disk{64, 512};
    Counting device{fs::AnyBlockDevice(disk)};
};
struct AnySubject {
    fakes::FakeDisk disk{64, 4096};
    fs::AnyBlockDevice device{disk};
};

template <class Subject>
class BlockDeviceLaws : public testing::Test {};
using Subjects = testing::Types<RamDiskSubject<512>, RamDiskSubject<4096>, FakeDiskSubject,
                                FaultySubject, RecordingSubject, CountingSubject, AnySubject>;
TYPED_TEST_SUITE(BlockDeviceLaws, Subjects);

TYPED_TEST(BlockDeviceLaws, AllHold) {
    TypeParam subject;
    std::vector<std::byte> scratch(laws_of::scratch_bytes(subject.device.block_size()));
    test::LawReport report;
    laws::run_laws<laws_of::Suite>(report, subject.device, std::span<std::byte>(scratch));
    test::expect_laws_held(report);
    EXPECT_GT(report.checks(), 100U);
}

/// A law is only worth its name if it catches the obvious wrong device.
class ForgetfulDisk : public fakes::FakeDisk {
public:
    using FakeDisk::FakeDisk;
    [[nodiscard]] Status flush() noexcept { return {}; }  // says yes, does nothing
};

TEST(BlockDeviceLawsThemselves, CatchAFlushThatLies) {
    ForgetfulDisk disk(64, 512);
    std::vector<std::byte> scratch(laws_of::scratch_bytes(512));
    laws::Report report;
    laws::run_laws<TypeList<laws_of::B4>>(report, disk, std::span<std::byte>(scratch));
    EXPECT_FALSE(report.passed());
}

/// The block before goes, too.
class ClumsyDisk : public fakes::FakeDisk {
public:
    using FakeDisk::FakeDisk;
    [[nodiscard]] Status discard(fs::BlockIndex first, std::uint64_t count,
                                 fs::Discarded to) noexcept {
        return FakeDisk::discard(fs::BlockIndex(first.value() - 1), count + 1, to);
    }
};
/// Says that there are zeros.
class ForgettingDisk : public fakes::FakeDisk {
public:
    using FakeDisk::FakeDisk;
    [[nodiscard]] Status discard(fs::BlockIndex first, std::uint64_t count,
                                 fs::Discarded) noexcept {
        return FakeDisk::discard(first, count, fs::Discarded::anything);
    }
};
template <class Disk>
bool keeps_b6() {
    Disk disk(64, 512);
    std::vector<std::byte> scratch(laws_of::scratch_bytes(512));
    laws::Report report;
    laws::run_laws<TypeList<laws_of::B6>>(report, disk, std::span<std::byte>(scratch));
    return report.passed();
}
TEST(BlockDeviceLawsThemselves, CatchDiscardsThatDoOtherwise) {
    EXPECT_TRUE(keeps_b6<fakes::FakeDisk>());
    EXPECT_FALSE(keeps_b6<ClumsyDisk>());
    EXPECT_FALSE(keeps_b6<ForgettingDisk>());
}

TEST(FaultyBlockDevice, FailsTheChosenOperation) {
    fakes::FakeDisk disk(8, 512);
    fakes::FaultyBlockDevice faulty(disk);
    std::array<std::byte, 512> block{};
    faulty.fail_operation(1, decltype(faulty)::Mode::one_shot);
    EXPECT_TRUE(faulty.write(fs::BlockIndex(0), block));
    EXPECT_EQ(faulty.read(fs::BlockIndex(0), block).error(), Errc::io_error);
    EXPECT_TRUE(faulty.flush());
    faulty.fail_operation(0, decltype(faulty)::Mode::from_then_on);
    EXPECT_FALSE(faulty.flush());
    EXPECT_FALSE(faulty.flush());
    faulty.heal();
    EXPECT_TRUE(faulty.flush());
    EXPECT_EQ(faulty.operations(), 6U);
    faulty.fail_operation(0, decltype(faulty)::Mode::one_shot);
    EXPECT_EQ(faulty.discard(fs::BlockIndex(0), 8, fs::Discarded::zeros).error(), Errc::io_error);
    EXPECT_TRUE(faulty.discard(fs::BlockIndex(0), 8, fs::Discarded::zeros));
    EXPECT_EQ(disk.discards(), 1U);
}

TEST(CountingBlockDevice, CountsWhatSucceeds) {
    fakes::FakeDisk disk(8, 512);
    Counting counting{fs::AnyBlockDevice(disk)};
    std::array<std::byte, 1024> two{};
    EXPECT_TRUE(counting.read(fs::BlockIndex(3), two));
    const std::array<std::span<std::byte>, 2> buffers{std::span(two).first(512),
                                                      std::span(two).last(512)};
    EXPECT_TRUE(counting.read_scattered(fs::BlockIndex(0), buffers));
    EXPECT_FALSE(counting.write(fs::BlockIndex(7), two));
    EXPECT_TRUE(counting.write(fs::BlockIndex(0), std::span(two).first(512)));
    EXPECT_TRUE(counting.discard(fs::BlockIndex(1), 3, fs::Discarded::anything));
    EXPECT_TRUE(counting.flush());
    const fs::BlockStatistics s = counting.statistics();
    EXPECT_EQ(s.read.requests, 2U);
    EXPECT_EQ(s.read.bytes, 2048U);
    EXPECT_EQ(s.read.time, Duration::milliseconds(2));
    EXPECT_EQ(s.written.requests, 1U);
    EXPECT_EQ(s.written.bytes, 512U);
    EXPECT_EQ(s.discarded.requests, 1U);
    EXPECT_EQ(s.discarded.bytes, 1536U);
    EXPECT_EQ(s.flushes, 1U);
    EXPECT_EQ(s.in_flight, 0U);
}

TEST(CountingBlockDevice, WhatADeviceNeverDoesIsNoFailure) {
    struct Listener final : fs::BlockFailureListener {
        unsigned count = 0;
        void failed(const fs::BlockFailure& failure) noexcept override {
            EXPECT_EQ(failure.kind, fs::BlockFailure::Kind::discard);
            EXPECT_EQ(failure.bytes, 1024U);
            ++count;
        }
    } listener;
    struct WithoutDiscard : fakes::FakeDisk {
        using FakeDisk::FakeDisk;
        Status discard(fs::BlockIndex, std::uint64_t, fs::Discarded to) noexcept {
            return fail(to == fs::Discarded::zeros ? Errc::not_supported : Errc::io_error);
        }
    } disk(8, 512);
    Counting counting(fs::AnyBlockDevice(disk), &listener);
    EXPECT_EQ(counting.discard(fs::BlockIndex(0), 2, fs::Discarded::zeros).error(),
              Errc::not_supported);
    EXPECT_EQ(listener.count, 0U);
    EXPECT_EQ(counting.discard(fs::BlockIndex(0), 2, fs::Discarded::anything).error(),
              Errc::io_error);
    EXPECT_EQ(listener.count, 1U);
    EXPECT_EQ(counting.statistics().discarded.requests, 0U);
}

TEST(RecordingBlockDevice, KeepsWhatFits) {
    fakes::FakeDisk disk(8, 512);
    std::array<fakes::BlockRecord, 2> log{};
    fakes::RecordingBlockDevice recording(disk, log);
    std::array<std::byte, 1024> two{};
    EXPECT_TRUE(recording.read(fs::BlockIndex(3), two));
    EXPECT_FALSE(recording.write(fs::BlockIndex(7), two));
    EXPECT_TRUE(recording.flush());
    ASSERT_EQ(recording.records().size(), 2U);
    EXPECT_EQ(recording.operations(), 3U);
    EXPECT_EQ(recording.records()[0].first, fs::BlockIndex(3));
    EXPECT_EQ(recording.records()[0].blocks, 2U);
    EXPECT_FALSE(recording.records()[1].succeeded);
}

/// Writes blocks 2 to 4 from two buffers, and one run that is too long.
template <class Device>
void write_two_buffers(Device& device) {
    std::array<std::byte, 512> a{};
    std::array<std::byte, 1024> b{};
    a.fill(std::byte{'a'});
    b.fill(std::byte{'b'});
    const std::array<std::span<const std::byte>, 2> from{std::span<const std::byte>(a),
                                                         std::span<const std::byte>(b)};
    EXPECT_TRUE(device.write_scattered(fs::BlockIndex(2), from));
    EXPECT_EQ(device.write_scattered(fs::BlockIndex(6), from).error(), Errc::out_of_range);
}
void expect_two_buffers(std::span<const std::byte> disk) {
    EXPECT_EQ(disk[1023], std::byte{0});
    EXPECT_EQ(disk[1024], std::byte{'a'});
    EXPECT_EQ(disk[1535], std::byte{'a'});
    EXPECT_EQ(disk[1536], std::byte{'b'});
    EXPECT_EQ(disk[2559], std::byte{'b'});
    EXPECT_EQ(disk[2560], std::byte{0});
    EXPECT_EQ(disk[3072], std::byte{0});  // nothing of the run that was too long
}

TEST(AnyBlockDevice, WritesScatteredBuffersInOneCommand) {
    fakes::FakeDisk disk(8, 512);
    fakes::FaultyBlockDevice faulty(disk);
    std::array<fakes::BlockRecord, 4> log{};
    fakes::RecordingBlockDevice recording(faulty, log);
    Counting counting{fs::AnyBlockDevice(recording)};
    fs::AnyBlockDevice any(counting);
    write_two_buffers(any);
    expect_two_buffers(disk.bytes());
    EXPECT_EQ(disk.writes(), 1U);
    EXPECT_EQ(faulty.operations(), 2U);
    EXPECT_EQ(recording.records()[0].blocks, 3U);
    EXPECT_EQ(counting.statistics().written.requests, 1U);
    EXPECT_EQ(counting.statistics().written.bytes, 1536U);
}

TEST(AnyBlockDevice, WritesScatteredBuffersOneByOneWhereTheDeviceCannot) {
    std::vector<std::byte> memory(8 * 512);
    drivers::RamDisk ram(memory, 512);
    static_assert(!fs::ScatterBlockDevice<drivers::RamDisk>);
    fs::AnyBlockDevice any(ram);
    write_two_buffers(any);
    expect_two_buffers(memory);
}

TEST(AnyBlockDevice, ReadsScatteredBuffers) {
    fakes::FakeDisk disk(8, 512);
    for (std::size_t i = 0; i < disk.bytes().size(); ++i) {
        disk.bytes()[i] = static_cast<std::byte>(i / 512);
    }
    fs::AnyBlockDevice any(disk);
    std::array<std::byte, 512> a{};
    std::array<std::byte, 1024> b{};
    const std::array<std::span<std::byte>, 2> to{std::span<std::byte>(a), std::span<std::byte>(b)};
    EXPECT_TRUE(any.read_scattered(fs::BlockIndex(5), to));
    EXPECT_EQ(a[0], std::byte{5});
    EXPECT_EQ(b[0], std::byte{6});
    EXPECT_EQ(b[1023], std::byte{7});
}

}  // namespace
}  // namespace kidney
