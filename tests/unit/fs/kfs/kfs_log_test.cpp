/// The log of kfs by itself: what was committed is there after every loss of power, what was not is
/// not, and what is old never comes back.
#include "fs/kfs/log.hpp"
#include "fs/kfs/make.hpp"
#include "tests/crash/power_disk.hpp"
#include "tests/fakes/block/faulty_block_device.hpp"
#include "tests/fakes/fake_disk.hpp"
#include "tests/fakes/fake_heap.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace kidney::fs::kfs {
namespace {

template <BlockDevice Device>
Geometry made(Device& device, Uuid uuid = {7}) {
    Block scratch;
    EXPECT_TRUE(make(device, {.uuid = uuid, .inodes = 16, .log_blocks = 16}, scratch));
    std::vector<std::byte> block(4096);
    EXPECT_TRUE(device.read(BlockIndex(0), block));
    Complaint complaint;
    return *Geometry::create(load<Superblock>(block, 0),
                             device.block_count() * device.block_size() / 4096, complaint);
}

/// A log, and what it gives back: by block, the text of its records.
template <BlockDevice Device>
struct LogOf {
    LogOf(Device& its_device, const Geometry& g) : device(its_device), log(heap, device) {
        EXPECT_TRUE(log.open(g, complaint));
    }
    [[nodiscard]] Result<bool> recover() {
        found.clear();
        return log.recover(
            [&](const RecordHeader& record, std::span<const std::byte> bytes) -> Status {
                std::string& text = found[record.block];
                if (record.is_fresh()) {
                    text.clear();
                }
                text.resize(std::max<std::size_t>(text.size(), record.offset() + bytes.size()));
                std::memcpy(text.data() + record.offset(), bytes.data(), bytes.size());
                return {};
            },
            complaint);
    }
    Status commit(std::uint32_t block, const std::string& text, std::uint32_t times = 1) {
        LogSize size;
        for (std::uint32_t n = 0; n < times; ++n) {
            size.add(static_cast<std::uint32_t>(text.size()));
        }
        if (log.sectors_of(size) > log.free_sectors()) {
            TRY(log.forget());
            TRY(device.flush());
            log.note_flush();
        }
        log.begin(size);
        for (std::uint32_t n = 0; n < times; ++n) {
            log.put({.block = block + n, .length = static_cast<std::uint16_t>(text.size())},
                    std::as_bytes(std::span(text)));
        }
        return log.commit();
    }
    Device& device;
    fakes::FakeHeap heap;
    Complaint complaint;
    Log<Device, fakes::FakeHeap> log;
    std::map<std::uint32_t, std::string> found;
};

TEST(KfsLog, OneCommandAndOneFlush) {
    fakes::FakeDisk disk(1024, 512);
    const Geometry g = made(disk);
    LogOf<fakes::FakeDisk> l(disk, g);
    EXPECT_FALSE(*l.recover());
    const auto before = disk.writes();
    ASSERT_TRUE(l.commit(60, std::string(300, 'a'), 5));
    EXPECT_EQ(disk.writes() - before, 1U);
    EXPECT_EQ(disk.pending(), 0U);
    EXPECT_EQ(l.log.live_sectors(), 4U);
    LogOf<fakes::FakeDisk> again(disk, g);
    ASSERT_TRUE(*again.recover());
    EXPECT_EQ(again.found.size(), 5U);
    EXPECT_EQ(again.found[62], std::string(300, 'a'));
}

/// Round and round the ring, in sizes that meet its end everywhere; the newest are always there.
TEST(KfsLog, WrapsAnywhere) {
    for (const std::uint32_t device_block : {512U, 1024U, 4096U}) {
        fakes::FakeDisk disk((512U << 10) / device_block, device_block);
        const Geometry g = made(disk);
        LogOf<fakes::FakeDisk> l(disk, g);
        for (std::uint32_t n = 0; n < 300; ++n) {
            const std::string text(1 + n * 97 % 3000, static_cast<char>('a' + n % 26));
            ASSERT_TRUE(l.commit(50 + n % 40, text, 1 + n % 13)) << n;
            LogOf<fakes::FakeDisk> again(disk, g);
            ASSERT_TRUE(*again.recover()) << n;
            ASSERT_EQ(again.found[50 + n % 40].substr(0, text.size()), text) << n;
            EXPECT_EQ(again.log.sequence(), l.log.sequence());
        }
    }
}

/// Every subset of the sectors of a transaction, torn in every order: it is there as a whole or not
/// at all, and those before it are always there.
TEST(KfsLog, TornInAllWays) {
    crash::PowerDisk disk(1024);
    const Geometry g = made(disk);
    crash::WriteLog log;
    {
        LogOf<crash::PowerDisk> l(disk, g);
        ASSERT_TRUE(l.commit(60, "the first"));
        disk.make_base();
        disk.record(&log);
        ASSERT_TRUE(l.commit(61, std::string(500, 'x'), 6));
        disk.record(nullptr);
    }
    ASSERT_EQ(log.writes.size(), 1U);
    const crash::Write& write = log.writes[0];
    ASSERT_EQ(write.sectors, 7U);
    const std::uint32_t all = (1U << write.sectors) - 1;
    for (std::uint32_t kept = 0; kept <= all; ++kept) {
        disk.reset();
        for (std::uint32_t n = 0; n < write.sectors; ++n) {
            if ((kept >> n & 1U) != 0) {
                disk.apply(log, write, n, 1);
            }
        }
        LogOf<crash::PowerDisk> again(disk, g);
        ASSERT_TRUE(*again.recover());
        EXPECT_EQ(again.found[60], "the first");
        EXPECT_EQ(again.found.size(), kept == all ? 7U : 1U) << kept;
    }
}

/// Whatever lies in the ring from other times or other file systems.
TEST(KfsLog, WhatIsOldDoesNotComeBack) {
    fakes::FakeDisk disk(1024, 512);
    const Geometry g = made(disk);
    {
        LogOf<fakes::FakeDisk> l(disk, g);
        for (std::uint32_t n = 0; n < 200; ++n) {  // the ring is full of old ones
            ASSERT_TRUE(l.commit(60, std::string(700, 'o')));
        }
        ASSERT_TRUE(l.log.forget() && disk.flush());
    }
    LogOf<fakes::FakeDisk> l(disk, g);
    EXPECT_FALSE(*l.recover());
    ASSERT_TRUE(l.commit(70, "new"));
    {
        LogOf<fakes::FakeDisk> again(disk, g);
        ASSERT_TRUE(*again.recover());
        EXPECT_EQ(again.found.size(), 1U);
        ASSERT_TRUE(again.log.end_recovery(5) && disk.flush());
    }
    // Made anew with another uuid: the same sequence numbers, and none of them counts.
    const Geometry other = made(disk, {8});
    LogOf<fakes::FakeDisk> fresh(disk, other);
    EXPECT_FALSE(*fresh.recover());
}

/// A transaction that was cut off, and one that a user has written into a file in the hope that it
/// is taken for the next: the salt is another one since the recovery.
TEST(KfsLog, WhatAUserWritesIsNoTransaction) {
    fakes::FakeDisk disk(1024, 512);
    const Geometry g = made(disk);
    const auto forged = [&] {
        fakes::FakeDisk scratch(disk.bytes(), 512);
        LogOf<fakes::FakeDisk> l(scratch, g);
        EXPECT_TRUE(l.recover() && l.commit(60, "first") && l.commit(61, "forged"));
        return std::vector<std::byte>(scratch.bytes().begin(), scratch.bytes().end());
    }();
    const std::size_t second = (Geometry::log_start * 8 + 1) * std::size_t{512};
    std::ranges::copy(std::span(forged).subspan(second, 512),
                      disk.bytes().begin() + static_cast<std::ptrdiff_t>(second));
    LogOf<fakes::FakeDisk> l(disk, g);
    EXPECT_FALSE(*l.recover());
    ASSERT_TRUE(l.log.end_recovery(1) && disk.flush());
    ASSERT_TRUE(l.commit(60, "first"));
    LogOf<fakes::FakeDisk> again(disk, g);
    ASSERT_TRUE(*again.recover());
    EXPECT_FALSE(again.found.contains(61));
}

TEST(KfsLog, AnErrorBreaksIt) {
    for (std::uint64_t k = 0; k < 2; ++k) {
        fakes::FakeDisk disk(1024, 512);
        const Geometry g = made(disk);
        using Faulty = fakes::FaultyBlockDevice<fakes::FakeDisk>;
        Faulty faulty(disk);
        LogOf<Faulty> l(faulty, g);
        faulty.fail_operation(k, Faulty::Mode::one_shot);
        EXPECT_EQ(l.commit(60, "lost").error(), Errc::io_error);
        EXPECT_TRUE(l.log.is_broken());
    }
}

TEST(KfsLog, DamageIsNamed) {
    fakes::FakeDisk disk(1024, 512);
    const Geometry g = made(disk);
    {
        LogOf<fakes::FakeDisk> l(disk, g);
        ASSERT_TRUE(l.commit(0, "the superblock"));
    }
    LogOf<fakes::FakeDisk> l(disk, g);
    EXPECT_EQ(l.recover().error(), Errc::corrupted);
    EXPECT_STREQ(l.complaint.field, "log.record.block");
}

TEST(KfsLog, ChecksumIsCastagnolis) {
    const std::string text = "123456789";
    Crc32c whole, parts;
    whole.add(std::as_bytes(std::span(text)));
    for (const char c : text) {
        parts.add_value(c);
    }
    EXPECT_EQ(whole.value(), 0xE306'9283U);  // RFC 3720 has others; this is the usual check value
    EXPECT_EQ(parts.value(), whole.value());
    std::array<std::byte, 32> zeros{};
    Crc32c sum;
    sum.add(zeros);
    EXPECT_EQ(sum.value(), 0x8A91'36AAU);  // RFC 3720, B.4
}

}  // namespace
}  // namespace kidney::fs::kfs
