/// Watches of nodes through the interleavings of those who tell, those who watch and those who
/// leave: what is told reaches whoever waits, and the end of a node is told once or not at all.
#include "fs/notify/change_service.hpp"
#include "fs/tmpfs/tmpfs.hpp"
#include "fs/vfs/vfs.hpp"
#include "sched/sync/mutex.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sched/sync/wait_queue.hpp"
#include "sim/explorer.hpp"
#include "tests/support/expect_all_pass.hpp"
#include "tests/support/explored_threads.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace kidney::test {
namespace {

using sim::require;
constexpr LockRank vfs_rank{26, "vfs"};
constexpr LockRank file_system_rank{30, "file system"};
constexpr LockRank changes_rank{37, "changes"};
constexpr LockRank poll_rank{66, "poll"};

/// A record is its change.
struct OneWord {
    static std::size_t size_of(std::size_t) noexcept { return sizeof(std::uint32_t); }
    static Status put(fs::ReadBuffer& to, const fs::ChangeRecord& record) noexcept {
        const auto what = static_cast<std::uint32_t>(record.what);
        return to.put(std::as_bytes(std::span(&what, 1)));
    }
};
struct Environment {
    using Threads = ExploredThreads<>;
    using Heap = fakes::FakeHeap;
    using Lock = sched::Mutex<changes_rank, Threads>;
    using Queue = sched::WaitQueue<Threads>;
    using PollLock = sched::SpinLock<poll_rank, sim::ExploredCpu>;
    using Format = OneWord;
    using Payers = NobodyPays;
};

struct Watched {
    static constexpr std::size_t threads = 2;
    template <const LockRank& Rank>
    using Mutex = sched::Mutex<Rank, Environment::Threads>;
    using Tmpfs = fs::Tmpfs<fakes::FakeHeap, fs_test::Frames, sim::RamArena,
                            Mutex<file_system_rank>, fs_test::Clock>;
    using Vfs = fs::Vfs<fakes::FakeHeap, NullLock, Mutex<vfs_rank>>;
    using Service = fs::ChangeService<Environment>;

    Watched() {
        Environment::Threads::reset();
        require(disk.start(fs::Permissions(0777)).has_value(), "the file system starts");
        require(vfs.mount_root(disk, "root").has_value(), "and is mounted");
        root = vfs.root();
        vfs.set_listener(changes);
        file = open("/f");
        node = Ref<fs::Vnode>::share(*file->vnode());
        queue = *changes.create_file(false);
    }
    ~Watched() {
        file = queue = {};
        node = {};
        root = {};
        vfs.unmount_all();
    }
    [[nodiscard]] fs::PathContext at() { return {root, root, {}}; }
    [[nodiscard]] Ref<fs::File> open(std::string_view path) {
        return *vfs.open(at(), path, {.mode = {.read = true, .write = true}, .create = true},
                         fs::Permissions(0644));
    }
    [[nodiscard]] Service::ThisFile& told() {
        return *fs::anonymous_cast<Service::ThisFile>(*queue);
    }
    std::int32_t watch(fs::Change wanted) {
        const auto number =
            changes.watch(told(), *node, {.wanted = wanted}, fs::WatchAgain::replace);
        require(number.has_value(), "not watched");
        return *number;
    }
    /// All that is there; waits for the first.
    std::size_t read() {
        std::array<std::byte, 16> bytes{};
        fs::SpanReadBuffer to(bytes);
        const auto size = queue->read(to);
        require(size.has_value(), "a strange error");
        return *size / sizeof(std::uint32_t);
    }

    // Small: the explorer makes thousands of them.
    sim::RamArena arena{16};
    fs_test::Frames frames{arena};
    fakes::FakeHeap heap;
    fs_test::Clock clock;
    Tmpfs disk{heap, frames, arena, clock, 1, {}};
    Vfs vfs{heap};
    Service changes{heap, vfs.tree().names, {}};
    fs::Place root;
    Ref<fs::File> file, queue;
    Ref<fs::Vnode> node;
};

/// One waits for a change, the other makes one.
struct WaitAndChange : Watched {
    WaitAndChange() { watch(fs::Change::modified); }
    void run(std::size_t thread) {
        if (thread == 0) {
            require(read() == 1, "told of too many");
        } else {
            changes.file_changed(*file, fs::Change::modified);
        }
    }
    void check() {}
};
/// The last user of a file without a name leaves while its watch is ended.
struct LeaveAndUnwatch : Watched {
    std::int32_t number = watch(fs::Change::self_removed);
    bool was_there = false;
    LeaveAndUnwatch() {
        require(vfs.unlink(at(), "/f").has_value(), "unlinked");
        node = {};
    }
    void run(std::size_t thread) {
        if (thread == 0) {
            file = {};
        } else {
            was_there = changes.unwatch(told(), number).has_value();
        }
    }
    void check() {
        require(!changes.is_listening(), "a watch is left");
        require(read() == (was_there ? 1U : 2U), "told something else");
    }
};
/// A file loses its name while somebody begins to watch it: the watch must not keep it.
struct WatchAndUnlink : Watched {
    void run(std::size_t thread) {
        if (thread == 0) {
            watch(fs::Change::self_removed);
        } else {
            require(vfs.unlink(at(), "/f").has_value(), "unlinked");
        }
    }
    void check() {
        file = {};
        node = {};
        require(read() == 2, "its end was not told");
        require(!changes.is_listening(), "the watch keeps it");
    }
};
/// What tells goes away with its last watcher.
struct ChangeAndClose : Watched {
    ChangeAndClose() { watch(fs::Change::modified); }
    void run(std::size_t thread) {
        if (thread == 0) {
            queue = {};
        } else {
            changes.file_changed(*file, fs::Change::modified);
        }
    }
    void check() { require(!node->is_watched(), "a watch is left"); }
};

TEST(ChangesExploration, WhoWaitsIsTold) {
    expect_all_pass<WaitAndChange>(2);
}
TEST(ChangesExploration, TheEndOfANodeIsToldOnce) {
    expect_all_pass<LeaveAndUnwatch>(2);
}
TEST(ChangesExploration, AWatchDoesNotKeepWhatLosesItsName) {
    expect_all_pass<WatchAndUnlink>(2);
}
TEST(ChangesExploration, AFileMayEndWhileItIsTold) {
    expect_all_pass<ChangeAndClose>(2);
}

}  // namespace
}  // namespace kidney::test
