/// The tree of mounts: binds, flags, who keeps a mount busy, and when a file system goes.
#include "fs/tmpfs/options.hpp"
#include "fs/tmpfs/tmpfs.hpp"
#include "fs/vfs/vfs.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kidney::fs {
namespace {

using fs_test::World;
using TestTmpfs = Tmpfs<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::Clock>;
using TestVfs = Vfs<fakes::FakeHeap, NullLock, NullLock>;

constexpr OpenFlags reading{.mode = {.read = true}};
constexpr OpenFlags creating{.mode = {.read = true, .write = true}, .create = true};

/// Counts what comes back.
struct CountingOwner final : FileSystemOwner {
    std::vector<FileSystem*> returned;
    void unmounted(FileSystem& file_system) noexcept override { returned.push_back(&file_system); }
};

class MountTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(disk.start(Permissions(0755)));
        ASSERT_TRUE(other.start(Permissions(0755)));
        other.owner = &owner;
        ASSERT_TRUE(vfs.mount_root(disk, "root"));
        root = vfs.root();
        for (const char* path : {"/m", "/b", "/m2", "/d", "/d/e"}) {
            ASSERT_TRUE(mkdir(path)) << path;
        }
    }
    void TearDown() override {
        root = {};
        vfs.unmount_all();
    }

    PathContext at() { return {root, root, {}}; }
    Status mkdir(std::string_view path) {
        return vfs.make_node(at(), path,
                             {.type = NodeType::directory, .permissions = Permissions(0755)});
    }
    Status touch(std::string_view path) {
        TRY(vfs.open(at(), path, creating, Permissions(0644)));
        return {};
    }
    bool exists(std::string_view path) { return vfs.node_at(at(), path, true).has_value(); }
    Status unmount(std::string_view path, bool detach = false) {
        return vfs.mounting().unmount(at(), path, {.detach = detach});
    }
    Status bind(std::string_view from, std::string_view to, bool recursive = false) {
        return vfs.mounting().bind(at(), from, to, recursive);
    }
    std::string path_of(const Place& place) {
        std::array<char, max_path> buffer{};
        const auto path = vfs.path_of(root, place, buffer);
        return path ? std::string(*path) : std::string(to_string(path.error()));
    }

    World world;
    CountingOwner owner;
    TestTmpfs disk{world.heap, world.frames, world.arena, world.clock, 1, {}};
    TestTmpfs other{world.heap, world.frames, world.arena, world.clock, 2, {}};
    TestVfs vfs{world.heap};
    Place root;
};

#define EXPECT_ERROR(expression, errc)                          \
    do {                                                        \
        const auto result_ = (expression);                      \
        ASSERT_FALSE(result_.has_value());                      \
        EXPECT_EQ(to_string(result_.error()), to_string(errc)); \
    } while (false)

TEST_F(MountTest, GoesBackWhenNobodyUsesIt) {
    ASSERT_TRUE(vfs.mount(at(), "/m", other, "other"));
    ASSERT_TRUE(touch("/m/f"));
    ASSERT_TRUE(unmount("/m"));
    EXPECT_EQ(owner.returned.size(), 1U);
    EXPECT_FALSE(exists("/m/f"));
    ASSERT_TRUE(vfs.mount(at(), "/m", other, "other"));
    EXPECT_TRUE(exists("/m/f"));
    EXPECT_ERROR(unmount("/d"), Errc::invalid_argument);
}

TEST_F(MountTest, IsBusyWhileSomebodyIsThere) {
    ASSERT_TRUE(vfs.mount(at(), "/m", other, "other"));
    {
        const auto file = vfs.open(at(), "/m/f", creating, {});
        ASSERT_TRUE(file);
        EXPECT_ERROR(unmount("/m"), Errc::busy);
    }
    {
        const auto place = vfs.place_at(at(), "/m", true);
        ASSERT_TRUE(place);
        EXPECT_ERROR(unmount("/m"), Errc::busy);
    }
    {  // a mapping holds the node only
        const Ref<mm::PageSource> pages = *(*vfs.node_at(at(), "/m/f", true))->pages();
        EXPECT_ERROR(unmount("/m"), Errc::busy);
    }
    {
        const auto file = vfs.open(at(), "/m/f", reading, {});
        ASSERT_TRUE(vfs.unlink(at(), "/m/f"));  // without a name it is still open
        EXPECT_ERROR(unmount("/m"), Errc::busy);
    }
    ASSERT_TRUE(mkdir("/m/sub"));
    ASSERT_TRUE(bind("/d", "/m/sub"));
    EXPECT_ERROR(unmount("/m"), Errc::busy);
    ASSERT_TRUE(unmount("/m/sub"));
    EXPECT_TRUE(unmount("/m"));
    EXPECT_EQ(owner.returned.size(), 1U);
}

TEST_F(MountTest, DetachesAtOnceAndGoesLater) {
    ASSERT_TRUE(vfs.mount(at(), "/m", other, "other"));
    ASSERT_TRUE(mkdir("/m/sub"));
    ASSERT_TRUE(bind("/d", "/m/sub"));
    {
        const auto file = vfs.open(at(), "/m/f", creating, {});
        ASSERT_TRUE(file);
        const auto inside = vfs.place_at(at(), "/m/sub", true);
        ASSERT_TRUE(inside);
        ASSERT_TRUE(unmount("/m", true));
        EXPECT_FALSE(exists("/m/f"));
        EXPECT_TRUE((*file)->attributes());
        EXPECT_EQ(path_of(*inside), "not_found");
        const PathContext lost{root, *inside, {}};
        EXPECT_TRUE(vfs.node_at(lost, "..", true)) << "\"..\" of what is mounted nowhere";
        vfs.mounting().reap();
        EXPECT_TRUE(owner.returned.empty());
    }
    vfs.mounting().reap();
    EXPECT_EQ(owner.returned.size(), 1U);
}

TEST_F(MountTest, BindsShowTheSameFiles) {
    ASSERT_TRUE(touch("/d/f"));
    ASSERT_TRUE(bind("/d", "/b"));
    EXPECT_EQ(*vfs.node_at(at(), "/b/f", true), *vfs.node_at(at(), "/d/f", true));
    EXPECT_EQ(path_of(*vfs.place_at(at(), "/b/e", true)), "/b/e");
    EXPECT_EQ(path_of(*vfs.place_at(at(), "/d/e", true)), "/d/e");
    EXPECT_EQ(path_of(*vfs.place_at(at(), "/b/e/../..", true)), "/");
    EXPECT_ERROR(vfs.rename(at(), "/b/f", at(), "/d/g"), Errc::cross_device);
    EXPECT_ERROR(vfs.link(at(), "/b/f", at(), "/d/g", false), Errc::cross_device);
    EXPECT_ERROR(vfs.remove_directory(at(), "/b"), Errc::busy);
    EXPECT_TRUE(vfs.rename(at(), "/b/f", at(), "/b/g"));
    EXPECT_TRUE(exists("/d/g"));

    // A file on a file; not on a directory.
    ASSERT_TRUE(touch("/one"));
    ASSERT_TRUE(touch("/two"));
    EXPECT_ERROR(bind("/one", "/m"), Errc::not_directory);
    ASSERT_TRUE(bind("/one", "/two"));
    EXPECT_EQ(*vfs.node_at(at(), "/two", true), *vfs.node_at(at(), "/one", true));
    EXPECT_ERROR(vfs.unlink(at(), "/two"), Errc::busy);
    EXPECT_TRUE(unmount("/two"));
    EXPECT_TRUE(vfs.unlink(at(), "/two"));
}

TEST_F(MountTest, RecursiveBindsTakeWhatIsBelow) {
    ASSERT_TRUE(vfs.mount(at(), "/d/e", other, "other"));
    ASSERT_TRUE(touch("/d/e/f"));
    ASSERT_TRUE(bind("/d", "/b"));
    EXPECT_FALSE(exists("/b/e/f"));
    ASSERT_TRUE(bind("/d", "/m2", true));
    EXPECT_TRUE(exists("/m2/e/f"));
    // The whole tree into itself: the copy has no copy of itself.
    ASSERT_TRUE(bind("/", "/m", true));
    EXPECT_TRUE(exists("/m/d/e/f"));
    EXPECT_TRUE(exists("/m/m2/e/f"));
    EXPECT_FALSE(exists("/m/m/d"));
    ASSERT_TRUE(unmount("/m", true));
    EXPECT_FALSE(exists("/m/d"));
    EXPECT_TRUE(exists("/d/e/f"));
    EXPECT_TRUE(owner.returned.empty());
}

TEST_F(MountTest, CanBeDeep) {
    // Each on the root of the one before, and all of it copied: nothing here may recurse.
    for (int depth = 0; depth < 100; ++depth) {
        ASSERT_TRUE(bind("/d", "/m"));
        ASSERT_TRUE(bind("/m", "/m/e"));
    }
    EXPECT_ERROR(
        [&] {
            Status last;
            for (int n = 0; last && n < 100; ++n) {
                last = bind("/d", "/m2");
            }
            return last;
        }(),
        Errc::no_space);
    ASSERT_TRUE(unmount("/m", true));
}

TEST_F(MountTest, FlagsAreTheMounts) {
    ASSERT_TRUE(touch("/d/f"));
    ASSERT_TRUE(bind("/d", "/b"));
    {
        const auto file = vfs.open(at(), "/b/f", creating, {});
        ASSERT_TRUE(file);
        EXPECT_ERROR(vfs.mounting().remount(at(), "/b", {.read_only = true}, false), Errc::busy);
        EXPECT_TRUE(touch("/b/g")) << "the attempt has left no trace";
    }
    ASSERT_TRUE(vfs.mounting().remount(at(), "/b", {.read_only = true}, false));
    EXPECT_ERROR(vfs.open(at(), "/b/f", creating, {}), Errc::read_only);
    EXPECT_ERROR(vfs.open(at(), "/b/new", creating, {}), Errc::read_only);
    EXPECT_ERROR(mkdir("/b/x"), Errc::read_only);
    EXPECT_ERROR(vfs.unlink(at(), "/b/f"), Errc::read_only);
    EXPECT_ERROR(vfs.rename(at(), "/b/f", at(), "/b/h"), Errc::read_only);
    EXPECT_ERROR(vfs.change(at(), "/b/f", true, {.permissions = Permissions(0600)}, false),
                 Errc::read_only);
    EXPECT_ERROR(vfs.access(at(), "/b/f", Access::write, true), Errc::read_only);
    EXPECT_TRUE(vfs.open(at(), "/b/f", reading, {}));
    EXPECT_TRUE(vfs.open(at(), "/d/f", creating, {})) << "the other place can be written";
    ASSERT_TRUE(vfs.mounting().remount(at(), "/b", {}, false));
    EXPECT_TRUE(vfs.unlink(at(), "/b/f"));

    ASSERT_TRUE(vfs.make_node(at(), "/d/null", {.type = NodeType::character, .rdev = {1, 3}}));
    ASSERT_TRUE(vfs.mounting().remount(at(), "/b", {.no_devices = true}, false));
    EXPECT_ERROR(vfs.open(at(), "/b/null", reading, {}), Errc::permission_denied);
    EXPECT_ERROR(vfs.open(at(), "/d/null", reading, {}), Errc::no_device);
    EXPECT_ERROR(vfs.mounting().remount(at(), "/d", {}, false), Errc::invalid_argument);
}

TEST_F(MountTest, Moves) {
    ASSERT_TRUE(vfs.mount(at(), "/m", other, "other"));
    ASSERT_TRUE(mkdir("/m/sub"));
    EXPECT_ERROR(vfs.mounting().move(at(), "/m", "/m/sub"), Errc::invalid_argument);
    EXPECT_ERROR(vfs.mounting().move(at(), "/d", "/b"), Errc::invalid_argument);
    ASSERT_TRUE(vfs.mounting().move(at(), "/m", "/b"));
    EXPECT_TRUE(exists("/b/sub"));
    EXPECT_FALSE(exists("/m/sub"));
    EXPECT_TRUE(vfs.remove_directory(at(), "/m"));
    EXPECT_EQ(path_of(*vfs.place_at(at(), "/b/sub", true)), "/b/sub");
}

TEST_F(MountTest, MemoryFailsAtEachCall) {
    for (std::size_t n = 1;; ++n) {
        world.heap.fail_at(n);
        const Status mounted = vfs.mount(at(), "/m", other, "other");
        const bool failed = world.heap.has_failed();
        if (!failed) {
            ASSERT_TRUE(mounted);
            break;
        }
        EXPECT_ERROR(mounted, Errc::no_memory);
        EXPECT_EQ(other.mount_count(), 0);
    }
    EXPECT_TRUE(unmount("/m"));
}

TEST(MountOptions, AreParsed) {
    constexpr std::uint64_t memory = 64 << 20;
    const auto parsed = parse_tmpfs_options("size=1m,mode=1750,,uid=7,gid=8,nr_inodes=2k", memory);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->pages, 256U);
    EXPECT_EQ(parsed->permissions, Permissions(01750));
    EXPECT_EQ(parsed->uid, 7U);
    EXPECT_EQ(parsed->gid, 8U);
    EXPECT_EQ(parsed->nodes, 2048U);
    EXPECT_EQ(parse_tmpfs_options("size=25%", memory)->pages, 4096U);
    EXPECT_EQ(parse_tmpfs_options("size=1", memory)->pages, 1U);
    EXPECT_EQ(parse_tmpfs_options("", memory)->pages, 0U);
    for (const char* wrong :
         {"size", "size=", "size=x", "size=1q", "size=-1", "size=99999999999999999999", "mode=8",
          "mode=", "nonsense", "uid=5000000000", "size=17179869184g", "size=m", "size=10001%"}) {
        EXPECT_FALSE(parse_tmpfs_options(wrong, memory)) << wrong;
    }
}

}  // namespace
}  // namespace kidney::fs
