/// Watches over a VFS with a tmpfs: who is told what, what ends them, and what they keep alive.
#include "fs/notify/change_service.hpp"

#include "fs/tmpfs/tmpfs.hpp"
#include "fs/vfs/vfs.hpp"
#include "tests/unit/fs/test_world.hpp"
#include "tests/unit/fs/torn_buffers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace kidney::fs {
namespace {

using fs_test::World;
using TestTmpfs = Tmpfs<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::Clock>;
using TestVfs = Vfs<fakes::FakeHeap, NullLock, NullLock>;

/// A number, what, a cookie, the size of a name, and the name.
struct Format {
    static std::size_t size_of(std::size_t name) noexcept { return 16 + name; }
    static Status put(ReadBuffer& to, const ChangeRecord& record) noexcept {
        const std::array<std::uint32_t, 4> head{
            static_cast<std::uint32_t>(record.watch), static_cast<std::uint32_t>(record.what),
            record.cookie, static_cast<std::uint32_t>(record.name.size())};
        TRY(to.put(std::as_bytes(std::span(head))));
        return to.put(std::as_bytes(std::span(record.name)));
    }
};
struct Environment {
    using Heap = fakes::FakeHeap;
    using Lock = NullLock;
    using Queue = fs_test::NullQueue;
    using PollLock = NullLock;
    using Format = fs::Format;
    struct Payers {
        static inline UserAccount* account = nullptr;
        Payer operator()() const noexcept {
            return account == nullptr ? Payer() : Payer{Ref<UserAccount>::share(*account), true};
        }
    };
};
using Service = ChangeService<Environment>;

struct Book final : AccountBook {
    void account_gone(UserAccount&) noexcept override {}
};

constexpr OpenFlags read_write{.mode = {.read = true, .write = true}, .create = true};
constexpr Change all{0xfff};

class ChangeServiceTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(disk.start(Permissions(0755)));
        ASSERT_TRUE(vfs.mount_root(disk, "root"));
        vfs.set_listener(changes);
        root = vfs.root();
        Environment::Payers::account = &account;
    }
    void TearDown() override {
        Environment::Payers::account = nullptr;
        root = {};
        vfs.unmount_all();
        EXPECT_FALSE(changes.is_listening());
        for (const Holding what :
             {Holding::change_files, Holding::change_watches, Holding::change_bytes}) {
            EXPECT_EQ(account.held(what), 0U);
        }
    }
    PathContext at() { return {root, root, {}}; }
    Ref<Vnode> node(std::string_view path) { return *vfs.node_at(at(), path, true); }
    Ref<File> open(std::string_view path) {
        Ref<File> file = *vfs.open(at(), path, read_write, Permissions(0644));
        return file;
    }
    void mkdir(std::string_view path) {
        EXPECT_TRUE(vfs.make_node(at(), path,
                                  {.type = NodeType::directory, .permissions = Permissions(0755)}));
    }
    Ref<File> start() { return *changes.create_file(true); }
    static Service::ThisFile& of(File& file) { return *anonymous_cast<Service::ThisFile>(file); }
    Result<std::int32_t> watch(File& file, std::string_view path, WatchRule rule = {.wanted = all},
                               WatchAgain again = WatchAgain::replace) {
        return changes.watch(of(file), *node(path), rule, again);
    }
    void tell(File& file, Change what) {
        if (ChangeListener* const hearer = vfs.hearer()) {
            hearer->file_changed(file, what);
        }
    }
    /// "1:2 name; 1:400;" and so on, in hexadecimal.
    static std::string told(File& file) {
        std::string said;
        std::array<std::byte, 512> bytes{};
        SpanReadBuffer to(bytes);
        const auto size = file.read(to);
        if (!size) {
            EXPECT_EQ(size.error(), Errc::would_block);
            return said;
        }
        for (std::size_t n = 0; n < *size;) {
            std::array<std::uint32_t, 4> head{};
            std::memcpy(head.data(), bytes.data() + n, 16);
            char text[32];
            std::snprintf(text, sizeof text, "%d:%x", static_cast<int>(head[0]), head[1]);
            said += (said.empty() ? "" : "; ") + std::string(text);
            if (head[3] != 0) {
                said += " " + std::string(reinterpret_cast<char*>(bytes.data() + n + 16), head[3]);
            }
            n += 16 + head[3];
        }
        return said + told(file);
    }

    World world;
    TestTmpfs disk{world.heap, world.frames, world.arena, world.clock, 1, {}};
    TestVfs vfs{world.heap};
    Book book;
    UserAccount account{book, 7};
    Service changes{world.heap, vfs.tree().names, {.files = 2, .watches = 3}};
    Place root;
};

TEST_F(ChangeServiceTest, NobodyIsToldWhileNobodyWatches) {
    const Ref<File> file = start();
    EXPECT_EQ(vfs.hearer(), nullptr);
    open("/f");
    EXPECT_TRUE(watch(*file, "/f"));
    EXPECT_NE(vfs.hearer(), nullptr);
    EXPECT_TRUE(changes.unwatch(of(*file), 1));
    EXPECT_EQ(vfs.hearer(), nullptr);
    EXPECT_FALSE(node("/f")->is_watched());
    EXPECT_EQ(told(*file), "1:8000");
    EXPECT_EQ(changes.unwatch(of(*file), 1).error(), Errc::invalid_argument);
}

TEST_F(ChangeServiceTest, BothTheNodeAndItsDirectoryAreTold) {
    const Ref<File> file = start();
    open("/f");
    EXPECT_EQ(watch(*file, "/"), 1);
    EXPECT_EQ(watch(*file, "/f"), 2);
    Ref<File> f = open("/f");
    tell(*f, Change::modified);
    f.reset();
    EXPECT_EQ(told(*file), "1:20 f; 2:20; 1:2 f; 2:2; 1:8 f; 2:8");
    EXPECT_TRUE(vfs.change(at(), "/f", true, {.permissions = Permissions(0600)}, false));
    EXPECT_TRUE(vfs.change(at(), "/f", true, {.size = 1}, false));
    EXPECT_TRUE(vfs.change(at(), "/f", true, {.ownership = true}, false));
    EXPECT_EQ(told(*file), "1:4 f; 2:4; 1:2 f; 2:2");
}

TEST_F(ChangeServiceTest, AFileKnowsItsNameHoweverLongItIs) {
    const std::string name = "/" + std::string(200, 'n');
    const Ref<File> f = open(name);  // nobody watches yet
    const Ref<File> file = start();
    EXPECT_EQ(watch(*file, "/", {.wanted = Change::modified}), 1);
    tell(*f, Change::modified);
    EXPECT_EQ(told(*file), "1:2 " + name.substr(1));
}

TEST_F(ChangeServiceTest, AFileIsToldByItsNewName) {
    mkdir("/d");
    const Ref<File> f = open("/f");
    const Ref<File> file = start();
    EXPECT_EQ(watch(*file, "/", {.wanted = Change::modified}), 1);
    EXPECT_EQ(watch(*file, "/d", {.wanted = Change::modified}), 2);
    EXPECT_TRUE(vfs.rename(at(), "/f", at(), "/d/g"));
    tell(*f, Change::modified);
    EXPECT_EQ(told(*file), "2:2 g");
    EXPECT_TRUE(vfs.unlink(at(), "/d/g"));
    tell(*f, Change::modified);
    EXPECT_EQ(told(*file), "2:2 g") << "it was called so last";
    EXPECT_EQ(watch(*file, "/d", {.wanted = Change::modified, .named_files_only = true}), 2);
    tell(*f, Change::modified);
    EXPECT_EQ(told(*file), "");
}

TEST_F(ChangeServiceTest, WhatWasFoundWithoutANameIsLookedForInTheCache) {
    open("/f");
    const Ref<Vnode> f = node("/f");
    const Ref<File> file = start();
    EXPECT_EQ(watch(*file, "/", {.wanted = Change::modified | Change::attributes}), 1);
    changes.found_node_changed({*f}, Change::attributes);
    const Ref<File> opened = *vfs.open_node(f, {.read = true, .write = true});
    changes.file_found(*opened, {});
    tell(*opened, Change::modified);
    EXPECT_EQ(told(*file), "1:4 f; 1:2 f");
    vfs.forget_names();
    changes.found_node_changed({*f}, Change::attributes);
    EXPECT_EQ(told(*file), "");
}

TEST_F(ChangeServiceTest, AMoveHasTwoHalvesAndOneCookie) {
    open("/f");
    open("/g");
    const Ref<File> file = start();
    EXPECT_EQ(watch(*file, "/"), 1);
    EXPECT_EQ(watch(*file, "/g"), 2);
    EXPECT_TRUE(vfs.rename(at(), "/f", at(), "/g"));
    EXPECT_EQ(told(*file), "1:40 f; 1:80 g; 2:4; 2:400; 2:8000");
}

TEST_F(ChangeServiceTest, TheEndOfANodeIsTheEndOfItsWatches) {
    const Ref<File> file = start();
    const Ref<File> other = start();
    Ref<File> f = open("/f");
    EXPECT_EQ(watch(*file, "/f", {.wanted = Change::self_removed}), 1);
    EXPECT_EQ(watch(*other, "/f", {.wanted = Change::accessed}), 1);
    EXPECT_TRUE(vfs.unlink(at(), "/f"));
    EXPECT_EQ(told(*file), "") << "it is open";
    f.reset();
    EXPECT_EQ(told(*file), "1:400; 1:8000");
    EXPECT_EQ(told(*other), "1:8000");
    EXPECT_FALSE(changes.is_listening());
}

TEST_F(ChangeServiceTest, AWatchedNodeWithoutANameIsNotKept) {
    const Ref<File> file = start();
    Ref<File> f = *vfs.open(at(), "/", {.mode = {.read = true, .write = true}, .unnamed = true},
                            Permissions(0600));
    EXPECT_EQ(changes.watch(of(*file), *f->vnode(), {.wanted = all}, WatchAgain::replace), 1);
    f.reset();
    EXPECT_EQ(told(*file), "1:8; 1:400; 1:8000");
}

TEST_F(ChangeServiceTest, TheEndOfTheFileIsTheEndOfItsWatches) {
    Ref<File> file = start();
    const Ref<File> other = start();
    open("/f");
    EXPECT_EQ(watch(*file, "/f"), 1);
    EXPECT_EQ(watch(*file, "/"), 2);
    EXPECT_EQ(watch(*other, "/f"), 1);
    file.reset();
    EXPECT_FALSE(node("/")->is_watched());
    tell(*open("/f"), Change::modified);
    EXPECT_EQ(told(*other), "1:20; 1:2; 1:8");
}

TEST_F(ChangeServiceTest, AnUnmountEndsWatches) {
    TestTmpfs second{world.heap, world.frames, world.arena, world.clock, 2, {}};
    ASSERT_TRUE(second.start(Permissions(0755)));
    mkdir("/m");
    ASSERT_TRUE(vfs.mount(at(), "/m", second, "second"));
    open("/m/f");
    open("/m/g");
    const Ref<File> file = start();
    EXPECT_EQ(watch(*file, "/m/f", {.wanted = Change::opened}), 1);
    EXPECT_EQ(watch(*file, "/m/g", {.wanted = Change::opened}), 2);
    EXPECT_EQ(watch(*file, "/", {.wanted = Change::made}), 3);
    EXPECT_TRUE(vfs.mounting().unmount(at(), "/m", {}));
    std::string said = told(*file);
    EXPECT_NE(said.find("1:2000; 1:8000"), std::string::npos) << said;
    EXPECT_NE(said.find("2:2000; 2:8000"), std::string::npos) << said;
    EXPECT_FALSE(second.is_in_use());
    open("/h");
    EXPECT_EQ(told(*file), "3:100 h");
}

TEST_F(ChangeServiceTest, RulesAreReplacedOrAdded) {
    open("/f");
    const Ref<File> file = start();
    EXPECT_EQ(watch(*file, "/f", {.wanted = Change::opened}), 1);
    EXPECT_EQ(watch(*file, "/f", {}, WatchAgain::refuse).error(), Errc::exists);
    EXPECT_EQ(watch(*file, "/f", {.wanted = Change::closed_writable}, WatchAgain::add), 1);
    open("/f");
    EXPECT_EQ(told(*file), "1:20; 1:8");
    EXPECT_EQ(watch(*file, "/f", {.wanted = Change::opened, .one_shot = true}), 1);
    open("/f");
    EXPECT_EQ(told(*file), "1:20; 1:8000");
    EXPECT_EQ(watch(*file, "/f", {.wanted = Change::opened}), 2) << "numbers are not used again";
}

TEST_F(ChangeServiceTest, UsersHaveLimitsAndRootToo) {
    const Ref<File> file = start();
    Ref<File> second = start();
    EXPECT_EQ(changes.create_file(true).error(), Errc::too_many_files);
    for (const char* name : {"/a", "/b", "/c", "/d"}) {
        open(name);
    }
    EXPECT_TRUE(watch(*file, "/a"));
    EXPECT_TRUE(watch(*second, "/b"));
    EXPECT_TRUE(watch(*file, "/c"));
    EXPECT_EQ(watch(*file, "/d").error(), Errc::no_space);
    EXPECT_EQ(watch(*file, "/a", {.wanted = Change::opened}), 1) << "it is no new one";
    EXPECT_EQ(account.held(Holding::change_watches), 3U);
    second.reset();
    EXPECT_TRUE(watch(*file, "/d"));
}

TEST_F(ChangeServiceTest, ReadersGetWholeRecords) {
    const Ref<File> file = start();
    EXPECT_EQ(watch(*file, "/", {.wanted = Change::made}), 1);
    EXPECT_FALSE(file->poll(nullptr).readable);
    open("/name");
    open("/other");
    EXPECT_TRUE(file->poll(nullptr).readable);
    EXPECT_EQ(*file->readable_bytes(), 16U + 4 + 16 + 5);
    std::array<std::byte, 64> bytes{};
    SpanReadBuffer few(std::span(bytes).first(19));
    EXPECT_EQ(file->read(few).error(), Errc::invalid_argument);
    SpanReadBuffer one(std::span(bytes).first(30));
    EXPECT_EQ(*file->read(one), 20U);
    fs_test::TornTarget torn(std::span<std::byte>(bytes), 3);
    EXPECT_EQ(file->read(torn).error(), Errc::bad_address);
    EXPECT_EQ(told(*file), "") << "what a bad pointer takes is lost";
}

TEST_F(ChangeServiceTest, WithoutMemoryNothingIsHalfDone) {
    open("/f");
    const Ref<Vnode> f = node("/f");
    for (std::size_t n = 1; n <= 2; ++n) {
        world.heap.fail_at(n);
        EXPECT_EQ(changes.create_file(true).error(), Errc::no_memory);
    }
    const Ref<File> file = start();
    for (std::size_t n = 1; n <= 2; ++n) {
        world.heap.fail_at(n);
        EXPECT_EQ(changes.watch(of(*file), *f, {.wanted = all}, WatchAgain::replace).error(),
                  Errc::no_memory);
        EXPECT_FALSE(f->is_watched());
        EXPECT_EQ(account.held(Holding::change_watches), 0U);
    }
    EXPECT_EQ(watch(*file, "/f", {.wanted = Change::modified}), 1);
    world.heap.fail_at(1);
    changes.node_changed(*f, Change::modified);
    changes.node_changed(*f, Change::modified);
    EXPECT_EQ(told(*file), "-1:4000; 1:2");
    // A file that could not remember its name finds it again.
    EXPECT_EQ(watch(*file, "/", {.wanted = Change::closed_writable}), 2);
    Ref<File> opened = open("/f");
    opened->found().name.reset();
    opened.reset();
    EXPECT_EQ(told(*file), "2:8 f");
}

TEST_F(ChangeServiceTest, WatchesAreDescribed) {
    open("/f");
    const Ref<File> file = start();
    EXPECT_EQ(watch(*file, "/f", {.wanted = Change::opened, .one_shot = true}), 1);
    WatchFacts facts;
    EXPECT_TRUE(of(*file).next_watch(0, facts));
    EXPECT_EQ(facts.number, 1);
    EXPECT_EQ(facts.node, node("/f"));
    EXPECT_TRUE(facts.rule.one_shot);
    EXPECT_FALSE(of(*file).next_watch(2, facts));
    EXPECT_FALSE(facts.node);
}

}  // namespace
}  // namespace kidney::fs
