/// vsfs: its laws, what it does when memory or the disk fails, and damaged images.
#include "tests/fakes/block/faulty_block_device.hpp"
#include "tests/laws/file_system_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/unit/fs/plain_opener.hpp"
#include "tests/unit/fs/vsfs_disk.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace kidney::fs_test {
namespace {

namespace law = laws::file_system;
namespace vsfs = fs::vsfs;
using fakes::FakeDisk;

struct Choice {
    std::uint32_t sector = 512;
    std::uint32_t log = 0;
};
struct VsfsTest : testing::TestWithParam<Choice> {
    World world;
    FakeDisk disk{130 * std::uint64_t{4096 / GetParam().sector}, GetParam().sector};
    std::unique_ptr<TestVsfs<FakeDisk>> system;

    void SetUp() override {
        ASSERT_TRUE(make_vsfs(disk, GetParam().log));
        mount();
    }
    void mount() {
        system = std::make_unique<TestVsfs<FakeDisk>>(world.heap, disk, world.clock, 1);
        ASSERT_TRUE(system->mount()) << system->complaint().field;
    }
    void remount() {
        ASSERT_TRUE(system->unmount());
        system.reset();
        EXPECT_TRUE(world.is_clean());
        EXPECT_EQ(complaints(disk), "");
        mount();
    }
    [[nodiscard]] fs::Vnode& root() {
        root_ = system->root();
        return *root_;
    }
    void TearDown() override {
        root_.reset();
        ASSERT_TRUE(system->unmount());
        system.reset();
        EXPECT_EQ(complaints(disk), "");
        EXPECT_TRUE(world.is_clean());
    }
    Ref<fs::Vnode> root_;
};
INSTANTIATE_TEST_SUITE_P(WithAndWithoutLog, VsfsTest,
                         testing::Values(Choice{512, 0}, Choice{512, log_blocks}, Choice{4096, 0},
                                         Choice{4096, 17}));

TEST_P(VsfsTest, KeepsTheLaws) {
    law::Subject subject{*system, *law::make(root(), "home", fs::NodeType::directory),
                         vsfs_abilities};
    test::LawReport report;
    laws::run_laws<law::Suite>(report, subject);
    run_file_laws(report, world, *subject.home);
    test::expect_laws_held(report);
}

TEST_P(VsfsTest, AMountFindsWhatWasThere) {
    ASSERT_TRUE(law::make(root(), "d", fs::NodeType::directory));
    Ref<fs::Vnode> d = *root().lookup("d");
    Ref<fs::Vnode> file = *law::make(*d, "file");
    ASSERT_EQ(law::put(*file, 0, 200'000, 3), 200'000U);
    ASSERT_TRUE(root().link("second", *file));
    ASSERT_TRUE(law::make(root(), "link", fs::NodeType::symlink, "d/file"));
    for (std::uint32_t n = 0; n < 30; ++n) {  // more than a log holds at once
        ASSERT_TRUE(law::make(*d, law::Numbered(n)));
    }
    root_.reset();
    d.reset();
    file.reset();
    remount();
    const auto again = *(*root().lookup("d"))->lookup("file");
    EXPECT_EQ(*root().lookup("second"), again);
    EXPECT_EQ(law::links(*again), 2U);
    EXPECT_TRUE(law::holds(*again, 0, 200'000, 3));
    EXPECT_TRUE(law::ends_at(*again, 200'000));
    std::array<char, 10> text{};
    EXPECT_EQ((*root().lookup("link"))->read_link(text), 6U);
    EXPECT_EQ(std::string_view(text.data(), 6), "d/file");
    EXPECT_FALSE(law::is_free(**root().lookup("d"), law::Numbered(29)));
}

TEST_P(VsfsTest, LimitsHaveErrors) {
    const std::string long_name(vsfs::Entry::max_name + 1, 'n');
    EXPECT_EQ(law::make(root(), long_name).error(), Errc::name_too_long);
    EXPECT_TRUE(law::make(root(), std::string_view(long_name).substr(1)));
    EXPECT_EQ(law::make(root(), "l", fs::NodeType::symlink, std::string(4096, 'x')).error(),
              Errc::invalid_argument);
    EXPECT_EQ(law::make(root(), "l", fs::NodeType::symlink, "").error(), Errc::invalid_argument);
    EXPECT_EQ(law::make(root(), "null", fs::NodeType::character).error(), Errc::not_supported);
    const auto file = *law::make(root(), "file");
    EXPECT_EQ(law::put(*file, vsfs::max_file_size - 3, 10, 1), 3U);
    EXPECT_EQ(law::put(*file, vsfs::max_file_size, 1, 1).error(), Errc::file_too_big);
    EXPECT_EQ(law::cut(*file, vsfs::max_file_size + 1).error(), Errc::file_too_big);
    std::uint32_t made = 0;
    Result<Ref<fs::Vnode>> last = fail(Errc::busy);
    do {
        last = law::make(root(), law::Numbered(made++));
    } while (last);
    EXPECT_EQ(last.error(), Errc::no_space) << "inodes";
    EXPECT_EQ(made, 62U - 1) << "one is refused";
    EXPECT_EQ(system->status().free_nodes, 0U);
}

/// Does some of everything; whatever fails, fails cleanly.
std::vector<std::function<Status(fs::Vnode&)>> some_of_everything() {
    using fs::NodeType;
    const auto done = [](const auto& result) {
        return result ? Status() : Status(fail(result.error()));
    };
    return {
        [=](fs::Vnode& r) { return done(law::make(r, "a")); },
        [=](fs::Vnode& r) { return done(law::make(r, "d", NodeType::directory)); },
        [=](fs::Vnode& r) -> Status {
            return done(law::put(*TRY(r.lookup("a")), 80'000, 5'000, 1));
        },
        [=](fs::Vnode& r) -> Status { return r.link("b", *TRY(r.lookup("a"))); },
        [=](fs::Vnode& r) -> Status { return law::move(r, "a", *TRY(r.lookup("d")), "a"); },
        [=](fs::Vnode& r) -> Status { return done(law::put_at_end(*TRY(r.lookup("b")), 200, 1)); },
        [=](fs::Vnode& r) { return done(law::make(r, "l", NodeType::symlink, "target")); },
        [=](fs::Vnode& r) -> Status { return law::cut(*TRY(r.lookup("b")), 5'000); },
        [=](fs::Vnode& r) { return law::move(r, "l", r, "b"); },
        [=](fs::Vnode& r) -> Status { return law::remove(*TRY(r.lookup("d")), "a"); },
        [=](fs::Vnode& r) { return law::remove(r, "d"); },
        [=](fs::Vnode& r) { return r.file_system().sync(); },
    };
}

TEST_P(VsfsTest, MemoryMayFailAnywhere) {
    for (std::size_t n = 1;; ++n) {
        // What has failed is done again, and then everything is as ever.
        world.heap.fail_at(n);
        for (const auto& step : some_of_everything()) {
            Status status = step(root());
            if (!status) {
                ASSERT_TRUE(status.error() == Errc::no_memory || status.error() == Errc::stale)
                    << to_string(status.error());  // stale: it did not hear what is there
                status = step(root());
            }
            ASSERT_TRUE(status || status.error() == Errc::exists) << to_string(status.error());
        }
        const bool failed = world.heap.has_failed();
        world.heap.fail_at(0);
        ASSERT_TRUE(law::remove(root(), "b"));
        ASSERT_TRUE(system->sync());
        ASSERT_EQ(complaints(disk), "") << n;
        ASSERT_EQ(system->status().free_nodes, 62U);
        if (!failed) {
            break;
        }
    }
}

TEST_P(VsfsTest, TheDiskMayFailAnywhere) {
    using Faulty = fakes::FaultyBlockDevice<FakeDisk>;
    ASSERT_TRUE(system->unmount());
    system.reset();
    const auto modes = {Faulty::Mode::one_shot, Faulty::Mode::from_then_on};
    for (const auto mode : modes) {
        bool failed = true;
        for (std::uint64_t k = 0; failed; ++k) {
            ASSERT_TRUE(make_vsfs(disk, GetParam().log));
            Faulty faulty(disk);
            bool synced = false;
            {
                TestVsfs<Faulty> broken(world.heap, faulty, world.clock, 1);
                ASSERT_TRUE(broken.mount());
                const std::uint64_t before = faulty.operations();
                faulty.fail_operation(k, mode);
                for (const auto& step : some_of_everything()) {
                    const Status status = step(*broken.root());
                    synced = status.has_value();
                }
                failed = faulty.operations() - before > k;
                const auto status = broken.status();
                EXPECT_LE(status.free_blocks, status.blocks);
            }
            faulty.heal();
            if (GetParam().log != 0) {  // without a log, half an operation may be there
                TestVsfs<FakeDisk> again(world.heap, disk, world.clock, 1);
                ASSERT_TRUE(again.mount());
                ASSERT_EQ(complaints(disk), "") << k;
                const bool all = law::is_free(*again.root(), "a") &&
                                 !law::is_free(*again.root(), "b") &&
                                 law::is_free(*again.root(), "d");
                EXPECT_TRUE(all || !synced || failed) << k << ": it said that all was synced";
            }
        }
    }
    ASSERT_TRUE(make_vsfs(disk, GetParam().log));
    mount();
}

TEST_P(VsfsTest, ACommitThatWasInterruptedIsFinished) {
    if (GetParam().log == 0) {
        return;
    }
    ASSERT_TRUE(law::make(root(), "old"));
    ASSERT_TRUE(system->sync());
    ASSERT_TRUE(law::make(root(), "new"));
    ASSERT_TRUE(system->sync());
    disk.crash([](std::size_t) { return false; });  // nothing of it was home for sure
    root_.reset();
    system = nullptr;
    mount();
    EXPECT_FALSE(law::is_free(root(), "old"));
    EXPECT_FALSE(law::is_free(root(), "new"));
    EXPECT_EQ(complaints(disk), "");
    // Half a log is none.
    ASSERT_TRUE(law::make(root(), "third"));
    const std::size_t before = disk.pending();
    ASSERT_TRUE(system->sync());
    static_cast<void>(before);
    ASSERT_TRUE(law::make(root(), "fourth"));
    std::ranges::fill(disk.bytes().subspan(2 * vsfs::block_size, 8), std::byte{0xFF});
    root_.reset();
    system = nullptr;
    mount();
    EXPECT_TRUE(law::is_free(root(), "fourth"));
    EXPECT_EQ(complaints(disk), "");
}

TEST_P(VsfsTest, WhatWasOpenWithoutANameIsFreed) {
    const auto before = system->status();
    {
        const auto file = *law::make(root(), "file");
        ASSERT_EQ(law::put(*file, 0, 50'000, 1), 50'000U);
        ASSERT_TRUE(law::remove(root(), "file"));
        ASSERT_TRUE(system->sync());
        EXPECT_NE(complaints(disk), "") << "an inode without a name";
        root_.reset();
    }
    disk.crash([](std::size_t) { return false; });
    system = nullptr;
    mount();
    EXPECT_EQ(system->status().free_blocks, before.free_blocks - 1) << "the directory has one";
    EXPECT_EQ(system->status().free_nodes, before.free_nodes);
}

struct Damage {
    const char* field;
    std::uint32_t block;  ///< of an image without a log
    std::uint32_t offset;
    std::uint32_t value;
};
constexpr std::uint32_t root_at = sizeof(vsfs::Inode);
const Damage damages[] = {
    {"superblock.magic", 0, 0, 1},
    {"superblock.version", 0, 4, 2},
    {"superblock.block_count", 0, 8, 301},
    {"superblock.block_count", 0, 8, 4},
    {"superblock.inode_count", 0, 12, 33},
    {"superblock.inode_count", 0, 12, 0},
    {"superblock.log_blocks", 0, 16, 5},
    {"inode.mode", 3, root_at, 0},
    {"inode.parent", 3, root_at + 12, 64},
    {"inode.size", 3, root_at + 16, 0xFFFF'F000},
    {"inode.direct", 3, root_at + 36, 300},
    {"directory block", 3, root_at + 36, 0},
    {"entry.inode", 5, 0, 64},
    {"entry.length", 5, 4, 0x80FF},
    {"entry.name", 5, 4, 0x2F2F'8001},
};
TEST(DamagedVsfs, IsRefusedByTheNameOfTheField) {
    for (const Damage& damage : damages) {
        World world;
        FakeDisk disk(300, 4096);
        ASSERT_TRUE(make_vsfs(disk, 0));
        {
            TestVsfs<FakeDisk> fine(world.heap, disk, world.clock, 1);
            ASSERT_TRUE(fine.mount());
            ASSERT_TRUE(law::make(*fine.root(), "x"));
            ASSERT_TRUE(fine.unmount());
        }
        vsfs::store(disk.bytes().subspan(damage.block * std::size_t{4096}), damage.offset,
                    damage.value);
        TestVsfs<FakeDisk> system(world.heap, disk, world.clock, 1);
        Status status = system.mount();
        if (status) {
            const auto found = system.root()->lookup("x");
            status = found ? Status() : Status(fail(found.error()));
        }
        ASSERT_FALSE(status) << damage.field;
        EXPECT_EQ(status.error(), Errc::corrupted) << damage.field;
        EXPECT_STREQ(system.complaint().field, damage.field);
        EXPECT_NE(complaints(disk), "") << damage.field;
    }
}

TEST(MakeVsfs, RefusesWhatCannotBe) {
    FakeDisk disk(40, 4096);
    vsfs::Block scratch;
    EXPECT_EQ(vsfs::make(disk, {.blocks = 41}, scratch).error(), Errc::invalid_argument);
    EXPECT_EQ(vsfs::make(disk, {.log_blocks = 16}, scratch).error(), Errc::invalid_argument);
    EXPECT_EQ(vsfs::make(disk, {.log_blocks = 39}, scratch).error(), Errc::invalid_argument);
    EXPECT_EQ(vsfs::make(disk, {.inodes = 40'000}, scratch).error(), Errc::invalid_argument);
    EXPECT_TRUE(vsfs::make(disk, {.log_blocks = 17}, scratch));
    EXPECT_EQ(complaints(disk), "");
}

}  // namespace
}  // namespace kidney::fs_test
