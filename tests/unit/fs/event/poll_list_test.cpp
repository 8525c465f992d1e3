/// Who is told that a file has changed, and who hears that it is gone.
#include "fs/poll_list.hpp"

#include "fs/pipe/pipe_service.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace kidney::fs {
namespace {

/// Waits for bytes to read, and notes when it hears of some.
struct Reader final : PollWaiter {
    explicit Reader(bool is_exclusive = false) : PollWaiter(entries) {
        entries[0].is_exclusive = is_exclusive;
    }
    ~Reader() { leave_all(); }
    void wake() noexcept override { ++wakes; }
    bool wake_for(Readiness changed) noexcept override {
        wakes += changed.readable ? 1 : 0;
        return changed.readable;
    }
    std::array<PollEntry, 1> entries;
    int wakes = 0;
};
struct Poller final : PollWaiter {
    Poller() : PollWaiter(entries) {}
    ~Poller() { leave_all(); }
    void wake() noexcept override { ++wakes; }
    std::array<PollEntry, 1> entries;
    int wakes = 0;
};

TEST(PollList, TellsThoseWhomTheChangeConcerns) {
    PollList<NullLock> list;
    Reader reader;
    Poller poller;
    list.enter(&reader);
    list.enter(&poller);
    list.notify({.writable = true});
    EXPECT_EQ(reader.wakes, 0);
    EXPECT_EQ(poller.wakes, 1) << "who does not look is told of all";
    list.notify();
    EXPECT_EQ(reader.wakes, 1);
    EXPECT_EQ(poller.wakes, 2);
    reader.leave_all();
    list.notify();
    EXPECT_EQ(reader.wakes, 1);
}

TEST(PollList, TellsOneOfThoseWhoShareTheWork) {
    PollList<NullLock> list;
    Reader first(true), second(true), other;
    list.enter(&first);
    list.enter(&second);
    list.enter(&other);
    list.notify({.readable = true});
    EXPECT_EQ(first.wakes, 1);
    EXPECT_EQ(second.wakes, 0);
    EXPECT_EQ(other.wakes, 1) << "it is not one of them";
    list.notify({.writable = true});
    EXPECT_EQ(first.wakes + second.wakes, 1) << "nobody can do with it";
    first.leave_all();
    list.notify({.readable = true});
    EXPECT_EQ(second.wakes, 1);
}

struct Mourner final : FileWatcher {
    void file_gone(File& file) noexcept override {
        ++deaths;
        label = file.label();  // it is still whole
    }
    int deaths = 0;
    std::string label;
};

TEST(FileWatchers, HearOfTheEndOfAFileWhileItIsThere) {
    fs_test::World world;
    fs_test::LockedHeap heap;
    PipeService<fs_test::LockedHeap, fs_test::Frames, sim::RamArena, fs_test::StdLock,
                fs_test::StdQueue, fs_test::StdLock, fs_test::StdLock, fs_test::Clock>
        pipes{heap, world.frames, world.arena, world.clock};
    Mourner locks, events;
    auto ends = *pipes.create(true);
    EXPECT_EQ(ends.reader->watcher(File::WatchFor::events), nullptr);
    ends.reader->watch(locks, File::WatchFor::locks);
    ends.reader->watch(events, File::WatchFor::events);
    EXPECT_EQ(ends.reader->watcher(File::WatchFor::events), &events);
    Ref<File> second = ends.reader;
    ends.reader.reset();
    EXPECT_EQ(locks.deaths + events.deaths, 0) << "there is another reference";
    second.reset();
    EXPECT_EQ(locks.deaths, 1);
    EXPECT_EQ(events.deaths, 1);
    EXPECT_EQ(events.label, "pipe:");
}

/// Each write is a change, even where there were bytes before.
TEST(FileWatchers, APipeTellsOfEachWrite) {
    fs_test::World world;
    fs_test::LockedHeap heap;
    PipeService<fs_test::LockedHeap, fs_test::Frames, sim::RamArena, fs_test::StdLock,
                fs_test::StdQueue, fs_test::StdLock, fs_test::StdLock, fs_test::Clock>
        pipes{heap, world.frames, world.arena, world.clock};
    auto ends = *pipes.create(true);
    Reader reader;
    EXPECT_FALSE(ends.reader->poll(&reader).readable);
    for (int writes = 1; writes <= 3; ++writes) {
        SpanWriteBuffer from(std::as_bytes(std::span("abc", 3)));
        EXPECT_EQ(ends.writer->write(from), 3U);
        EXPECT_EQ(reader.wakes, writes);
    }
}

}  // namespace
}  // namespace kidney::fs
