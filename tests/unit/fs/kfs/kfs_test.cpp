/// kfs, the journaled file system: the laws, what is particular to it, and random work against a
/// map, with losses of power in between.
#include "tests/laws/file_system_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/unit/fs/disk/names_by_chance.hpp"
#include "tests/unit/fs/disk/overwrites.hpp"
#include "tests/unit/fs/disk/pieces.hpp"
#include "tests/unit/fs/kfs/kfs_disk.hpp"
#include "tests/unit/fs/plain_opener.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace kidney::fs_test {
namespace {

using Disk = fakes::FakeDisk;
using Kfs = KfsUnderTest<Disk>;

TEST(Kfs, KeepsTheLaws) {
    for (const std::uint32_t device_block : {512U, 4096U}) {
        World world;
        Disk disk((8U << 20) / device_block, device_block);
        ASSERT_TRUE(make_kfs(disk));
        {
            Kfs k(world, disk);
            ASSERT_TRUE(k.fs().mount());
            laws::file_system::Subject subject{
                k.fs(), *laws::file_system::make(*k.fs().root(), "home", fs::NodeType::directory)};
            test::LawReport report;
            laws::run_laws<laws::file_system::Suite>(report, subject);
            run_file_laws(report, world, *subject.home);
            test::expect_laws_held(report);
            EXPECT_TRUE(k.fs().unmount());
            EXPECT_EQ(kfs_complaints(disk), "");
        }
        EXPECT_TRUE(world.is_clean());
    }
}

TEST(Kfs, RemembersEverything) {
    World world;
    Disk disk(4096, 512);
    ASSERT_TRUE(make_kfs(disk));
    const fs::FileTime long_ago{-5, 999'999'999};
    {
        Kfs k(world, disk);
        ASSERT_TRUE(k.fs().mount());
        world.clock.now = {1'700'000'000, 123'456'789};
        ASSERT_TRUE(k.mkdir("d") && k.write("d/f", pattern(300'000, 1)));
        ASSERT_TRUE(k.make("short", {.type = fs::NodeType::symlink, .target = "to/somewhere"}));
        ASSERT_TRUE(
            k.make("long", {.type = fs::NodeType::symlink, .target = std::string(3000, 'x')}));
        ASSERT_TRUE(k.make("tty", {.type = fs::NodeType::character, .rdev = {300, 70'000}}));
        ASSERT_TRUE(k.make("pipe", {.type = fs::NodeType::fifo}));
        fs::AttributeChange change;
        change.modified = long_ago;
        change.uid = 70'000;
        ASSERT_TRUE((*k.at("d/f"))->set_attributes(change));
        ASSERT_TRUE(k.fs().unmount());
    }
    EXPECT_EQ(kfs_complaints(disk), "");
    Kfs k(world, disk);
    ASSERT_TRUE(k.fs().mount());
    EXPECT_EQ(k.read("d/f").value_or(""), pattern(300'000, 1));
    const fs::Attributes a = *(*k.at("d/f"))->attributes();
    EXPECT_EQ(a.modified, long_ago);
    EXPECT_EQ(a.uid, 70'000U);
    EXPECT_EQ(a.born, (fs::FileTime{1'700'000'000, 123'456'789}));
    EXPECT_EQ(a.blocks, (300'000U + 4095) / 4096 * 8) << "one extent, which is in the inode";
    std::array<char, 4096> text{};
    EXPECT_EQ(*(*k.at("short"))->read_link(text), 12U);
    EXPECT_EQ(std::string(text.data(), 12), "to/somewhere");
    EXPECT_EQ(*(*k.at("long"))->read_link(text), 3000U);
    EXPECT_EQ(text[2999], 'x');
    EXPECT_EQ((*k.at("tty"))->attributes()->rdev, (fs::DeviceNumber{300, 70'000}));
    EXPECT_EQ((*k.at("pipe"))->type(), fs::NodeType::fifo);
}

/// More pieces than fit in an inode, then in one block of extents; holes are punched into them.
TEST(Kfs, FilesInManyPieces) {
    World world;
    Disk disk(16'384, 512);
    ASSERT_TRUE(make_kfs(disk));
    {
        Kfs k(world, disk);
        ASSERT_TRUE(k.fs().mount());
        ASSERT_TRUE(k.write("pieces", ""));
        const Ref<fs::Vnode> file = *k.at("pieces");
        constexpr unsigned pieces = 800;
        const auto text_of = [](unsigned n) { return "piece " + std::to_string(n); };
        for (unsigned n = 0; n < pieces; ++n) {
            const unsigned at = n * 7 % pieces;  // not in order
            ASSERT_TRUE(Kfs::write(*file, text_of(at), std::uint64_t{at} * 8192)) << n;
            if (n % 50 == 0) {
                ASSERT_TRUE(k.fs().sync());
            }
        }
        ASSERT_TRUE(k.fs().sync());
        const auto expect_piece = [&](unsigned n, bool is_there) {
            std::string got(text_of(n).size(), '?');
            fs::SpanReadBuffer to(std::as_writable_bytes(std::span(got)));
            ASSERT_TRUE(file->read(std::uint64_t{n} * 8192, to));
            EXPECT_EQ(got, is_there ? text_of(n) : std::string(got.size(), '\0')) << n;
        };
        EXPECT_EQ(*file->find_hole(0), 4096U);
        EXPECT_EQ(*file->find_data(4096), 8192U);
        ASSERT_TRUE(file->punch_hole(100 * 8192, 300 * 8192));
        ASSERT_TRUE(k.fs().sync());
        EXPECT_EQ(*file->find_data(99 * 8192 + 4096), 400U * 8192);
        for (unsigned n = 0; n < pieces; ++n) {
            expect_piece(n, n < 100 || n >= 400);
        }
        ASSERT_TRUE(k.resize("pieces", 450 * 8192));
        ASSERT_TRUE(k.fs().unmount());
        EXPECT_EQ(kfs_complaints(disk), "");
        ASSERT_TRUE(k.unlink("pieces"));
    }
    EXPECT_TRUE(world.is_clean());
}

TEST(Kfs, LargeWrites) {
    World world;
    Disk disk(16'384, 512);
    ASSERT_TRUE(make_kfs(disk));
    {
        Kfs k(world, disk);
        ASSERT_TRUE(k.fs().mount());
        write_over_pieces(k);
        overwrite_pages(k);
        ASSERT_TRUE(k.fs().unmount());
    }
    EXPECT_EQ(kfs_complaints(disk), "");
    EXPECT_TRUE(world.is_clean());
}

TEST(Kfs, LargeDirectories) {
    World world;
    Disk disk(32'768, 512);
    ASSERT_TRUE(make_kfs(disk, {.inodes = 4096}));
    Kfs k(world, disk);
    ASSERT_TRUE(k.fs().mount());
    const auto name = [](unsigned n) {
        return "name " + std::to_string(n) + std::string(n % 37, '.');
    };
    for (unsigned n = 0; n < 2000; ++n) {
        ASSERT_TRUE(k.make(name(n))) << n;
    }
    for (unsigned n = 0; n < 2000; n += 3) {
        ASSERT_TRUE(k.unlink(name(n))) << n;
    }
    const std::uint64_t size = k.fs().root()->attributes()->size;
    for (unsigned n = 0; n < 2000; ++n) {
        EXPECT_EQ(k.at(name(n)).has_value(), n % 3 != 0) << n;
    }
    for (unsigned n = 0; n < 2000; n += 3) {
        ASSERT_TRUE(k.make(name(n))) << n;
    }
    EXPECT_LE(k.fs().root()->attributes()->size, size + 4096) << "gaps are used";
    EXPECT_EQ(k.make(name(77)).error(), Errc::exists);
    ASSERT_TRUE(k.fs().unmount());
    EXPECT_EQ(kfs_complaints(disk), "");
}

TEST(Kfs, NamesByChance) {
    World world;
    Disk disk(32'768, 512);
    ASSERT_TRUE(make_kfs(disk, {.inodes = 4096}));
    Kfs k(world, disk);
    ASSERT_TRUE(k.fs().mount());
    {
        NamesByChance names(k.fs().root(), world.heap, 1);
        names.run(6000);
        names.expect_same();
        EXPECT_GT(names.size(), 200U);
    }
    ASSERT_TRUE(k.fs().unmount());
    EXPECT_EQ(kfs_complaints(disk), "");
}

/// A file that is open without a name when the power fails is gone after the next mount.
TEST(Kfs, OrphansAreFreed) {
    World world;
    Disk disk(4096, 512);
    ASSERT_TRUE(make_kfs(disk));
    std::uint64_t free_blocks = 0, free_nodes = 0;
    {
        Kfs k(world, disk);
        ASSERT_TRUE(k.fs().mount());
        ASSERT_TRUE(k.mkdir("d") && k.fs().sync());  // the root has its block
        free_blocks = k.fs().status().free_blocks;
        free_nodes = k.fs().status().free_nodes;
        ASSERT_TRUE(k.write("open", pattern(100'000, 1)));
        const Ref<fs::Vnode> open = *k.at("open");
        ASSERT_TRUE(k.unlink("open"));
        const Ref<fs::Vnode> unnamed = *k.fs().root()->create_unnamed({}, true);
        ASSERT_TRUE(Kfs::write(*unnamed, pattern(50'000, 2)));
        ASSERT_TRUE(k.fs().sync());
        ASSERT_TRUE(Kfs::write(*open, pattern(5'000, 3), 200'000));
        ASSERT_TRUE(k.fs().sync());
        EXPECT_LT(k.fs().status().free_blocks, free_blocks - 30);
        disk.crash([](std::size_t) { return false; });
    }
    Kfs k(world, disk);
    ASSERT_TRUE(k.fs().mount());
    EXPECT_EQ(k.fs().status().free_blocks, free_blocks);
    EXPECT_EQ(k.fs().status().free_nodes, free_nodes);
    EXPECT_EQ(kfs_complaints(disk), "");
}

/// What a file had before it was cut must not come back from the log over what it got afterwards.
TEST(Kfs, WhatIsInTheLogDoesNotComeBack) {
    World world;
    Disk disk(4096, 512);
    ASSERT_TRUE(make_kfs(disk));
    {
        Kfs k(world, disk);
        ASSERT_TRUE(k.fs().mount());
        ASSERT_TRUE(k.write("f", std::string(700, 'a')) && k.fs().sync());  // in the log
        ASSERT_TRUE(k.resize("f", 10));
        ASSERT_TRUE(k.write("f", std::string(50'000, 'b'), 10) && k.fs().sync());  // straight home
        ASSERT_TRUE(k.write("g", std::string(900, 'c')) && k.fs().sync());
        ASSERT_TRUE(k.unlink("g") && k.mkdir("d") && k.fs().sync());
        ASSERT_TRUE(k.write("h", std::string(60'000, 'd')) && k.fs().sync());
        disk.crash([](std::size_t) { return false; });
    }
    Kfs k(world, disk);
    ASSERT_TRUE(k.fs().mount());
    EXPECT_EQ(k.read("f").value_or(""), std::string(10, 'a') + std::string(50'000, 'b'));
    EXPECT_EQ(k.read("h").value_or(""), std::string(60'000, 'd'));
    EXPECT_EQ(kfs_complaints(disk), "");
}

/// A mirror of what should be there: work by chance, now and then a loss of power with a part of
/// the writes. What was there at some sync or later must be there; and with nothing in flight,
/// exactly.
class Chance {
public:
    explicit Chance(std::uint32_t seed) : random_(seed), disk_(8192, 512) {
        EXPECT_TRUE(make_kfs(disk_, {.log_blocks = 16}));
    }
    void run(unsigned rounds) {
        for (unsigned round = 0; round < rounds && !::testing::Test::HasFailure(); ++round) {
            World world;
            {
                Kfs k(world, disk_, {.device_number = 1, .few_sectors = pick(2) * 16});
                ASSERT_TRUE(k.fs().mount());
                compare(k);
                for (unsigned n = 0; n < 150 && !::testing::Test::HasFailure(); ++n) {
                    step(k);
                }
                compare(k);
                ASSERT_TRUE(pick(3) == 0 ? k.fs().unmount() : k.fs().sync());
                disk_.crash([&](std::size_t) { return pick(2) == 0; });
            }
            ASSERT_TRUE(world.is_clean());
            {
                Kfs k(world, disk_);
                ASSERT_TRUE(k.fs().mount());
                compare(k);
            }
            ASSERT_EQ(kfs_complaints(disk_), "") << "round " << round;
        }
    }

private:
    using Mirror = std::map<std::string, std::string>;

    std::uint32_t pick(std::uint32_t below) { return random_() % below; }
    std::string name() { return "f" + std::to_string(pick(12)); }
    void compare(Kfs& k) {
        for (unsigned n = 0; n < 12; ++n) {
            const std::string name = "f" + std::to_string(n);
            const auto known = mirror_.find(name);
            const auto there = k.read(name);
            ASSERT_EQ(there.has_value(), known != mirror_.end()) << name;
            if (there) {
                ASSERT_TRUE(*there == known->second)
                    << name << ": " << there->size() << " bytes, " << known->second.size();
            }
        }
    }
    void step(Kfs& k) {
        const std::string a = name(), b = name();
        const auto file = mirror_.find(a);
        switch (pick(9)) {
            case 0:
            case 1:
            case 2: {
                const std::size_t length = pick(4) == 0 ? pick(60'000) : pick(3'000);
                std::string& text = mirror_[a];
                const std::size_t offset = pick(3) == 0 ? pick(100'000) : text.size();
                const std::string bytes = pattern(length, pick(200));
                text.resize(std::max(text.size(), length == 0 ? 0 : offset + length));
                text.replace(offset > text.size() ? text.size() : offset, length, bytes);
                ASSERT_TRUE(k.write(a, bytes, offset));
                break;
            }
            case 3:
                ASSERT_EQ(k.unlink(a).has_value(), file != mirror_.end());
                mirror_.erase(a);
                break;
            case 4:
                if (file != mirror_.end()) {
                    const std::size_t size =
                        pick(2) == 0 ? pick(100'000) : file->second.size() * 2 / 3;
                    ASSERT_TRUE(k.resize(a, size));
                    file->second.resize(size);
                }
                break;
            case 5:
                if (file != mirror_.end() && a != b) {
                    ASSERT_TRUE(k.rename(a, b));
                    mirror_[b] = mirror_[a];
                    mirror_.erase(a);
                }
                break;
            case 6:
                if (file != mirror_.end() && !file->second.empty()) {
                    const std::size_t at = pick(static_cast<std::uint32_t>(file->second.size()));
                    const std::size_t length = pick(30'000) + 1;
                    ASSERT_TRUE((*k.at(a))->punch_hole(at, length));
                    for (std::size_t i = at; i < std::min(at + length, file->second.size()); ++i) {
                        file->second[i] = '\0';
                    }
                }
                break;
            case 7:
                ASSERT_TRUE(k.fs().sync());
                break;
            default:
                k.cache().reclaim(pick(40));
                break;
        }
    }

    std::mt19937 random_;
    Disk disk_;
    Mirror mirror_;
};

TEST(Kfs, WorkByChance) {
    for (std::uint32_t seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Chance(seed).run(5);
    }
}

TEST(Kfs, SaysWhatIsWrong) {
    World world;
    Disk disk(4096, 512);
    ASSERT_TRUE(make_kfs(disk));
    const std::vector<std::byte> good(disk.bytes().begin(), disk.bytes().end());
    const auto refused = [&](std::size_t at, std::uint8_t value, Errc error, const char* why) {
        std::ranges::copy(good, disk.bytes().begin());
        disk.bytes()[at] = static_cast<std::byte>(value);
        Kfs k(world, disk);
        EXPECT_EQ(k.fs().mount().error(), error) << at;
        EXPECT_EQ(k.fs().explain_refusal().view(), why) << at;
    };
    refused(0, 0, Errc::corrupted, "it holds no kfs");
    refused(4096, 0, Errc::corrupted, "anchor.magic is 0x434e4100");
}

}  // namespace
}  // namespace kidney::fs_test
