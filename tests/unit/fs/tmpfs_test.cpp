/// tmpfs below the VFS: bytes, holes, limits, mappings, and what happens when memory runs out.
#include "fs/tmpfs/tmpfs.hpp"

#include "mm/reverse_map.hpp"
#include "tests/unit/fs/test_world.hpp"
#include "tests/unit/fs/torn_buffers.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace kidney::fs {
namespace {

using fs_test::LockedHeap;
using fs_test::StdLock;
using fs_test::TornSource;
using fs_test::World;
using TestTmpfs = Tmpfs<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::Clock>;

/// Whatever the names mean at this moment; other threads may change that meanwhile.
Status rename(Vnode& from, std::string_view name, Vnode& to, std::string_view new_name) {
    for (;;) {
        const Ref<Vnode> node = TRY(from.lookup(name));
        const Ref<Vnode> there = to.lookup(new_name).value_or(nullptr);
        const Status renamed = from.rename({.name = name,
                                            .node = *node,
                                            .new_parent = to,
                                            .new_name = new_name,
                                            .replaced = there.get()});
        if (renamed || renamed.error() != Errc::stale) {
            return renamed;
        }
    }
}

struct TmpfsTest : testing::Test {
    World world;
    TestTmpfs disk{world.heap, world.frames, world.arena, world.clock, 1, {.pages = 100}};
    Ref<Vnode> root, file;

    void SetUp() override {
        ASSERT_TRUE(disk.start(Permissions(0755)));
        root = disk.root();
        file = *root->create("f", {.permissions = Permissions(0644)});
    }
    Result<std::size_t> write(std::uint64_t at, std::string_view text) {
        SpanWriteBuffer from(std::as_bytes(std::span(text)));
        return file->write(at, from);
    }
    std::string read(std::uint64_t at, std::size_t count) {
        std::string text(count, '?');
        SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        const auto got = file->read(at, to);
        EXPECT_TRUE(got);
        text.resize(got.value_or(0));
        return text;
    }
    std::uint64_t size() { return file->attributes()->size; }
    std::uint64_t pages() { return file->attributes()->blocks / 8; }
};

TEST_F(TmpfsTest, ARemovedDirectoryListsNothing) {
    struct Anything final : DirectorySink {
        bool accept(const DirectoryEntry&) noexcept override {
            ++entries;
            return true;
        }
        int entries = 0;
    } sink;
    const Ref<Vnode> gone =
        *root->create("d", {.type = NodeType::directory, .permissions = Permissions(0755)});
    ASSERT_TRUE(gone->read_directory(0, sink));
    EXPECT_EQ(sink.entries, 2);
    ASSERT_TRUE(root->unlink("d", *gone));
    EXPECT_EQ(gone->read_directory(0, sink).error(), Errc::not_found);
    EXPECT_EQ(sink.entries, 2);
}

TEST_F(TmpfsTest, AReadIsNotedOnceAfterAChangeAndOnceADay) {
    constexpr std::int64_t day = 86400;
    const auto accessed = [this] { return file->attributes()->accessed.seconds; };
    const std::int64_t start = world.clock.now.seconds;
    EXPECT_EQ(accessed(), start);
    world.clock.now.seconds = start + 10;
    EXPECT_EQ(read(0, 1), "");
    EXPECT_EQ(accessed(), start + 10) << "the first since it was made";
    world.clock.now.seconds = start + 20;
    EXPECT_EQ(read(0, 1), "");
    EXPECT_EQ(accessed(), start + 10) << "nothing changed since the last";
    EXPECT_EQ(write(0, "x"), 1U);
    EXPECT_EQ(accessed(), start + 10) << "writing is no access";
    world.clock.now.seconds = start + 30;
    EXPECT_EQ(read(0, 1), "x");
    EXPECT_EQ(accessed(), start + 30);
    world.clock.now.seconds = start + 30 + day - 1;
    EXPECT_EQ(read(0, 1), "x");
    EXPECT_EQ(accessed(), start + 30);
    world.clock.now.seconds = start + 30 + day;
    EXPECT_EQ(read(0, 1), "x");
    EXPECT_EQ(accessed(), start + 30 + day);
    // touch -a -d: a time that is set is a change, too.
    ASSERT_TRUE(file->set_attributes({.accessed = FileTime{7, 0}}));
    EXPECT_EQ(accessed(), 7);
    EXPECT_EQ(read(0, 1), "x");
    EXPECT_EQ(accessed(), start + 30 + day);
}

TEST_F(TmpfsTest, KeepsBytesAcrossPages) {
    std::string text;
    for (int i = 0; i < 100000; ++i) {
        text.push_back(static_cast<char>('a' + i % 23));
    }
    EXPECT_EQ(write(0, text), text.size());
    EXPECT_EQ(read(0, 200000), text);
    EXPECT_EQ(read(4090, 20), text.substr(4090, 20));
    EXPECT_EQ(read(65530, 10000), text.substr(65530, 10000));
    EXPECT_EQ(read(100000, 10), "");
    EXPECT_EQ(write(4095, "XYZ"), 3U);
    text.replace(4095, 3, "XYZ");
    EXPECT_EQ(read(0, 200000), text);
}

TEST_F(TmpfsTest, HolesAreZeroAndFree) {
    EXPECT_EQ(write(10'000'000, "end"), 3U);
    EXPECT_EQ(size(), 10'000'003U);
    EXPECT_EQ(pages(), 1U);
    EXPECT_EQ(read(9'999'990, 100), std::string(10, '\0') + "end");
    EXPECT_EQ(read(123, 5), std::string(5, '\0'));
    EXPECT_EQ(write(std::uint64_t{1} << 40, "far"), 3U);
    EXPECT_EQ(read((std::uint64_t{1} << 40) - 1, 9), std::string(1, '\0') + "far");
    EXPECT_EQ(write(~std::uint64_t{0} - 2, "x").error(), Errc::file_too_big);
}

TEST_F(TmpfsTest, TruncationForgets) {
    ASSERT_TRUE(write(0, std::string(20000, 'x')));
    ASSERT_TRUE(file->set_attributes({.size = 5000}));
    EXPECT_EQ(pages(), 2U);
    ASSERT_TRUE(file->set_attributes({.size = 20000}));
    EXPECT_EQ(read(4999, 100), "x" + std::string(99, '\0'));
    ASSERT_TRUE(file->set_attributes({.size = 0}));
    EXPECT_EQ(pages(), 0U);
    EXPECT_EQ(disk.status().blocks - disk.status().free_blocks, 0U);
}

TEST_F(TmpfsTest, StopsAtItsLimit) {
    const auto written = write(0, std::string(101 * page_size, 'x'));
    EXPECT_EQ(written, 100U * page_size);
    EXPECT_EQ(size(), 100U * page_size);
    EXPECT_EQ(write(size(), "x").error(), Errc::no_space);
    EXPECT_EQ(write(0, "y"), 1U);  // what is there can be rewritten
}

TEST_F(TmpfsTest, AllocatedBytesAreZeroAndTaken) {
    ASSERT_TRUE(write(5, "here"));
    ASSERT_TRUE(file->allocate(0, 3 * page_size + 1, false));
    EXPECT_EQ(size(), 3 * page_size + 1);
    EXPECT_EQ(pages(), 4U);
    EXPECT_EQ(read(4, 6), std::string("\0here\0", 6));
    EXPECT_EQ(read(3 * page_size, 5), std::string("\0", 1));
    ASSERT_TRUE(file->allocate(page_size, 1, false));  // it is there already
    EXPECT_EQ(size(), 3 * page_size + 1);
    EXPECT_EQ(pages(), 4U);
    EXPECT_EQ(file->allocate(std::uint64_t{1} << 43, 1, false).error(), Errc::file_too_big);
    EXPECT_EQ(file->allocate(1, std::uint64_t{1} << 43, false).error(), Errc::file_too_big);
    EXPECT_EQ(file->allocate(page_size, std::uint64_t{1} << 40, false).error(), Errc::no_space);
    EXPECT_EQ(size(), 3 * page_size + 1);
    EXPECT_EQ(pages(), 4U);  // nothing behind the end stays
    EXPECT_EQ(read(4, 6), std::string("\0here\0", 6));
    EXPECT_EQ(root->allocate(0, 1, false).error(), Errc::is_directory);
}

TEST_F(TmpfsTest, HolesAreFoundAndMade) {
    EXPECT_EQ(file->find_data(0).error(), Errc::no_device);
    EXPECT_EQ(file->find_hole(0).error(), Errc::no_device);
    constexpr std::uint64_t far = std::uint64_t{1} << 40;
    ASSERT_TRUE(write(far + 5, "far"));
    EXPECT_EQ(file->find_data(0), far);
    EXPECT_EQ(file->find_data(far + 6), far + 6);
    EXPECT_EQ(file->find_hole(7), 7U);
    EXPECT_EQ(file->find_hole(far), far + 8);
    EXPECT_EQ(file->find_data(far + 8).error(), Errc::no_device);
    ASSERT_TRUE(file->set_attributes({.size = 0}));
    const std::string text(70 * page_size, 'x');
    ASSERT_TRUE(write(0, text));
    EXPECT_EQ(file->find_hole(3), 70 * page_size);
    // The ends of the range stay pages, with zeros in them.
    ASSERT_TRUE(file->punch_hole(page_size - 1, 65 * page_size + 2));
    EXPECT_EQ(size(), 70 * page_size);
    EXPECT_EQ(pages(), 5U);
    EXPECT_EQ(read(page_size - 2, 3), std::string("x\0\0", 3));
    EXPECT_EQ(read(66 * page_size, 2), std::string("\0x", 2));
    EXPECT_EQ(file->find_hole(0), page_size);
    EXPECT_EQ(file->find_data(page_size), 66 * page_size);
    // Inside one page; over nothing; behind the end; over everything.
    ASSERT_TRUE(file->punch_hole(10, 5));
    EXPECT_EQ(read(9, 7), std::string("x\0\0\0\0\0x", 7));
    ASSERT_TRUE(file->punch_hole(3 * page_size, page_size));
    ASSERT_TRUE(file->punch_hole(std::uint64_t{1} << 42, ~std::uint64_t{0} >> 2));
    EXPECT_EQ(pages(), 5U);
    ASSERT_TRUE(file->punch_hole(0, 70 * page_size));
    EXPECT_EQ(pages(), 0U);
    EXPECT_EQ(file->find_data(0).error(), Errc::no_device);
    EXPECT_EQ(root->punch_hole(0, 1).error(), Errc::is_directory);
    // Blocks behind the end are zeros when the file grows, and go when it is cut.
    ASSERT_TRUE(file->set_attributes({.size = 10}));
    ASSERT_TRUE(file->allocate(0, 3 * page_size, true));
    EXPECT_EQ(size(), 10U);
    EXPECT_EQ(pages(), 3U);
    ASSERT_TRUE(file->set_attributes({.size = 2 * page_size}));
    EXPECT_EQ(read(10, page_size), std::string(page_size, '\0'));
    ASSERT_TRUE(file->set_attributes({.size = 1}));
    EXPECT_EQ(pages(), 1U);
}

/// Maps a file, and notes what is taken from it.
struct RecordingMapper final : mm::MappingOwner {
    explicit RecordingMapper(Vnode& file) : source(*file.pages()) {
        reverse_map.add(*source, mapping, *this);
    }
    ~RecordingMapper() { reverse_map.remove(*source, mapping); }
    bool hold() noexcept override { return true; }
    void let_go() noexcept override {}
    void take_pages(mm::PageSource& from, mm::PageSpan pages,
                    mm::PrivateCopies copies) noexcept override {
        EXPECT_EQ(reverse_map.visit_next(from, *this), &mapping);
        taken.push_back({pages.first, pages.count, copies == mm::PrivateCopies::keep});
    }
    struct Taken {
        std::uint32_t first = 0, count = 0;
        bool keeps_copies = false;
        friend bool operator==(const Taken&, const Taken&) = default;
    };
    std::vector<Taken> taken;
    mm::ReverseMap<NullLock, NullLock> reverse_map;
    Ref<mm::PageSource> source;
    mm::SourceMapping mapping;
};

TEST_F(TmpfsTest, AHoleIsTakenFromWhoMapsTheFile) {
    using Taken = RecordingMapper::Taken;
    ASSERT_TRUE(write(0, std::string(5 * page_size, 'x')));
    RecordingMapper mapper(*file);
    ASSERT_TRUE(file->punch_hole(page_size - 1, 2 * page_size + 2));
    EXPECT_EQ(mapper.taken, std::vector<Taken>({{1, 2, true}}));
    // No page goes: its bytes are cleared where they are shown.
    ASSERT_TRUE(file->punch_hole(10, 5));
    ASSERT_TRUE(file->punch_hole(page_size - 5, 10));
    EXPECT_EQ(mapper.taken.size(), 1U);
    // The same, asked for by the page.
    ASSERT_TRUE(mapper.source->remove({4, 1}));
    EXPECT_EQ(mapper.taken.back(), Taken({4, 1, true}));
    EXPECT_EQ(read(4 * page_size - 1, 2), std::string("x\0", 2));
    ASSERT_TRUE(mapper.source->remove({1U << 20, 1U << 20}));
    EXPECT_EQ(mapper.taken.back(), Taken({1U << 20, 1U << 20, true}));
    EXPECT_EQ(size(), 5 * page_size);
    EXPECT_EQ(pages(), 2U);
    ASSERT_TRUE(file->set_attributes({.size = 1}));
    EXPECT_EQ(mapper.taken.back(), Taken({1, ~1U, false}));
}

TEST_F(TmpfsTest, WhatWasCutDoesNotComeBack) {
    ASSERT_TRUE(write(0, std::string(2 * page_size, 's')));
    const Ref<mm::PageSource> mapping = *file->pages();
    const FrameNumber frame = *mapping->page(0);
    ASSERT_TRUE(file->set_attributes({.size = 3}));
    EXPECT_EQ(world.arena.direct(frame)[2], std::byte{'s'});
    EXPECT_EQ(world.arena.direct(frame)[3], std::byte{0});  // a mapping sees zeros behind the end
    EXPECT_EQ(world.arena.direct(frame)[page_size - 1], std::byte{0});
    ASSERT_TRUE(file->set_attributes({.size = 2 * page_size}));
    EXPECT_EQ(read(0, 2 * page_size), "sss" + std::string(2 * page_size - 3, '\0'));
    world.frames.release(frame);
}

TEST_F(TmpfsTest, AFileWithoutANameCountsOnce) {
    TestTmpfs small{world.heap, world.frames, world.arena, world.clock, 2, {.nodes = 3}};
    ASSERT_TRUE(small.start(Permissions(0755)));
    const Ref<Vnode> top = small.root();
    {
        const Ref<Vnode> never = *top->create_unnamed({}, false);
        EXPECT_EQ(never->attributes()->links, 0U);
        EXPECT_EQ(top->link("x", *never).error(), Errc::not_found);
        EXPECT_EQ(small.status().free_nodes, 1U);
    }
    const Ref<Vnode> file = *top->create_unnamed({}, true);
    EXPECT_EQ(small.status().free_nodes, 1U);
    ASSERT_TRUE(top->link("first", *file));
    EXPECT_EQ(small.status().free_nodes, 1U);
    ASSERT_TRUE(top->link("second", *file));
    EXPECT_EQ(small.status().free_nodes, 0U);
    ASSERT_TRUE(top->unlink("first", *file));
    ASSERT_TRUE(top->unlink("second", *file));
    EXPECT_EQ(top->link("again", *file).error(), Errc::not_found);
    EXPECT_EQ(small.status().free_nodes, 1U);
}

TEST_F(TmpfsTest, RemovedDirectoriesKnowWhereTheyWere) {
    Ref<Vnode> at = root;
    for (int depth = 0; depth < 3000; ++depth) {  // deeper than a stack could nest
        at = *at->create("d", {.type = NodeType::directory, .permissions = Permissions(0755)});
    }
    Ref<Vnode> lowest = at;
    while (at != root) {
        const Ref<Vnode> up = *at->parent();
        ASSERT_TRUE(up->unlink("d", *at));
        EXPECT_EQ(*at->parent(), up);
        EXPECT_EQ(at->create("x", {}).error(), Errc::not_found);
        at = up;
    }
    at.reset();
    lowest.reset();
    EXPECT_EQ(disk.status().free_nodes, disk.status().nodes - 2);
}

TEST_F(TmpfsTest, NamesCountAgainstTheLimitOfNodes) {
    TestTmpfs small{world.heap, world.frames, world.arena, world.clock, 2, {.nodes = 4}};
    ASSERT_TRUE(small.start(Permissions(0755)));
    const Ref<Vnode> top = small.root();
    {
        const Ref<Vnode> first = *top->create("first", {});
        ASSERT_TRUE(top->link("second name", *first));
        EXPECT_EQ(top->link("second name", *first).error(), Errc::exists);
        EXPECT_EQ(small.status().free_nodes, 1U);
        ASSERT_TRUE(top->create("directory", {.type = NodeType::directory}));
        EXPECT_EQ(top->create("x", {}).error(), Errc::no_space);
        EXPECT_EQ(top->link("x", *first).error(), Errc::no_space);
        ASSERT_TRUE(top->unlink("first", *first));
        EXPECT_EQ(small.status().free_nodes, 1U) << "a name less";
        ASSERT_TRUE(top->link("x", *first));
        ASSERT_TRUE(rename(*top, "x", *top, "y"));
        ASSERT_TRUE(top->unlink("directory", **top->lookup("directory")));
        ASSERT_TRUE(top->create("z", {}));
        ASSERT_TRUE(rename(*top, "z", *top, "y")) << "replaces one of two names";
        EXPECT_EQ(small.status().free_nodes, 1U);
        ASSERT_TRUE(top->unlink("second name", *first));
        EXPECT_EQ(small.status().free_nodes, 1U) << "still open";
    }
    EXPECT_EQ(small.status().free_nodes, 2U);
    ASSERT_TRUE(top->unlink("y", **top->lookup("y")));
    EXPECT_EQ(small.status().free_nodes, 3U);
}

/// Makes entries until there is no space; the budget is all but used up then, whatever they are.
void expect_full_of(World& world, const NewNode& what, std::size_t name_length, bool writes) {
    constexpr std::size_t bytes = std::size_t{64} << page_shift;
    TmpfsBudget budget(bytes);
    {
        TestTmpfs a{world.heap, world.frames, world.arena, world.clock, 2, {.budget = &budget}};
        TestTmpfs b{world.heap, world.frames, world.arena, world.clock, 3, {.budget = &budget}};
        ASSERT_TRUE(a.start(Permissions(0755)) && b.start(Permissions(0755)));
        const std::size_t empty = budget.used();
        std::vector<std::string> names;
        Errc why{};
        for (;;) {
            std::string name = std::to_string(names.size());
            name.resize(std::max(name.size(), name_length), 'n');
            const auto node = a.root()->create(name, what);
            if (!node) {
                why = node.error();
                break;
            }
            names.push_back(name);
            if (writes) {
                SpanWriteBuffer from(std::as_bytes(std::span("x", 1)));
                const auto written = (*node)->write(0, from);
                if (!written) {
                    why = written.error();
                    break;
                }
            }
        }
        EXPECT_EQ(why, Errc::no_space);
        EXPECT_GT(budget.used(), bytes - (writes ? 2 : 1) * page_size);
        EXPECT_LE(budget.used(), bytes);
        EXPECT_GE(a.status().blocks - a.status().free_blocks, writes ? 60U : 62U);
        EXPECT_EQ(b.status().blocks, b.status().free_blocks) << "nothing of it is b's";
        EXPECT_LE(b.status().free_blocks, 2U) << "but nothing is left for b";
        for (const std::string& name : names) {
            ASSERT_TRUE(a.root()->unlink(name, **a.root()->lookup(name)));
        }
        EXPECT_EQ(budget.used(), empty);
    }
    EXPECT_EQ(budget.used(), 0U);
}

TEST_F(TmpfsTest, EverythingCountsAgainstTheBudget) {
    const std::string target(4095, 't');
    expect_full_of(world, {}, 0, true);
    expect_full_of(world, {}, 0, false);
    expect_full_of(world, {}, 255, false);
    expect_full_of(world, {.type = NodeType::directory}, 0, false);
    expect_full_of(world, {.type = NodeType::symlink, .target = target}, 0, false);
}

TEST_F(TmpfsTest, WritesWhatCanBeReadOfUserMemory) {
    ASSERT_TRUE(write(0, "0123456789"));
    TornSource torn(20000, 5000);  // ends in the second page
    EXPECT_EQ(file->write(4096, torn), 5000U);
    EXPECT_EQ(size(), 9096U);
    ASSERT_TRUE(file->set_attributes({.size = 12288}));
    EXPECT_EQ(read(8192, 4096), std::string(904, 'T') + std::string(3192, '\0'));
    TornSource tail(3000, 50);  // into a page that exists
    EXPECT_EQ(file->write(9096, tail), 50U);
    EXPECT_EQ(read(8192, 4096), std::string(954, 'T') + std::string(3142, '\0'));
    TornSource none(100, 0);
    EXPECT_EQ(file->write(20000, none).error(), Errc::bad_address);
    EXPECT_EQ(size(), 12288U);
    EXPECT_EQ(pages(), 3U);  // 0, 1 and 2: none for the write that failed
    std::uint64_t end = 0;
    TornSource appended(10'000, 50);
    EXPECT_EQ(file->append(appended, end), 50U);
    EXPECT_EQ(end, 12338U);
    EXPECT_EQ(size(), 12338U);
    TornSource nothing(10'000, 0);
    EXPECT_EQ(file->append(nothing, end).error(), Errc::bad_address);
    EXPECT_EQ(size(), 12338U);
}

TEST_F(TmpfsTest, ReadsWhatUserMemoryHasRoomFor) {
    ASSERT_TRUE(write(0, std::string(5000, 'a')));
    std::string got(10'000, '?');
    fs_test::TornTarget half(std::as_writable_bytes(std::span(got)), 4500);
    EXPECT_EQ(file->read(0, half), 4500U);
    EXPECT_EQ(got.substr(4499, 2), "a?");
    fs_test::TornTarget none(std::as_writable_bytes(std::span(got)), 0);
    EXPECT_EQ(file->read(0, none).error(), Errc::bad_address);
    EXPECT_EQ(file->read(5000, none), 0U);  // nothing to copy: the memory is not looked at
}

TEST_F(TmpfsTest, FilesCannotBeSealed) {
    EXPECT_EQ(file->seals(), Seals::seal);
    EXPECT_EQ(root->seals().error(), Errc::invalid_argument);
}

TEST_F(TmpfsTest, MappingsSeeTheFile) {
    ASSERT_TRUE(write(0, "mapped"));
    {
        const Ref<mm::PageSource> pages = *file->pages();
        const FrameNumber frame = *pages->page(0);
        const auto bytes = world.arena.direct(frame);
        EXPECT_EQ(std::memcmp(bytes.data(), "mapped\0\0", 8), 0);
        bytes[0] = std::byte{'M'};
        EXPECT_EQ(read(0, 6), "Mapped");
        EXPECT_EQ(pages->page(1).error(), Errc::out_of_range);
        // The frame outlives the file's page: a mapping keeps what it has.
        ASSERT_TRUE(file->set_attributes({.size = 0}));
        EXPECT_EQ(world.frames.references(frame), 1U);
        world.frames.release(frame);
        // A hole becomes a page that read, write and mapping share.
        ASSERT_TRUE(file->set_attributes({.size = 100}));
        const FrameNumber hole = *pages->page(0);
        EXPECT_EQ(world.arena.direct(hole)[50], std::byte{0});
        ASSERT_TRUE(write(50, "w"));
        EXPECT_EQ(world.arena.direct(hole)[50], std::byte{'w'});
        world.frames.release(hole);
    }
    EXPECT_EQ(root->pages().error(), Errc::unsuitable_device);
}

TEST(TmpfsSweep, EveryAllocationFailedInTurn) {
    const auto work = [](World& world) -> Status {
        TestTmpfs disk{world.heap, world.frames, world.arena, world.clock, 1, {}};
        TRY(disk.start(Permissions(0755)));
        const Ref<Vnode> root = disk.root();
        const Ref<Vnode> dir = TRY(root->create("dir", {.type = NodeType::directory}));
        const Ref<Vnode> link = TRY(root->create(
            "link", {.type = NodeType::symlink, .target = "somewhere over the rainbow"}));
        const Ref<Vnode> file = TRY(dir->create("file", {}));
        const std::string text(70 * page_size, 'x');
        SpanWriteBuffer from(std::as_bytes(std::span(text)));
        if (TRY(file->write(1000, from)) != text.size()) {
            return fail(Errc::no_memory);
        }
        TRY(file->allocate(0, 80 * page_size, false));
        TRY(root->link("second", *file));
        TRY(rename(*dir, "file", *root, "link"));
        const Ref<mm::PageSource> pages = TRY(file->pages());
        world.frames.release(TRY(pages->page(0)));
        TRY(root->unlink("second", *file));
        return {};
    };
    std::size_t failures = 0;
    for (const bool frames : {false, true}) {
        for (std::size_t n = 1;; ++n) {
            World world;
            fakes::CallCounter& counter =
                frames ? static_cast<fakes::CallCounter&>(world.frames) : world.heap;
            counter.fail_at(n);
            const Status status = work(world);
            ASSERT_TRUE(world.is_clean()) << "call " << n;
            if (!counter.has_failed()) {
                EXPECT_TRUE(status);
                break;
            }
            ASSERT_FALSE(status);
            EXPECT_EQ(status.error(), Errc::no_memory);
            ++failures;
        }
    }
    EXPECT_GT(failures, 80U);
}

TEST(TmpfsStress, AppendersNeverOverwriteEachOther) {
    World world;
    LockedHeap heap;
    {
        Tmpfs<LockedHeap, fs_test::Frames, sim::RamArena, StdLock, fs_test::Clock> disk{
            heap, world.frames, world.arena, world.clock, 1, {}};
        ASSERT_TRUE(disk.start(Permissions(0755)));
        const Ref<Vnode> root = disk.root();
        const Ref<Vnode> log = *root->create("log", {});
        std::vector<std::thread> threads;
        for (char id = 'a'; id < 'e'; ++id) {
            threads.emplace_back([&, id] {
                const std::string line(33, id);
                const std::string mine(1, id);
                for (int i = 0; i < 300; ++i) {
                    SpanWriteBuffer from(std::as_bytes(std::span(line)));
                    std::uint64_t end = 0;
                    EXPECT_EQ(log->append(from, end), line.size());
                    EXPECT_TRUE(root->create(mine, {}));
                    EXPECT_TRUE(rename(*root, mine, *root, "shared"));
                    static_cast<void>(root->lookup("shared"));
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        std::string text(4 * 300 * 33, '?');
        SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        EXPECT_EQ(*log->read(0, to), text.size());
        for (std::size_t at = 0; at < text.size(); at += 33) {
            EXPECT_EQ(text.substr(at, 33), std::string(33, text[at]));
        }
    }
    EXPECT_EQ(heap.used_bytes(), 0U);
}

}  // namespace
}  // namespace kidney::fs
