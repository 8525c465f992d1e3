/// P9: its laws over a server in memory, what somebody else on the server does to it, and what it
/// makes of replies that are wrong.
#include "fs/p9/options.hpp"
#include "fs/vfs/vfs.hpp"
#include "tests/laws/file_system_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/unit/fs/p9/p9_world.hpp"
#include "tests/unit/fs/plain_opener.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace kidney::fs_test {
namespace {

namespace law = laws::file_system;
using fakes::Fake9pServer;

struct P9Test : testing::Test {
    P9World p9;
    Fake9pServer& server = p9.server;

    void SetUp() override { ASSERT_TRUE(p9.mount()); }
    [[nodiscard]] fs::Vnode& root() {
        root_ = p9.system->root();
        return *root_;
    }
    [[nodiscard]] std::string read(fs::Vnode& node, std::uint64_t at = 0) {
        std::string text(100'000, '?');
        fs::SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        const Result<std::size_t> got = node.read(at, to);
        return got ? text.substr(0, *got) : std::string(to_string(got.error()));
    }
    [[nodiscard]] std::string shown(fs::Vnode& node, std::uint32_t page) {
        const auto source = *node.pages();
        const Result<FrameNumber> frame = source->page(page);
        if (!frame) {
            return std::string(to_string(frame.error()));
        }
        const auto bytes = p9.world.arena.direct(*frame);
        std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        p9.world.frames.release(*frame);
        return text.substr(0, text.find('\0'));
    }
    void TearDown() override {
        root_.reset();
        if (p9.system) {
            ASSERT_TRUE(p9.system->sync());
            EXPECT_LE(p9.system->fids(), 2U) << "those of the root";
            EXPECT_EQ(server.fids(), p9.system->fids());
            p9.unmount();
            EXPECT_EQ(server.fids(), 0U);
        }
        EXPECT_TRUE(p9.world.is_clean());
    }
    Ref<fs::Vnode> root_;
};

TEST_F(P9Test, KeepsTheLaws) {
    law::Subject subject{*p9.system, *law::make(root(), "home", fs::NodeType::directory),
                         p9_abilities};
    test::LawReport report;
    laws::run_laws<law::Suite>(report, subject);
    run_file_laws(report, p9.world, *subject.home);
    test::expect_laws_held(report);
}

TEST_F(P9Test, KeepsThemWithSmallMessages) {
    p9.unmount();
    ASSERT_TRUE(p9.mount(4096));
    server.most_written = 700;
    law::Subject subject{*p9.system, *law::make(root(), "home", fs::NodeType::directory),
                         p9_abilities};
    test::LawReport report;
    laws::run_laws<law::Suite>(report, subject);
    test::expect_laws_held(report);
}

TEST_F(P9Test, AFolderThatSomebodyElseChanges) {
    server.tree.put("a", "one");
    const Ref<fs::Vnode> a = *root().lookup("a");
    EXPECT_EQ(read(*a), "one");
    server.tree.at("a")->bytes = "another";
    EXPECT_EQ(read(*a), "another");
    EXPECT_EQ(law::size(*a), 7U);
    server.tree.remove("a");
    EXPECT_TRUE(law::is_free(root(), "a"));
    EXPECT_EQ(read(*a), "another") << "it is open";
    server.tree.put("a", "new");
    const Ref<fs::Vnode> b = *root().lookup("a");
    EXPECT_NE(a, b);
    EXPECT_EQ(law::size(*a), 7U) << "not that of its namesake";
    EXPECT_EQ(law::cut(*a, 0).error(), Errc::stale);
    EXPECT_EQ(root().unlink("a", *a).error(), Errc::stale);
    EXPECT_EQ(root().link("b", *a).error(), Errc::stale);
    EXPECT_EQ(read(*b), "new");
    // Renamed there: it is found again by its new name, and is the same.
    server.tree.move("a", "moved");
    EXPECT_EQ(b->attributes()->size, 3U) << "what was known";
    EXPECT_EQ(law::cut(*b, 1).error(), Errc::stale);
    EXPECT_TRUE(law::leads_to(root(), "moved", *b));
    EXPECT_TRUE(law::cut(*b, 1));
    EXPECT_EQ(server.tree.at("moved")->bytes, "n");
    // A directory goes with what is in it.
    const Ref<fs::Vnode> d = *law::make(root(), "d", fs::NodeType::directory);
    const Ref<fs::Vnode> e = *law::make(*d, "e", fs::NodeType::directory);
    server.tree.remove("d/e");
    EXPECT_EQ(e->lookup("x").error(), Errc::not_found);
    EXPECT_EQ(law::make(*e, "x").error(), Errc::not_found);
    EXPECT_EQ(d->unlink("e", *e).error(), Errc::stale);
    server.tree.put("e2", "", 0040755);
    EXPECT_TRUE(law::move(root(), "e2", *d, "e"));
    EXPECT_TRUE(e->attributes()) << "what was known";
}

TEST_F(P9Test, AFileLivesAsLongAsItIsOpen) {
    server.tree.put("a", "text");
    const Ref<fs::Vnode> a = *root().lookup("a");
    EXPECT_TRUE(a->open({.read = true}));
    EXPECT_TRUE(root().unlink("a", *a));
    EXPECT_TRUE(p9.system->is_in_use());
    server.tree.put("a", "its namesake");
    EXPECT_EQ(read(*a), "text");
    EXPECT_EQ(law::links(*a), 0U);
    EXPECT_EQ(law::put(*a, 0, 1, 1).error(), Errc::stale) << "it was not open for that";
    EXPECT_EQ(server.tree.at("a")->bytes, "its namesake");
    // Of two names one goes.
    const Ref<fs::Vnode> b = *law::make(root(), "b");
    EXPECT_TRUE(root().link("c", *b) && root().link("e", *b));
    EXPECT_TRUE(law::remove(root(), "e") && law::links(*b) == 2);
    EXPECT_TRUE(law::remove(root(), "b") && law::links(*b) == 1);
    EXPECT_EQ(law::put(*b, 0, 10, 1), 10U);
    EXPECT_TRUE(law::leads_to(root(), "c", *b));
}

TEST_F(P9Test, PagesAreLookedAtAgainByWhoeverOpens) {
    server.tree.put("a", "one");
    const Ref<fs::Vnode> a = *root().lookup("a");
    EXPECT_EQ(shown(*a, 0), "one");
    EXPECT_EQ(shown(*a, 1), "out_of_range");
    EXPECT_FALSE((*a->pages())->takes_stores());
    EXPECT_FALSE((*a->pages())->mark_dirty(0));
    server.tree.at("a")->bytes = "two";
    server.tree.at("a")->modified += 1;
    EXPECT_TRUE(a->open({.read = true}));
    EXPECT_EQ(shown(*a, 0), "two");
    EXPECT_TRUE((*a->pages())->is_resident(0));
    EXPECT_TRUE(a->open({.read = true}) && (*a->pages())->is_resident(0)) << "nothing was changed";
    fs::SpanWriteBuffer from(std::as_bytes(std::span("three", 5)));
    EXPECT_EQ(a->write(1, from), 5U);
    EXPECT_EQ(shown(*a, 0), "tthree") << "our own writing is seen at once";
    EXPECT_TRUE(law::cut(*a, 2));
    EXPECT_EQ(shown(*a, 0), "tt");
    // Larger than a message.
    std::string large(70'000, 'x');
    large[69'999] = 'z';
    server.tree.put("large", large);
    const Ref<fs::Vnode> b = *root().lookup("large");
    EXPECT_EQ(shown(*b, 0), std::string(4096, 'x'));
    EXPECT_EQ(shown(*b, 17), large.substr(std::size_t{17} * 4096));
    EXPECT_EQ(read(*b), large);
    EXPECT_EQ(root().pages().error(), Errc::unsuitable_device);
}

TEST_F(P9Test, KnowsEveryKindOfFile) {
    EXPECT_TRUE(root().create(
        "null",
        {.type = fs::NodeType::character, .permissions = fs::Permissions(0666), .rdev = {1, 3}}));
    const auto null = (*root().lookup("null"))->attributes();
    EXPECT_EQ(null->type, fs::NodeType::character);
    EXPECT_EQ(null->rdev, (fs::DeviceNumber{1, 3}));
    EXPECT_EQ(null->device, 7U);
    EXPECT_TRUE(law::make(root(), "s", fs::NodeType::socket));
    EXPECT_TRUE(law::make(root(), "f", fs::NodeType::fifo));
    EXPECT_EQ((*root().lookup("f"))->type(), fs::NodeType::fifo);
    EXPECT_EQ(server.tree.at("f")->mode, 0010644U);
    EXPECT_EQ(law::make(root(), "l", fs::NodeType::symlink, std::string(20'000, 'x')).error(),
              Errc::name_too_long);
    const auto mine = root().create("mine", {.permissions = fs::Permissions(0640), .uid = 5});
    EXPECT_EQ(server.tree.at("mine")->uid, 5U);
    EXPECT_EQ((*mine)->attributes()->uid, 5U);
    EXPECT_EQ(p9.system->status().magic, 0x0102'1997U);
}

TEST_F(P9Test, TheVfsRemembersNoNames) {
    EXPECT_FALSE(fs::may_remember_names(*p9.system));
    fs::Vfs<fakes::FakeHeap, NullLock, NullLock> vfs(p9.world.heap);
    ASSERT_TRUE(vfs.mount_root(*p9.system, "host"));
    {
        const fs::Place top = vfs.root();
        const fs::PathContext at{top, top, {}};
        ASSERT_TRUE(vfs.make_node(
            at, "/d", {.type = fs::NodeType::directory, .permissions = fs::Permissions(0755)}));
        ASSERT_TRUE(
            vfs.open(at, "/d/a", {.mode = {.write = true}, .create = true}, fs::Permissions(0644)));
        server.tree.move("d", "e");
        EXPECT_EQ(vfs.node_at(at, "/d", true).error(), Errc::not_found);
        EXPECT_TRUE(vfs.node_at(at, "/e/a", true));
        std::array<char, 100> text{};
        EXPECT_EQ(vfs.path_of(top, *vfs.place_at(at, "/e", true), text), "/e");
        EXPECT_TRUE(vfs.rename(at, "/e/a", at, "/b", fs::RenameRule::replace));
        EXPECT_TRUE(vfs.unlink(at, "/b") && vfs.remove_directory(at, "/e"));
    }
    vfs.unmount_all();
}

TEST_F(P9Test, MemoryMayFailAnywhere) {
    for (std::size_t n = 1;; ++n) {
        p9.world.heap.fail_at(n);
        for (const auto& step : some_of_everything()) {
            Status status = step(root());
            if (!status) {
                // stale: it did not hear what is there
                ASSERT_TRUE(status.error() == Errc::no_memory || status.error() == Errc::stale);
                status = step(root());
            }
            ASSERT_TRUE(status) << to_string(status.error());
        }
        if (!p9.world.heap.has_failed()) {
            break;
        }
    }
    EXPECT_TRUE(server.tree.at("")->entries.empty());
}

TEST_F(P9Test, TheServerMayRefuseAnything) {
    for (const std::uint32_t failure : {5U, 2U}) {
        server.failure = failure;
        for (std::size_t n = 1;; ++n) {
            server.fail_at(n);
            for (const auto& step : some_of_everything()) {
                ignore_error(step(root()), "one message of it may have failed");
            }
            const bool was_last = !server.has_failed();
            server.fail_at(0);
            for (const char* left : {"a", "b", "l", "pipe", "d"}) {
                if (const auto d = root().lookup("d")) {
                    ignore_error(law::remove(**d, "a"), "it need not be there");
                }
                ignore_error(law::remove(root(), left), "it need not be there");
            }
            ASSERT_TRUE(server.tree.at("")->entries.empty()) << n;
            ASSERT_TRUE(p9.system->sync());
            if (was_last) {
                break;
            }
        }
    }
}

TEST_F(P9Test, RepliesMayBeAnything) {
    std::minstd_rand random(4711);
    for (unsigned round = 0; round < 200; ++round) {
        std::uint32_t when = random() % 80;
        server.mangle = [&](std::vector<std::byte>& reply) {
            if (when-- != 0) {
                return;
            }
            const std::size_t at = random() % reply.size();
            switch (round % 4) {
                case 0:
                    reply.resize(at);
                    break;
                case 1:
                    reply[at] = static_cast<std::byte>(random());
                    break;
                case 2:  // a size that fits the bytes
                    reply.resize(at + 7);
                    fs::save(reply, 0, [&] {
                        fs::Le32 size;
                        size = static_cast<std::uint32_t>(reply.size());
                        return size;
                    }());
                    break;
                default:
                    reply.resize(reply.size() + 1 + random() % 20'000);
                    break;
            }
        };
        for (const auto& step : some_of_everything()) {
            ignore_error(step(root()), "anything may have come of it");
        }
    }
    server.mangle = nullptr;
    EXPECT_TRUE(p9.system->sync());
    // What was lost in the turmoil is still held on one side or the other.
    root_.reset();
    p9.unmount();
    EXPECT_TRUE(p9.world.is_clean());
}

TEST_F(P9Test, AServerThatIsGoneIsAnError) {
    const Ref<fs::Vnode> a = *law::make(root(), "a");
    server.is_dead = true;
    EXPECT_EQ(read(*a), "io_error");
    EXPECT_EQ(law::put(*a, 0, 5, 1).error(), Errc::io_error);
    EXPECT_EQ(root().lookup("a").error(), Errc::io_error);
    EXPECT_EQ(law::make(root(), "b").error(), Errc::io_error);
    EXPECT_EQ(a->attributes().error(), Errc::io_error);
    EXPECT_EQ(p9.system->status().blocks, 0U);
    server.is_dead = false;
    EXPECT_EQ(law::put(*a, 0, 5, 1), 5U);
}

TEST_F(P9Test, BadListingsAreRefused) {
    for (const std::string& name :
         {std::string("a/b"), std::string("a\0b", 3), std::string(300, 'n')}) {
        const auto file = server.tree.put("x", "");
        server.tree.at("")->entries[name] = {file, 50};
        law::CountingSink sink;
        EXPECT_EQ(root().read_directory(0, sink).error(), Errc::io_error);
        server.tree.at("")->entries.erase(name);
        EXPECT_TRUE(root().read_directory(0, sink));
        server.tree.remove("x");
    }
    // One that never ends.
    server.tree.put("x", "");
    law::CountingSink sink;
    server.tree.at("")->entries["x"].cookie = 50;
    bool is_first = true;
    server.mangle = [&](std::vector<std::byte>& reply) {
        if (reply[4] == std::byte{41} && reply.size() > 60) {
            is_first = false;
            std::ranges::fill(std::span(reply).subspan(11 + 13, 8), std::byte{});
            std::ranges::fill(std::span(reply).subspan(reply.size() - 12, 8), std::byte{});
        }
    };
    EXPECT_EQ(root().read_directory(0, sink).error(), Errc::io_error);
    EXPECT_FALSE(is_first);
}

TEST(P9Mount, RefusesWhatItDoesNotUnderstand) {
    P9World p9;
    EXPECT_EQ(p9.mount(1024).error(), Errc::not_supported) << "too small";
    const auto with = [&](std::function<void(std::vector<std::byte>&)> mangle) {
        p9.server.mangle = std::move(mangle);
        return p9.mount().error();
    };
    EXPECT_EQ(with([](auto& reply) {
                  if (reply[4] == std::byte{101}) {
                      reply.back() = std::byte{'u'};  // 9P2000.u
                  }
              }),
              Errc::not_supported);
    EXPECT_EQ(with([](auto& reply) {
                  if (reply[4] == std::byte{101}) {
                      reply[9] = std::byte{0xFF};  // messages larger than was asked
                  }
              }),
              Errc::not_supported);
    EXPECT_EQ(with([](auto& reply) {
                  if (reply[4] == std::byte{25}) {
                      reply[7 + 8 + 13 + 1] = std::byte{0x81};  // the root is a file
                  }
              }),
              Errc::not_directory);
    p9.server.mangle = nullptr;
    for (std::size_t n = 1; n <= 3; ++n) {
        p9.server.fail_at(n);
        EXPECT_FALSE(p9.mount());
    }
    for (std::size_t n = 1; n <= 2; ++n) {
        p9.world.heap.fail_at(n);
        EXPECT_EQ(p9.mount().error(), Errc::no_memory);
    }
    EXPECT_TRUE(p9.mount());
    p9.unmount();
    EXPECT_TRUE(p9.world.is_clean());
}

TEST(P9Options, AreThoseThatAreKept) {
    EXPECT_TRUE(fs::parse_p9_options("trans=virtio,version=9p2000.L,cache=none,access=any"));
    EXPECT_EQ(fs::parse_p9_options("msize=8192")->most_bytes, 8192U);
    EXPECT_TRUE(fs::parse_p9_options("msize=99999999999"));
    for (const char* wrong : {"trans=tcp", "version=9p2000", "cache=loose", "msize=", "msize=512",
                              "trans", "uname=x"}) {
        EXPECT_EQ(fs::parse_p9_options(wrong).error(), Errc::invalid_argument) << wrong;
    }
}

TEST(P9Fids, AreAsManyAsThereAre) {
    const auto fids = std::make_unique<fs::p9::Fids>();
    std::vector<bool> seen(fs::p9::Fids::most);
    for (std::uint32_t n = 0; n < fs::p9::Fids::most; ++n) {
        const std::uint32_t fid = *fids->take();
        ASSERT_FALSE(seen.at(fid));
        seen[fid] = true;
    }
    EXPECT_EQ(fids->take().error(), Errc::file_table_full);
    fids->give_back(77);
    EXPECT_EQ(fids->take(), 77U);
}

}  // namespace
}  // namespace kidney::fs_test
