/// Copying a tree from one file system into another one.
#include "fs/vfs/tree_copy.hpp"

#include "fs/tmpfs/tmpfs.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <string>

namespace kidney::fs {
namespace {

using fs_test::World;
using TestTmpfs = Tmpfs<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::Clock>;
using Copy = TreeCopy<fakes::FakeHeap>;

struct TreeCopyTest : testing::Test {
    World world;
    TestTmpfs from{world.heap, world.frames, world.arena, world.clock, 1, {.pages = 100}};
    fakes::FakeHeap heap;  ///< of the copy

    void SetUp() override { ASSERT_TRUE(from.start(Permissions(0750))); }

    static Ref<Vnode> add(Vnode& to, std::string_view name, const NewNode& what,
                          std::string_view text = {}, std::uint64_t at = 0) {
        const Ref<Vnode> node = *to.create(name, what);
        SpanWriteBuffer bytes(std::as_bytes(std::span(text)));
        EXPECT_TRUE(text.empty() || node->write(at, bytes));
        return node;
    }
    static std::string text_of(Vnode& node) {
        std::string text(static_cast<std::size_t>(node.attributes()->size), '?');
        SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        EXPECT_EQ(*node.read(0, to), text.size());
        return text;
    }
    /// Names, and what is promised of each.
    static void expect_same(Vnode& a, Vnode& b, unsigned& count) {
        const Attributes x = *a.attributes(), y = *b.attributes();
        EXPECT_EQ(x.type, y.type);
        EXPECT_EQ(x.permissions.bits(), y.permissions.bits());
        EXPECT_EQ(x.uid, y.uid);
        EXPECT_EQ(x.gid, y.gid);
        EXPECT_EQ(x.size, y.size);
        EXPECT_EQ(x.blocks, y.blocks);
        EXPECT_EQ(x.rdev, y.rdev);
        EXPECT_EQ(x.modified, y.modified);
        EXPECT_EQ(x.accessed, y.accessed);
        ++count;
        if (x.type == NodeType::regular) {
            EXPECT_EQ(text_of(a), text_of(b));
        } else if (x.type == NodeType::symlink) {
            std::array<char, max_path> s{}, t{};
            EXPECT_EQ(*a.read_link(s), *b.read_link(t));
            EXPECT_EQ(s, t);
        } else if (x.type == NodeType::directory) {
            struct Names final : DirectorySink {
                bool accept(const DirectoryEntry& entry) noexcept override {
                    if (entry.name != "." && entry.name != "..") {
                        names.emplace_back(entry.name);
                    }
                    return true;
                }
                std::vector<std::string> names;
            } names;
            ASSERT_TRUE(a.read_directory(0, names));
            for (const std::string& name : names.names) {
                const auto other = b.lookup(name);
                ASSERT_TRUE(other) << name;
                expect_same(**a.lookup(name), **other, count);
            }
        }
    }
    void make_tree() {
        const Ref<Vnode> root = from.root();
        const NewNode folder{.type = NodeType::directory, .permissions = Permissions(01777)};
        const Ref<Vnode> d = add(*root, "d", folder);
        const Ref<Vnode> e = add(*d, "e", folder);
        ASSERT_TRUE(add(*d, "empty", folder));
        add(*root, "f", {.permissions = Permissions(04755), .uid = 7, .gid = 8}, "some bytes");
        add(*e, "sparse", {.permissions = Permissions(0600)}, std::string(9000, 'x'), 100'000);
        ASSERT_TRUE((*e->lookup("sparse"))->set_attributes({.size = 200'000}));
        add(*e, "link",
            {.type = NodeType::symlink, .permissions = Permissions(0777), .target = "../f"});
        add(*e, "device", {.type = NodeType::character, .rdev = {1, 3}});
        ASSERT_TRUE((*root->lookup("f"))->set_attributes({.modified = FileTime{5, 6}}));
        ASSERT_TRUE(d->set_attributes({.accessed = FileTime{8, 0}, .modified = FileTime{7, 0}}));
    }
};

TEST_F(TreeCopyTest, TheCopyIsLikeTheTree) {
    make_tree();
    TestTmpfs to{world.heap, world.frames, world.arena, world.clock, 2, {}};
    ASSERT_TRUE(to.start(Permissions(0755)));
    Copy copy(heap);
    ASSERT_TRUE(copy.copy(from.root(), to.root()));
    unsigned count = 0;
    expect_same(*from.root(), *to.root(), count);
    EXPECT_EQ(count, 8U);
    EXPECT_EQ(heap.live_objects(), 0U);
}

TEST_F(TreeCopyTest, AnErrorNamesWhatCouldNotBeCopied) {
    make_tree();
    TestTmpfs to{world.heap, world.frames, world.arena, world.clock, 2, {.pages = 2}};
    ASSERT_TRUE(to.start(Permissions(0755)));
    Copy copy(heap);
    EXPECT_EQ(copy.copy(from.root(), to.root()).error(), Errc::no_space);
    EXPECT_EQ(copy.name(), "sparse");
}

TEST_F(TreeCopyTest, WithoutMemoryItEndsAndLeaksNothing) {
    make_tree();
    for (std::size_t n = 1;; ++n) {
        TestTmpfs to{world.heap, world.frames, world.arena, world.clock, 2, {}};
        ASSERT_TRUE(to.start(Permissions(0755)));
        heap.fail_at(n);
        Status copied;
        {
            Copy copy(heap);
            copied = copy.copy(from.root(), to.root());
        }
        EXPECT_EQ(heap.live_objects(), 0U);
        if (!heap.has_failed()) {
            EXPECT_TRUE(copied);
            EXPECT_EQ(n, 5U);  // one for each directory, and none fails
            break;
        }
        EXPECT_EQ(copied.error(), Errc::no_memory);
    }
}

}  // namespace
}  // namespace kidney::fs
