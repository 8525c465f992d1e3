/// Names that change while somebody decides about them: every interleaving of two calls on the real
/// VFS over tmpfs. What a call has checked must still be true when it makes its change.
#include "fs/tmpfs/tmpfs.hpp"
#include "fs/vfs/vfs.hpp"
#include "sched/sync/mutex.hpp"
#include "sim/explorer.hpp"
#include "tests/support/expect_all_pass.hpp"
#include "tests/support/explored_threads.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace kidney::test {
namespace {

using sim::require;
using Threads = ExploredThreads<>;
constexpr LockRank vfs_rank{26, "vfs"};
constexpr LockRank file_system_rank{30, "file system"};
template <const LockRank& Rank>
using Mutex = sched::Mutex<Rank, Threads>;
using Tmpfs = fs::Tmpfs<fakes::FakeHeap, fs_test::Frames, sim::RamArena, Mutex<file_system_rank>,
                        fs_test::Clock>;
using Vfs = fs::Vfs<fakes::FakeHeap, NullLock, Mutex<vfs_rank>>;

/// A tree that two threads change at once.
struct Tree {
    static constexpr std::size_t threads = 2;

    Tree() {
        Threads::reset();
        require(disk.start(fs::Permissions(0777)).has_value(), "the file system starts");
        require(vfs.mount_root(disk, "root").has_value(), "and is mounted");
        root = vfs.root();
    }
    ~Tree() {
        root = {};
        vfs.unmount_all();
    }
    [[nodiscard]] fs::PathContext as(std::uint32_t uid) { return {root, root, {uid, uid, {}}}; }
    Status make(std::string_view path, fs::NodeType type, std::uint16_t mode,
                std::uint32_t uid = 0) {
        return vfs.make_node(as(uid), path, {.type = type, .permissions = fs::Permissions(mode)});
    }
    [[nodiscard]] std::optional<std::uint32_t> owner(std::string_view path) {
        const auto found = vfs.attributes(as(0), path, false);
        return found ? std::optional(found->uid) : std::nullopt;
    }

    // Small: the explorer makes thousands of them.
    sim::RamArena arena{16};
    fs_test::Frames frames{arena};
    fakes::FakeHeap heap;
    fs_test::Clock clock;
    Tmpfs disk{heap, frames, arena, clock, 1, {}};
    Tmpfs other{heap, frames, arena, clock, 2, {}};
    Vfs vfs{heap};
    fs::Place root;
};

/// User 1 removes a file of its own from a sticky directory; meanwhile the name comes to mean user
/// 2's file, which is none of user 1's business.
struct StickyBit : Tree {
    Status removed;
    StickyBit() {
        require(make("/d", fs::NodeType::directory, 01777).has_value(), "a sticky directory");
        require(make("/d/x", fs::NodeType::regular, 0644, 1).has_value(), "user 1's file");
        require(make("/d/y", fs::NodeType::regular, 0644, 2).has_value(), "user 2's file");
    }
    void run(std::size_t thread) {
        if (thread == 0) {
            removed = vfs.unlink(as(1), "/d/x");
        } else {
            require(vfs.rename(as(0), "/d/y", as(0), "/d/x").has_value(), "root may rename");
        }
    }
    void check() {
        require(owner("/d/x") == 2U, "a user removed another user's file from a sticky directory");
        require(removed || removed.error() == Errc::not_permitted, "an error that leaked");
    }
};

/// The same with rename(), which replaces what is there.
struct StickyBitOfTheReplaced : Tree {
    Status renamed;
    StickyBitOfTheReplaced() {
        require(make("/d", fs::NodeType::directory, 01777).has_value(), "a sticky directory");
        require(make("/d/mine", fs::NodeType::regular, 0644, 1).has_value(), "user 1's file");
    }
    void run(std::size_t thread) {
        if (thread == 0) {
            renamed = vfs.rename(as(1), "/d/mine", as(1), "/d/x");
        } else {
            static_cast<void>(make("/d/x", fs::NodeType::regular, 0644, 2));
        }
    }
    void check() {
        require(owner("/d/x") == (renamed ? 1U : 2U), "the wrong file is there");
        require(renamed || renamed.error() == Errc::not_permitted, "an error that leaked");
    }
};

/// RENAME_NOREPLACE and open(O_EXCL) of one name: one of the two fails.
struct NoReplace : Tree {
    Status renamed, made;
    NoReplace() { require(make("/a", fs::NodeType::regular, 0644, 1).has_value(), "a file"); }
    void run(std::size_t thread) {
        if (thread == 0) {
            renamed = vfs.rename(as(0), "/a", as(0), "/b", fs::RenameRule::keep);
        } else {
            made = make("/b", fs::NodeType::regular, 0644);
        }
    }
    void check() {
        require(renamed.has_value() != made.has_value(), "both found the name free, or neither");
        require(owner("/b") == (renamed ? 1U : 0U), "the one that failed has replaced the other");
        require(owner("/a").has_value() != renamed.has_value(), "a file was lost");
    }
};

/// mount() on a directory that is being removed, or renamed over.
template <bool Rename>
struct MountPoint : Tree {
    Status removed, mounted;
    MountPoint() {
        require(other.start(fs::Permissions(0700)).has_value(), "the other file system starts");
        require(make("/m", fs::NodeType::directory, 0755).has_value(), "a mount point");
        require(make("/n", fs::NodeType::directory, 0755).has_value(), "a directory");
    }
    void run(std::size_t thread) {
        if (thread == 1) {
            mounted = vfs.mount(as(0), "/m", other, "other");
        } else if (Rename) {
            removed = vfs.rename(as(0), "/n", as(0), "/m");
        } else {
            removed = vfs.remove_directory(as(0), "/m");
        }
    }
    void check() {
        const auto there = vfs.attributes(as(0), "/m", true);
        if (mounted) {
            // Renamed first, and then mounted on what has the name now; else it must have stayed.
            require(Rename || !removed, "a file system is mounted on a removed directory");
            require(there && there->device == 2, "the mounted file system is out of reach");
        } else {
            require(removed.has_value(), "each stood in the other's way");
            require(mounted.error() == Errc::not_found, "an error that leaked");
        }
    }
};

/// Two directories move into each other: one move must fail, or both are out of reach.
struct Circle : Tree {
    Status first, second;
    Circle() {
        require(make("/a", fs::NodeType::directory, 0755).has_value(), "a directory");
        require(make("/b", fs::NodeType::directory, 0755).has_value(), "another");
    }
    void run(std::size_t thread) {
        if (thread == 0) {
            first = vfs.rename(as(0), "/a", as(0), "/b/a");
        } else {
            second = vfs.rename(as(0), "/b", as(0), "/a/b");
        }
    }
    void check() { require(first.has_value() != second.has_value(), "a circle of directories"); }
};

TEST(NamesExploration, StickyBit) {
    expect_all_pass<StickyBit>(1);
}
TEST(NamesExploration, StickyBitOfTheReplaced) {
    expect_all_pass<StickyBitOfTheReplaced>(1);
}
TEST(NamesExploration, NoReplace) {
    expect_all_pass<NoReplace>(1);
}
TEST(NamesExploration, MountPointIsRemoved) {
    expect_all_pass<MountPoint<false>>(1);
}
TEST(NamesExploration, MountPointIsReplaced) {
    expect_all_pass<MountPoint<true>>(1);
}
TEST(NamesExploration, Circle) {
    expect_all_pass<Circle>(1);
}

}  // namespace
}  // namespace kidney::test
