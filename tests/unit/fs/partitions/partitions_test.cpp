/// Partition tables that sfdisk and sgdisk make, and what damage does to them.
#include "fs/partitions/read_partitions.hpp"
#include "tests/fakes/block/faulty_block_device.hpp"
#include "tests/fakes/fake_disk.hpp"
#include "tests/laws/report.hpp"
#include "tests/unit/fs/ext2_image.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace kidney::fs {
namespace {

using Kind = PartitionDoubt::Kind;
constexpr std::size_t sectors = 16384;  // 8 MiB

/// A disk that a tool has written a table to; empty without the tool.
std::vector<std::byte> disk_by(const std::string& command) {
    const fs_test::TemporaryDirectory scratch;
    const std::string image = (scratch.path() / "disk").string();
    std::ofstream(image).close();
    std::filesystem::resize_file(image, sectors * 512);
    const std::string line =
        "PATH=$PATH:/sbin:/usr/sbin; (" + command + ") >/dev/null 2>&1 </dev/null";
    if (setenv("DISK", image.c_str(), 1) != 0 || std::system(line.c_str()) != 0) {
        return {};
    }
    std::vector<std::byte> bytes(sectors * 512);
    std::ifstream(image, std::ios::binary)
        .read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return bytes;
}
const std::vector<std::byte>& mbr_disk() {
    static const std::vector<std::byte> image = disk_by(
        "printf '%s\n' 'label: dos' '1: start=63, size=1000, type=83' '2: start=2048, size=2048, "
        "type=82, bootable' '3: start=6000, size=8000, type=f' 'start=6100, size=100' "
        "'start=7000, size=1000' 'start=9000, size=500' | sfdisk --force $DISK");
    return image;
}
const std::vector<std::byte>& gpt_disk() {
    static const std::vector<std::byte> image =
        disk_by("sgdisk -a 1 -n 1:2048:4095 -n 3:5000:5999 -n 2:34:2047 -n 128:16000:16350 $DISK");
    return image;
}

struct Found {
    Status status;
    PartitionTable table;
    explicit Found(std::span<const std::byte> image, std::uint32_t block_size = 512) {
        fakes::FakeDisk disk(image, block_size);
        std::vector<std::byte> block(block_size);
        status = read_partition_table(disk, block, table);
    }
    [[nodiscard]] std::vector<std::uint32_t> numbers() const {
        std::vector<std::uint32_t> result;
        for (const Partition& p : table.partitions.view()) {
            result.push_back(p.number);
        }
        return result;
    }
    [[nodiscard]] BlockRun run(std::uint32_t number) const {
        for (const Partition& p : table.partitions.view()) {
            if (p.number == number) {
                return p.run;
            }
        }
        return {};
    }
    [[nodiscard]] std::vector<Kind> doubts() const {
        std::vector<Kind> result;
        for (const PartitionDoubt& d : table.doubts.view()) {
            result.push_back(d.kind);
        }
        return result;
    }
};
using Numbers = std::vector<std::uint32_t>;
using Doubts = std::vector<Kind>;

template <class T>
void poke(std::vector<std::byte>& image, std::size_t at, T value) {
    std::memcpy(image.data() + at, &value, sizeof(value));
}
constexpr std::size_t mbr_entry(std::size_t n) {
    return 446 + 16 * (n - 1);
}

class Mbr : public testing::Test {
protected:
    void SetUp() override {
        if (image.empty()) {
            GTEST_SKIP() << "sfdisk (fdisk) is not installed";
        }
    }
    std::vector<std::byte> image = mbr_disk();
};

TEST_F(Mbr, HasPrimaryAndLogicalPartitions) {
    const Found found(image);
    ASSERT_TRUE(found.status);
    EXPECT_EQ(found.table.scheme, PartitionScheme::mbr);
    EXPECT_EQ(found.numbers(), (Numbers{1, 2, 5, 6, 7}));
    EXPECT_EQ(found.run(1), (BlockRun{BlockIndex(63), 1000}));
    EXPECT_EQ(found.run(2), (BlockRun{BlockIndex(2048), 2048}));
    EXPECT_EQ(found.run(5), (BlockRun{BlockIndex(6100), 100}));
    EXPECT_EQ(found.run(6), (BlockRun{BlockIndex(7000), 1000}));
    EXPECT_EQ(found.run(7), (BlockRun{BlockIndex(9000), 500}));
    EXPECT_TRUE(found.doubts().empty());
}

TEST_F(Mbr, LeavesOutWhatCannotBe) {
    poke<std::uint32_t>(image, mbr_entry(1) + 8, 70'000);      // behind the disk
    poke<std::uint32_t>(image, mbr_entry(2) + 12, 4'000'000);  // so long
    EXPECT_EQ(Found(image).numbers(), (Numbers{5, 6, 7}));
    EXPECT_EQ(Found(image).doubts(), (Doubts{Kind::outside, Kind::outside}));
    poke<std::uint32_t>(image, mbr_entry(1) + 8, 0xFFFF'FFFF);
    poke<std::uint32_t>(image, mbr_entry(1) + 12, 0xFFFF'FFFF);
    EXPECT_EQ(Found(image).numbers(), (Numbers{5, 6, 7}));
    // Over the logical ones: the first that came stays.
    poke<std::uint32_t>(image, mbr_entry(1) + 8, 6500);
    poke<std::uint32_t>(image, mbr_entry(1) + 12, 501);
    poke<std::uint32_t>(image, mbr_entry(2) + 12, 2048);
    EXPECT_EQ(Found(image).numbers(), (Numbers{1, 2, 5, 7}));
    EXPECT_EQ(Found(image).doubts(), (Doubts{Kind::overlaps}));
    poke<std::uint32_t>(image, mbr_entry(3) + 12, 4'000'000);  // the extended one
    EXPECT_EQ(Found(image).numbers(), (Numbers{1, 2}));
    EXPECT_EQ(Found(image).doubts(), (Doubts{Kind::outside}));
}

TEST_F(Mbr, ChainsEnd) {
    const auto next_of = [&](std::size_t record) { return record * 512 + mbr_entry(2) + 8; };
    std::vector<std::byte> circle = image;
    // The second record of the chain names itself as the next one.
    const auto second = number_at<std::uint32_t>(std::span(image), next_of(6000));
    poke<std::uint32_t>(circle, next_of(6000 + second), second);
    Found found(circle);
    EXPECT_TRUE(found.status);
    EXPECT_EQ(found.run(6), (BlockRun{BlockIndex(7000), 1000}));
    EXPECT_EQ(found.numbers(), (Numbers{1, 2, 5, 6}));
    EXPECT_EQ(found.doubts().front(), Kind::overlaps);
    std::vector<std::byte> outside = image;
    poke<std::uint32_t>(outside, next_of(6000), 8000);
    EXPECT_EQ(Found(outside).numbers(), (Numbers{1, 2, 5}));
    EXPECT_EQ(Found(outside).doubts(), (Doubts{Kind::broken_chain}));
    std::vector<std::byte> nothing_there = image;
    poke<std::uint32_t>(nothing_there, next_of(6000), 7999);
    EXPECT_EQ(Found(nothing_there).doubts(), (Doubts{Kind::broken_chain}));
    std::vector<std::byte> leaves = image;  // a logical one that reaches out of the extended one
    poke<std::uint32_t>(leaves, std::size_t{6000} * 512 + mbr_entry(1) + 12, 9000);
    EXPECT_EQ(Found(leaves).numbers(), (Numbers{1, 2, 6, 7}));
}

TEST_F(Mbr, IsNotSeenWhereThereIsNone) {
    poke<std::uint8_t>(image, mbr_entry(4), 0x41);  // the code of a boot sector
    EXPECT_TRUE(Found(image).numbers().empty());
    EXPECT_EQ(Found(image).table.scheme, PartitionScheme::none);
    poke<std::uint8_t>(image, mbr_entry(4), 0x80);
    EXPECT_FALSE(Found(image).numbers().empty());
    poke<std::uint8_t>(image, 511, 0);
    EXPECT_TRUE(Found(image).numbers().empty());
    EXPECT_TRUE(Found(std::vector<std::byte>(512)).status);
    EXPECT_TRUE(Found(std::vector<std::byte>(8 * 512)).numbers().empty());
}

class Gpt : public testing::Test {
protected:
    void SetUp() override {
        if (image.empty()) {
            GTEST_SKIP() << "sgdisk (gdisk) is not installed";
        }
    }
    /// Makes a header's checksum right again.
    void seal(std::size_t header) {
        const std::size_t at = header * 512;
        poke<std::uint32_t>(image, at + 16, 0);
        Crc32 crc;
        crc.add(std::span(image).subspan(at, 92));
        poke<std::uint32_t>(image, at + 16, crc.value());
    }
    /// The same for the list of the first header, and the header.
    void seal_list() {
        Crc32 crc;
        crc.add(std::span(image).subspan(1024, std::size_t{128} * 128));
        poke<std::uint32_t>(image, 512 + 88, crc.value());
        seal(1);
    }
    static constexpr std::size_t entry(std::size_t n) { return 1024 + 128 * (n - 1); }
    std::vector<std::byte> image = gpt_disk();
};

TEST_F(Gpt, HasPartitionsByNumber) {
    const Found found(image);
    ASSERT_TRUE(found.status);
    EXPECT_EQ(found.table.scheme, PartitionScheme::gpt);
    EXPECT_EQ(found.numbers(), (Numbers{1, 2, 3, 128}));
    EXPECT_EQ(found.run(1), (BlockRun{BlockIndex(2048), 2048}));
    EXPECT_EQ(found.run(2), (BlockRun{BlockIndex(34), 2014}));
    EXPECT_EQ(found.run(128), (BlockRun{BlockIndex(16000), 351}));
    EXPECT_TRUE(found.doubts().empty());
}

TEST_F(Gpt, TheSecondCopyHelps) {
    const std::vector<std::byte> good = image;
    for (const std::size_t at :
         {std::size_t{512}, std::size_t{512 + 40}, entry(1) + 32, entry(90)}) {
        image = good;
        image[at] ^= std::byte{0x10};
        const Found found(image);
        ASSERT_TRUE(found.status) << at;
        EXPECT_EQ(found.numbers(), (Numbers{1, 2, 3, 128})) << at;
        EXPECT_EQ(found.doubts(), (Doubts{Kind::first_header})) << at;
        image[sectors * 512 - 512 + 40] ^= std::byte{1};
        EXPECT_EQ(Found(image).status.error(), Errc::corrupted) << at;
    }
    image = good;
    image[sectors * 512 - 512 + 40] ^= std::byte{1};
    EXPECT_EQ(Found(image).numbers(), (Numbers{1, 2, 3, 128}));
    EXPECT_EQ(Found(image).doubts(), (Doubts{Kind::second_header}));
}

TEST_F(Gpt, ChecksEachNumberThoughTheChecksumsAreRight) {
    const std::vector<std::byte> good = image;
    const auto refuses = [&](std::size_t at, auto value) {
        image = good;
        poke(image, 512 + at, value);
        seal(1);
        return Found(image).doubts() == Doubts{Kind::first_header};
    };
    EXPECT_FALSE(refuses(72, std::uint64_t{2}));          // as it was
    EXPECT_TRUE(refuses(8, std::uint32_t{0x0002'0000}));  // another revision
    EXPECT_TRUE(refuses(12, std::uint32_t{91}));          // header size
    EXPECT_TRUE(refuses(12, std::uint32_t{513}));
    EXPECT_TRUE(refuses(24, std::uint64_t{2}));        // it is elsewhere
    EXPECT_TRUE(refuses(40, std::uint64_t{sectors}));  // usable blocks
    EXPECT_TRUE(refuses(48, std::uint64_t{sectors}));
    EXPECT_TRUE(refuses(72, ~std::uint64_t{0}));  // where the list is
    EXPECT_TRUE(refuses(72, std::uint64_t{sectors - 31}));
    EXPECT_TRUE(refuses(80, std::uint32_t{0xFFFF'FFFF}));  // how many
    EXPECT_TRUE(refuses(84, std::uint32_t{64}));           // how large
    EXPECT_TRUE(refuses(84, std::uint32_t{192}));
    EXPECT_TRUE(refuses(84, std::uint32_t{1024}));

    image = good;
    poke<std::uint64_t>(image, entry(1) + 32, 33);  // over the table itself
    poke<std::uint64_t>(image, entry(3) + 40, ~std::uint64_t{0});
    seal_list();
    EXPECT_EQ(Found(image).numbers(), (Numbers{2, 128}));
    EXPECT_EQ(Found(image).doubts(), (Doubts{Kind::outside, Kind::outside}));
    image = good;
    poke<std::uint64_t>(image, entry(3) + 40, 4000);  // the end before the beginning
    poke<std::uint64_t>(image, entry(2) + 40, 2048);  // one block too far
    seal_list();
    EXPECT_EQ(Found(image).numbers(), (Numbers{1, 128}));
    EXPECT_EQ(Found(image).doubts(), (Doubts{Kind::overlaps, Kind::outside}));
}

TEST(Partitions, AnyDamageEndsInAnAnswer) {
    const std::vector<std::vector<std::byte>> images{mbr_disk(), gpt_disk()};
    laws::Random random(7);
    for (const auto& good : images) {
        if (good.empty()) {
            GTEST_SKIP() << "sfdisk or sgdisk is not installed";
        }
        std::vector<std::byte> image = good;
        fakes::FakeDisk disk(image, 512);
        std::array<std::byte, 512> block{};
        PartitionTable table;
        for (int round = 0; round < 3000; ++round) {
            std::array<std::size_t, 4> places{};
            for (std::size_t& place : places) {
                const std::uint32_t choice = random.below(4);
                const std::size_t base = choice == 0   ? 446
                                         : choice == 1 ? 512
                                         : choice == 2 ? 6000 * 512 + 446
                                                       : 1024;
                place = base + random.below(choice == 1 ? 92 : 64);
                disk.bytes()[place] = static_cast<std::byte>(random.below(256));
            }
            if (const Status status = read_partition_table(disk, block, table); !status) {
                ASSERT_EQ(status.error(), Errc::corrupted);
            }
            std::uint64_t last_number = 0;
            for (const Partition& p : table.partitions.view()) {
                ASSERT_GT(p.number, last_number);
                last_number = p.number;
                ASSERT_GT(p.run.blocks, 0U);
                ASSERT_LE(p.run.first.value() + p.run.blocks, sectors);
            }
            for (const std::size_t place : places) {
                disk.bytes()[place] = good[place];
            }
        }
    }
}

TEST(Partitions, EachReadMayFail) {
    for (const auto& image : {mbr_disk(), gpt_disk()}) {
        if (image.empty()) {
            GTEST_SKIP() << "sfdisk or sgdisk is not installed";
        }
        fakes::FakeDisk disk(image, 512);
        fakes::FaultyBlockDevice faulty(disk);
        std::array<std::byte, 512> block{};
        PartitionTable table;
        ASSERT_TRUE(read_partition_table(faulty, block, table));
        const std::uint64_t reads = faulty.operations();
        EXPECT_GE(reads, 4U);
        for (std::uint64_t k = 0; k < reads; ++k) {
            faulty.fail_operation(k, decltype(faulty)::Mode::one_shot);
            EXPECT_EQ(read_partition_table(faulty, block, table).error(), Errc::io_error) << k;
        }
    }
}

TEST(Crc32, IsThatOfEverybodyElse) {
    constexpr std::array<char, 9> digits{'1', '2', '3', '4', '5', '6', '7', '8', '9'};
    Crc32 crc;
    crc.add(std::as_bytes(std::span(digits).first(4)));
    crc.add(std::as_bytes(std::span(digits).subspan(4)));
    EXPECT_EQ(crc.value(), 0xCBF4'3926U);
}

}  // namespace
}  // namespace kidney::fs
