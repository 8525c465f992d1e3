/// Quotas: the laws of the table (fs/quota/quota_table.hpp), and a tmpfs that keeps one.
#include "fs/quota/quota_table.hpp"
#include "fs/tmpfs/options.hpp"
#include "fs/tmpfs/tmpfs.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace kidney::fs {
namespace {

using fs_test::World;
using Table = QuotaTable<fakes::FakeHeap, NullLock>;
using TestTmpfs = Tmpfs<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::Clock>;

constexpr QuotaOwner alice{1000, 100}, bob{1001, 100};
bool is_exempt = false;
QuotaSettings both_kinds(std::uint64_t bytes = 0, std::uint64_t nodes = 0) {
    is_exempt = false;
    return {.users = {true, bytes, nodes},
            .groups = {.is_kept = true},
            .may_exceed = []() noexcept { return is_exempt; }};
}
QuotaEntry of(Quotas& table, QuotaKind kind, std::uint32_t id) {
    return *table.get(kind, id);
}

TEST(Quota, CountsForUserAndGroup_Q1) {
    World world;
    Table table(world.heap, both_kinds());
    ASSERT_TRUE(table.charge(alice, {5000, 2}, 0));
    ASSERT_TRUE(table.charge(bob, {100, 1}, 0));
    EXPECT_EQ(of(table, QuotaKind::user, 1000).bytes.used, 5000U);
    EXPECT_EQ(of(table, QuotaKind::group, 100).bytes.used, 5100U);
    EXPECT_EQ(of(table, QuotaKind::group, 100).nodes.used, 3U);
    ASSERT_TRUE(table.transfer(alice, bob, {1000, 1}, 0));
    EXPECT_EQ(of(table, QuotaKind::user, 1000).bytes.used, 4000U);
    EXPECT_EQ(of(table, QuotaKind::user, 1001).nodes.used, 2U);
    EXPECT_EQ(of(table, QuotaKind::group, 100).bytes.used, 5100U);
    table.refund(alice, {4000, 1});
    EXPECT_EQ(of(table, QuotaKind::user, 1000).bytes.used, 0U);
}

TEST(Quota, WhatFailsChangesNothing_Q2) {
    World world;
    Table table(world.heap, both_kinds());
    ASSERT_TRUE(table.set(QuotaKind::group, 100, {.nodes = {.hard = 1}}));
    ASSERT_TRUE(table.charge(alice, {10, 1}, 0));
    EXPECT_EQ(table.charge(bob, {10, 1}, 0).error(), Errc::quota_exceeded);
    EXPECT_EQ(of(table, QuotaKind::user, 1001).bytes.used, 0U);
    EXPECT_EQ(of(table, QuotaKind::group, 100).bytes.used, 10U);
}

TEST(Quota, HardLimitsHoldForAllButTheExempt_Q3) {
    World world;
    Table table(world.heap, both_kinds(8192, 2));
    ASSERT_TRUE(table.charge(alice, {8192, 1}, 0));
    EXPECT_EQ(table.charge(alice, {1, 0}, 0).error(), Errc::quota_exceeded);
    ASSERT_TRUE(table.charge(alice, {0, 1}, 0));
    EXPECT_EQ(table.charge(alice, {0, 1}, 0).error(), Errc::quota_exceeded);
    EXPECT_TRUE(table.charge(bob, {8192, 2}, 0));  // each has limits of his own
    is_exempt = true;
    EXPECT_TRUE(table.charge(alice, {4096, 1}, 0));
    is_exempt = false;
    EXPECT_FALSE(table.charge(alice, {4096, 0}, 0));
    ASSERT_TRUE(table.enforce(QuotaKind::user, false));
    EXPECT_TRUE(table.charge(alice, {4096, 0}, 0));
    EXPECT_EQ(of(table, QuotaKind::user, 1000).bytes.used, 8192U + 4096 + 4096);
    ASSERT_TRUE(table.enforce(QuotaKind::user, true));
    EXPECT_EQ(table.enforce(QuotaKind::user, true).error(), Errc::busy);
    EXPECT_FALSE(table.charge(alice, {1, 0}, 0));
}

TEST(Quota, SoftLimitsHoldAfterTheTimeOfGrace_Q3_Q4) {
    World world;
    Table table(world.heap, both_kinds());
    ASSERT_TRUE(table.set(QuotaKind::user, 1000, {.bytes = {.hard = 100, .soft = 10}}));
    ASSERT_TRUE(table.set_graces(QuotaKind::user, 60, {}));
    ASSERT_TRUE(table.charge(alice, {10, 0}, 1000));
    EXPECT_EQ(of(table, QuotaKind::user, 1000).bytes.expires, 0U);
    ASSERT_TRUE(table.charge(alice, {10, 0}, 1000));
    EXPECT_EQ(of(table, QuotaKind::user, 1000).bytes.expires, 1060U);
    EXPECT_TRUE(table.charge(alice, {10, 0}, 1059));
    EXPECT_EQ(table.charge(alice, {10, 0}, 1060).error(), Errc::quota_exceeded);
    table.refund(alice, {20, 0});
    EXPECT_EQ(of(table, QuotaKind::user, 1000).bytes.expires, 0U);
    EXPECT_TRUE(table.charge(alice, {10, 0}, 2000));
    EXPECT_EQ(of(table, QuotaKind::user, 1000).bytes.expires, 2060U);
    ASSERT_TRUE(table.set(QuotaKind::user, 1000, {.bytes = {.soft = 50}}));
    EXPECT_EQ(of(table, QuotaKind::user, 1000).bytes.expires, 0U);
    table.refund(alice, {20, 0});
}

TEST(Quota, WhatIsNotKeptLimitsNothing_Q5) {
    World world;
    QuotaSettings settings = both_kinds();
    settings.users.is_kept = false;
    Table table(world.heap, settings);
    EXPECT_FALSE(table.keeps(QuotaKind::user));
    EXPECT_EQ(table.get(QuotaKind::user, 1).error(), Errc::no_process);
    EXPECT_EQ(table.set(QuotaKind::user, 1, {.nodes = {.hard = 1}}).error(), Errc::no_process);
    EXPECT_TRUE(table.charge(alice, {1, 5}, 0));
    EXPECT_EQ(of(table, QuotaKind::group, 100).nodes.used, 5U);
}

TEST(Quota, NextIsTheFirstAtOrBehind) {
    World world;
    Table table(world.heap, both_kinds());
    ASSERT_TRUE(table.charge(bob, {}, 0));
    ASSERT_TRUE(table.charge(alice, {}, 0));
    EXPECT_EQ(table.next(QuotaKind::user, 0)->id, 1000U);
    EXPECT_EQ(table.next(QuotaKind::user, 1001)->id, 1001U);
    EXPECT_EQ(table.next(QuotaKind::user, 1002).error(), Errc::not_found);
}

TEST(Quota, WithoutMemoryNothingIsCharged) {
    World world;
    Table table(world.heap, both_kinds());
    for (std::uint32_t fail_at = 1; fail_at <= 2; ++fail_at) {
        world.heap.fail_at(fail_at);
        EXPECT_EQ(table.charge({fail_at, fail_at}, {1, 1}, 0).error(), Errc::no_memory);
        world.heap.fail_at(0);
        EXPECT_EQ(of(table, QuotaKind::user, fail_at).nodes.used, 0U);
        EXPECT_EQ(of(table, QuotaKind::group, fail_at).nodes.used, 0U);
    }
}

struct QuotaTmpfs : testing::Test {
    World world;
    TestTmpfs disk{world.heap,  world.frames,
                   world.arena, world.clock,
                   1,           {.pages = 100, .quotas = both_kinds(4 * page_size, 3)}};
    Ref<Vnode> root;

    void SetUp() override {
        ASSERT_TRUE(disk.start(Permissions(0755)));
        root = disk.root();
    }
    Result<Ref<Vnode>> create(std::string_view name, QuotaOwner owner = alice) {
        return root->create(name,
                            {.permissions = Permissions(0644), .uid = owner.uid, .gid = owner.gid});
    }
    static Result<std::size_t> write(Vnode& node, std::uint64_t at, std::size_t pages) {
        const std::string text(pages * page_size, 'x');
        SpanWriteBuffer from(std::as_bytes(std::span(text)));
        return node.write(at * page_size, from);
    }
    QuotaEntry user(std::uint32_t id) { return of(*disk.quotas(), QuotaKind::user, id); }
};

TEST_F(QuotaTmpfs, CountsFilesAndTheirPages) {
    const Ref<Vnode> file = *create("f");
    EXPECT_EQ(*write(*file, 0, 3), 3 * page_size);
    EXPECT_EQ(*write(*file, 1, 2), 2 * page_size);  // there already
    EXPECT_EQ(user(1000).bytes.used, 3 * page_size);
    EXPECT_EQ(*write(*file, 3, 2), page_size);  // as far as it goes
    EXPECT_EQ(write(*file, 8, 1).error(), Errc::quota_exceeded);
    EXPECT_EQ(file->allocate(0, 9 * page_size, false).error(), Errc::quota_exceeded);
    EXPECT_EQ(file->attributes()->size, 4 * page_size);
    ASSERT_TRUE(file->punch_hole(0, page_size));
    ASSERT_TRUE(file->set_attributes({.size = 2 * page_size}));
    EXPECT_EQ(user(1000).bytes.used, page_size);
    ASSERT_TRUE(create("g"));
    ASSERT_TRUE(root->link("again", *file));  // a name is no file
    ASSERT_TRUE(create("h"));
    EXPECT_EQ(create("i").error(), Errc::quota_exceeded);
    EXPECT_TRUE(create("i", bob));
    EXPECT_EQ(root->lookup("j").error(), Errc::not_found);
}

TEST_F(QuotaTmpfs, ChownMovesWhatAFileUses) {
    const Ref<Vnode> file = *create("f");
    ASSERT_TRUE(write(*file, 0, 3));
    ASSERT_TRUE(create("of bob", bob));
    ASSERT_TRUE(file->set_attributes({.uid = bob.uid}));
    EXPECT_EQ(user(1000).nodes.used, 0U);
    EXPECT_EQ(user(1001).nodes.used, 2U);
    EXPECT_EQ(user(1001).bytes.used, 3 * page_size);
    const Ref<Vnode> other = *create("g");
    ASSERT_TRUE(write(*other, 0, 2));
    EXPECT_EQ(other->set_attributes({.uid = bob.uid, .size = 0}).error(), Errc::quota_exceeded);
    EXPECT_EQ(other->attributes()->uid, alice.uid);
    EXPECT_EQ(other->attributes()->size, 2 * page_size);
    is_exempt = true;
    ASSERT_TRUE(other->set_attributes({.uid = bob.uid}));
    EXPECT_EQ(user(1001).bytes.used, 5 * page_size);
}

TEST_F(QuotaTmpfs, WhatIsUnlinkedCountsUntilItIsClosed) {
    Ref<Vnode> file = *create("f");
    ASSERT_TRUE(write(*file, 0, 2));
    ASSERT_TRUE(root->unlink("f", *file));
    EXPECT_EQ(user(1000).bytes.used, 2 * page_size);
    file = nullptr;
    EXPECT_EQ(user(1000).bytes.used, 0U);
    EXPECT_EQ(user(1000).nodes.used, 0U);
}

/// Against a map: whatever is done, what is used is the sum over the files that there are.
TEST_F(QuotaTmpfs, BooksAgreeWithTheFiles) {
    std::mt19937 random(1);  // NOLINT: the same each time
    std::map<int, Ref<Vnode>> files;
    for (int n = 0; n < 3000; ++n) {
        const int name = static_cast<int>(random() % 8);
        const std::string text = std::to_string(name);
        const auto found = files.find(name);
        const QuotaOwner owner = random() % 2 == 0 ? alice : bob;
        if (found == files.end()) {
            if (const auto made = create(text, owner)) {
                files[name] = *made;
            }
        } else if (const std::uint32_t what = random() % 8; what == 0) {
            ASSERT_TRUE(root->unlink(text, *found->second));
            files.erase(found);
        } else if (what == 1) {
            ignore_error(found->second->set_attributes({.uid = owner.uid}), "it may be too much");
        } else if (what == 2) {
            ASSERT_TRUE(found->second->set_attributes({.size = random() % 3 * page_size}));
        } else {
            ignore_error(write(*found->second, random() % 6, 1 + random() % 2), "likewise");
        }
        std::map<std::uint32_t, QuotaUse> used;
        for (const auto& [_, node] : files) {
            const Attributes its = *node->attributes();
            used[its.uid].bytes += its.blocks * 512;
            ++used[its.uid].nodes;
        }
        for (const std::uint32_t id : {alice.uid, bob.uid}) {
            const QuotaEntry entry = user(id);
            ASSERT_EQ(entry.bytes.used, used[id].bytes) << n;
            ASSERT_EQ(entry.nodes.used, used[id].nodes) << n;
            ASSERT_LE(entry.bytes.used, 4 * page_size);
            ASSERT_LE(entry.nodes.used, 3U);
        }
    }
}

TEST(QuotaOptions, AreThoseOfLinux) {
    const auto parse = [](std::string_view text) { return parse_tmpfs_options(text, 1 << 20); };
    EXPECT_TRUE(parse("quota")->quotas.users.is_kept && parse("quota")->quotas.groups.is_kept);
    const TmpfsOptions options =
        *parse("size=1m,usrquota,usrquota_block_hardlimit=64k,grpquota_inode_hardlimit=7");
    EXPECT_TRUE(options.quotas.users.is_kept);
    EXPECT_FALSE(options.quotas.groups.is_kept);
    EXPECT_EQ(options.quotas.users.hard_bytes, 65536U);
    EXPECT_EQ(options.quotas.groups.hard_nodes, 7U);
    for (const char* const wrong :
         {"usrquota=1", "usrquota_block_hardlimit", "grpquota_inode_hardlimit=0", "prjquota"}) {
        EXPECT_EQ(parse(wrong).error(), Errc::invalid_argument) << wrong;
    }
}

}  // namespace
}  // namespace kidney::fs
