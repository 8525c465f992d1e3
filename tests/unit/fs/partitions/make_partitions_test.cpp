/// Partition tables that we make: our reader, sfdisk and sgdisk find what was asked for.
#include "fs/partitions/make_partitions.hpp"

#include "fs/partitions/read_partitions.hpp"
#include "tests/fakes/block/faulty_block_device.hpp"
#include "tests/fakes/fake_disk.hpp"
#include "tests/laws/report.hpp"
#include "tests/unit/fs/ext2_image.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace kidney::fs {
namespace {

constexpr std::uint64_t sectors = 65536;  // 32 MiB, for the tools
constexpr std::uint64_t few = 4096;
constexpr DiskIdentity identity{'k', 'i', 'd', 'n', 'e', 'y', 'O', 'S', 0x80, 1, 2, 3, 4, 5, 6, 7};
constexpr std::array schemes{PartitionScheme::mbr, PartitionScheme::gpt};

using Wanted = std::vector<NewPartition>;

NewPartition part(std::uint64_t first, std::uint64_t blocks,
                  PartitionKind kind = PartitionKind::linux_data) {
    return {{BlockIndex(first), blocks}, kind};
}
template <class Device>
Status make(Device& device, PartitionScheme scheme, const Wanted& wanted) {
    std::vector<std::byte> block(device.block_size());
    return make_partition_table(device, block, scheme, wanted, identity);
}
/// What our reader finds, which must be free of doubt.
template <class Device>
std::vector<BlockRun> found_on(Device& device, PartitionScheme scheme) {
    std::vector<std::byte> block(device.block_size());
    PartitionTable table;
    EXPECT_TRUE(read_partition_table(device, block, table));
    EXPECT_EQ(table.scheme, scheme);
    EXPECT_TRUE(table.doubts.view().empty());
    std::vector<BlockRun> runs;
    for (const Partition& p : table.partitions.view()) {
        runs.push_back(p.run);
        EXPECT_EQ(p.number, runs.size());
    }
    return runs;
}
std::vector<BlockRun> runs_of(const Wanted& wanted) {
    std::vector<BlockRun> runs;
    for (const NewPartition& p : wanted) {
        runs.push_back(p.run);
    }
    return runs;
}

/// What a tool says of the disk; `status` is its exit status, 127: there is none.
std::string said_by(const std::string& tool, std::span<const std::byte> disk, int& status) {
    const fs_test::TemporaryDirectory scratch;
    const std::string image = (scratch.path() / "disk").string();
    std::ofstream(image, std::ios::binary)
        .write(reinterpret_cast<const char*>(disk.data()),
               static_cast<std::streamsize>(disk.size()));
    const std::string command = "PATH=$PATH:/sbin:/usr/sbin " + tool + " " + image + " 2>&1";
    FILE* const pipe = popen(command.c_str(), "r");
    std::string said;
    for (int letter = std::fgetc(pipe); letter != EOF; letter = std::fgetc(pipe)) {
        said += static_cast<char>(letter);
    }
    status = WEXITSTATUS(pclose(pipe));
    return said;
}

TEST(MakePartitions, OursFindsThem) {
    laws::Random random(1);
    for (const PartitionScheme scheme : schemes) {
        for (const std::uint32_t block_size : {512U, 4096U}) {
            for (int round = 0; round < 50; ++round) {
                fakes::FakeDisk disk(few * 512 / block_size, block_size);
                const BlockRun usable = usable_blocks(scheme, disk.block_count(), block_size);
                const std::uint32_t most = scheme == PartitionScheme::gpt ? 63 : 4;
                Wanted wanted;
                std::uint64_t at = usable.first.value();
                for (std::uint32_t left = random.below(most + 1); left > 0; --left) {
                    const std::uint64_t room = usable.first.value() + usable.blocks - at;
                    const auto share = static_cast<std::uint32_t>(room / left);
                    const std::uint64_t gap = random.below(share / 2);
                    wanted.push_back(part(at + gap, 1 + random.below(share / 2)));
                    at = wanted.back().run.first.value() + wanted.back().run.blocks;
                }
                ASSERT_TRUE(make(disk, scheme, wanted));
                ASSERT_EQ(found_on(disk, scheme), runs_of(wanted));
            }
        }
    }
}

TEST(MakePartitions, AllOfADiskCanBeOne) {
    for (const PartitionScheme scheme : schemes) {
        fakes::FakeDisk disk(few, 512);
        const Wanted all{{usable_blocks(scheme, few, 512), PartitionKind::fat}};
        ASSERT_TRUE(make(disk, scheme, all));
        EXPECT_EQ(found_on(disk, scheme), runs_of(all));
    }
}

TEST(MakePartitions, SfdiskReadsOurMbr) {
    fakes::FakeDisk disk(sectors, 512);
    ASSERT_TRUE(
        make(disk, PartitionScheme::mbr,
             {part(2048, 4096), part(8192, 20000, PartitionKind::fat), part(30000, 35536)}));
    int status = 0;
    const std::string said = said_by("sfdisk -d", disk.bytes(), status);
    if (status == 127) {
        GTEST_SKIP() << "sfdisk (fdisk) is not installed";
    }
    EXPECT_EQ(status, 0) << said;
    for (const char* line : {"label: dos", "label-id: 0x04050607",
                             "disk1 : start=        2048, size=        4096, type=83",
                             "disk2 : start=        8192, size=       20000, type=c",
                             "disk3 : start=       30000, size=       35536, type=83"}) {
        EXPECT_NE(said.find(line), std::string::npos) << line << " is not in\n" << said;
    }
    EXPECT_NE(said_by("sfdisk -V", disk.bytes(), status).find("No errors detected"),
              std::string::npos);
}

TEST(MakePartitions, SgdiskReadsOurGpt) {
    fakes::FakeDisk disk(sectors, 512);
    ASSERT_TRUE(make(disk, PartitionScheme::gpt,
                     {part(2048, 4096), part(8192, 20000, PartitionKind::fat)}));
    int status = 0;
    const std::string verdict = said_by("sgdisk -v", disk.bytes(), status);
    if (status == 127) {
        GTEST_SKIP() << "sgdisk (gdisk) is not installed";
    }
    EXPECT_EQ(status, 0);
    EXPECT_NE(verdict.find("No problems found"), std::string::npos) << verdict;
    const std::string said = said_by("sgdisk -p", disk.bytes(), status);
    EXPECT_NE(said.find("6E64696B-7965-534F-8001-020304050607"), std::string::npos) << said;
    EXPECT_NE(said.find("2048            6143   2.0 MiB     8300  linux"), std::string::npos)
        << said;
    EXPECT_NE(said.find("8192           28191   9.8 MiB     0700  fat"), std::string::npos) << said;
    // And the other way round: our reader's idea of damage is not the only one.
    disk.bytes()[512 + 56] ^= std::byte{1};
    EXPECT_NE(said_by("sgdisk -v", disk.bytes(), status).find("invalid main GPT header"),
              std::string::npos);
}

TEST(MakePartitions, WhatCannotBeIsRefusedAndChangesNothing) {
    for (const PartitionScheme scheme : schemes) {
        const BlockRun usable = usable_blocks(scheme, few, 512);
        const std::uint64_t end = usable.first.value() + usable.blocks;
        const std::vector<Wanted> impossible{
            {part(usable.first.value() - 1, 10)},
            {part(end - 9, 10)},
            {part(~std::uint64_t{0}, 2)},
            {part(1000, 0)},
            {part(1000, 10), part(1009, 1)},
            {part(1500, 10), part(1000, 501)},
            scheme == PartitionScheme::gpt
                ? Wanted(64, part(1000, 1))
                : Wanted{part(100, 1), part(101, 1), part(102, 1), part(103, 1), part(104, 1)}};
        for (const Wanted& wanted : impossible) {
            fakes::FakeDisk disk(few, 512);
            EXPECT_EQ(make(disk, scheme, wanted).error(), Errc::invalid_argument);
            EXPECT_EQ(disk.writes(), 0U);
        }
    }
    fakes::FakeDisk disk(few, 512);
    EXPECT_EQ(make(disk, PartitionScheme::none, {}).error(), Errc::invalid_argument);
    fakes::FakeDisk tiny(67, 512);
    EXPECT_EQ(make(tiny, PartitionScheme::gpt, {}).error(), Errc::invalid_argument);
    fakes::FakeDisk small(68, 512);
    EXPECT_TRUE(make(small, PartitionScheme::gpt, {part(34, 1)}));
    EXPECT_EQ(found_on(small, PartitionScheme::gpt).size(), 1U);
}

TEST(MakePartitions, EachWriteMayFail) {
    for (const PartitionScheme scheme : schemes) {
        for (std::uint64_t k = 0;; ++k) {
            fakes::FakeDisk disk(few, 512);
            fakes::FaultyBlockDevice faulty(disk);
            faulty.fail_operation(k, decltype(faulty)::Mode::one_shot);
            const Status made = make(faulty, scheme, {part(2048, 10)});
            if (made) {
                EXPECT_EQ(k, scheme == PartitionScheme::gpt ? 68U : 2U);
                break;
            }
            EXPECT_EQ(made.error(), Errc::io_error);
        }
    }
}

}  // namespace
}  // namespace kidney::fs
