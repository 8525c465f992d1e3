/// Pipes: what POSIX promises to one thread and to several; fifos; poll.
#include "fs/pipe/pipe_service.hpp"
#include "fs/tmpfs/tmpfs.hpp"
#include "tests/laws/report.hpp"
#include "tests/unit/fs/test_world.hpp"
#include "tests/unit/fs/torn_buffers.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace kidney::fs {
namespace {

using fs_test::StdLock;
using fs_test::World;
using Pipes = PipeService<fs_test::LockedHeap, fs_test::Frames, sim::RamArena, StdLock,
                          fs_test::StdQueue, StdLock, StdLock, fs_test::Clock>;

struct CountingWaiter final : PollWaiter {
    CountingWaiter() : PollWaiter(entries) {}
    ~CountingWaiter() { leave_all(); }
    void wake() noexcept override { ++wakes; }
    std::array<PollEntry, 4> entries;
    std::atomic<int> wakes = 0;
};

struct PipeTest : testing::Test {
    World world;
    fs_test::LockedHeap heap;
    Pipes pipes{heap, world.frames, world.arena, world.clock};
    PipeEnds ends_;

    void TearDown() override {
        EXPECT_EQ(heap.used_bytes(), 0U);
        EXPECT_TRUE(world.is_clean());
    }
    static Result<std::size_t> write(File& file, std::string_view text) {
        SpanWriteBuffer from(std::as_bytes(std::span(text)));
        return file.write(from);
    }
    static Result<std::string> read(File& file, std::size_t most) {
        std::string text(most, '?');
        SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        text.resize(TRY(file.read(to)));
        return text;
    }
};

struct OneUser {
    static inline UserAccount* account = nullptr;
    static inline bool is_privileged = false;
    Payer operator()() const noexcept { return {Ref<UserAccount>::share(*account), is_privileged}; }
};

TEST_F(PipeTest, TheirPagesHaveAnEnd) {
    struct : AccountBook {
        void account_gone(UserAccount&) noexcept override {}
    } book;
    UserAccount user(book, 7);
    OneUser::account = &user;
    OneUser::is_privileged = false;
    PipeService<fs_test::LockedHeap, fs_test::Frames, sim::RamArena, StdLock, fs_test::StdQueue,
                StdLock, StdLock, fs_test::Clock, OneUser>
        counted{heap, world.frames, world.arena, world.clock, {.soft = 20, .hard = 22}};
    {
        const auto room = [](File& writer) {
            const std::string text(100'000, 'x');
            return write(writer, text).value_or(0);
        };
        auto first = *counted.create(true);
        EXPECT_EQ(room(*first.writer), 65536U);
        auto second = *counted.create(true);
        EXPECT_EQ(user.held(Holding::pipe_pages), 18U);
        EXPECT_EQ(room(*second.writer), 8192U);
        EXPECT_EQ(read(*second.reader, 100), Result<std::string>(std::string(100, 'x')));
        EXPECT_EQ(room(*second.writer), 0U) << "both pages are in use";
        EXPECT_EQ(second.writer->pipe()->set_size(65536, false).error(), Errc::not_permitted);
        EXPECT_EQ(second.writer->pipe()->set_size(65536, true), 65536U);
        EXPECT_EQ(user.held(Holding::pipe_pages), 32U);
        EXPECT_EQ(room(*second.writer), 14 * page_size);
        EXPECT_EQ(read(*second.reader, 100'000)->size(), 16 * page_size - 100);
        EXPECT_EQ(second.writer->pipe()->set_size(8192, false), 8192U);
        EXPECT_EQ(user.held(Holding::pipe_pages), 18U);
        auto third = *counted.create(true);
        const auto fourth = *counted.create(true);
        EXPECT_EQ(counted.create(true).error(), Errc::file_table_full);
        OneUser::is_privileged = true;
        auto fifth = *counted.create(true);
        EXPECT_EQ(room(*fifth.writer), 65536U);
        OneUser::is_privileged = false;
        third = {};
        EXPECT_EQ(counted.create(true).error(), Errc::file_table_full);
    }
    EXPECT_EQ(user.held(Holding::pipe_pages), 0U);
    heap.fail_at(1);
    EXPECT_EQ(counted.create(true).error(), Errc::no_memory);
    EXPECT_EQ(user.held(Holding::pipe_pages), 0U);
}

TEST_F(PipeTest, CarriesBytesInOrder) {
    auto ends = *pipes.create(false);
    EXPECT_EQ(write(*ends.writer, "hello "), 6U);
    EXPECT_EQ(write(*ends.writer, "world"), 5U);
    EXPECT_EQ(read(*ends.reader, 8), Result<std::string>("hello wo"));
    EXPECT_EQ(read(*ends.reader, 100), Result<std::string>("rld"));
    EXPECT_EQ(write(*ends.reader, "x").error(), Errc::bad_descriptor);
    EXPECT_EQ(read(*ends.writer, 1).error(), Errc::bad_descriptor);
    EXPECT_EQ(ends.reader->seek(0, Whence::current).error(), Errc::not_seekable);
    EXPECT_EQ(ends.reader->attributes()->type, NodeType::fifo);
    ASSERT_EQ(write(*ends.writer, "last"), 4U);
    ends.writer.reset();
    EXPECT_EQ(read(*ends.reader, 100), Result<std::string>("last"));
    EXPECT_EQ(read(*ends.reader, 100), Result<std::string>(""));
}

TEST_F(PipeTest, BreaksWithoutReaders) {
    auto ends = *pipes.create(false);
    ends.reader.reset();
    EXPECT_EQ(write(*ends.writer, "x").error(), Errc::broken_pipe);
    EXPECT_TRUE(ends.writer->poll(nullptr).error);
}

TEST_F(PipeTest, DoesNotWaitWhenAskedNotTo) {
    auto ends = *pipes.create(true);
    EXPECT_EQ(read(*ends.reader, 1).error(), Errc::would_block);
    EXPECT_EQ(write(*ends.writer, std::string(100'000, 'x')), 65536U);
    EXPECT_EQ(write(*ends.writer, "y").error(), Errc::would_block);
    EXPECT_FALSE(ends.writer->poll(nullptr).writable);
    // Room comes by the page.
    EXPECT_EQ(read(*ends.reader, 4095)->size(), 4095U);
    EXPECT_EQ(write(*ends.writer, std::string(4096, 'z')).error(), Errc::would_block);
    EXPECT_EQ(write(*ends.writer, "z").error(), Errc::would_block);
    EXPECT_FALSE(ends.writer->poll(nullptr).writable);
    EXPECT_EQ(read(*ends.reader, 1)->size(), 1U);
    EXPECT_TRUE(ends.writer->poll(nullptr).writable);
    // Up to 4096 bytes go together or not at all, more as far as there is room.
    EXPECT_EQ(write(*ends.writer, std::string(4097, 'z')), 4096U);
}

TEST_F(PipeTest, CountsPages) {
    const auto fill = [&](std::size_t size) {
        std::size_t writes = 0;
        while (write(*ends_.writer, std::string(size, 'x'))) {
            ++writes;
        }
        return writes;
    };
    ends_ = *pipes.create(true);
    EXPECT_EQ(fill(1), 65536U);  // small ones share pages
    ends_ = *pipes.create(true);
    EXPECT_EQ(fill(3000), 16U);
    EXPECT_EQ(fill(1), 1096U);  // the last page has room for them
    EXPECT_EQ(ends_.reader->readable_bytes(), 16U * 3000 + 1096);
    ends_ = *pipes.create(true);
    EXPECT_EQ(write(*ends_.writer, std::string(6000, 'x')), 6000U);
    EXPECT_EQ(fill(4096), 14U);
    ends_ = {};
}

TEST_F(PipeTest, JoinsALongWritesRestFirst) {
    auto ends = *pipes.create(true);
    ASSERT_TRUE(write(*ends.writer, "head "));
    ASSERT_EQ(write(*ends.writer, "rest " + std::string(4096, 'x')), 4101U);
    EXPECT_EQ(read(*ends.reader, 10'000), "head rest " + std::string(4096, 'x'));
}

TEST_F(PipeTest, PacketsAreReadOneByOne) {
    auto ends = *pipes.create(true, true);
    ASSERT_TRUE(write(*ends.writer, "one"));
    ASSERT_TRUE(write(*ends.writer, "two"));
    ASSERT_EQ(write(*ends.writer, std::string(5000, 'x')), 5000U);
    EXPECT_EQ(read(*ends.reader, 100), Result<std::string>("one"));
    EXPECT_EQ(read(*ends.reader, 1), Result<std::string>("t"));  // the rest of it is lost
    EXPECT_EQ(read(*ends.reader, 10'000), std::string(4096, 'x'));
    EXPECT_EQ(read(*ends.reader, 10'000), std::string(904, 'x'));
    ends.writer->set_packets(false);
    ASSERT_TRUE(write(*ends.writer, "no "));
    ASSERT_TRUE(write(*ends.writer, "packet"));
    EXPECT_EQ(read(*ends.reader, 100), Result<std::string>("no packet"));
}

TEST_F(PipeTest, ChangesItsSize) {
    auto ends = *pipes.create(true);
    SplicePipe& pipe = *ends.writer->pipe();
    EXPECT_EQ(pipe.size(), 65536U);
    EXPECT_EQ(pipe.set_size(0, false), 4096U);
    EXPECT_EQ(pipe.set_size(4097, false), 8192U);
    ASSERT_EQ(write(*ends.writer, std::string(9000, 'a')), 8192U);
    EXPECT_EQ(pipe.set_size(4096, true).error(), Errc::busy);
    EXPECT_EQ(pipe.set_size(1024 * 1024, false), 1024U * 1024);
    EXPECT_EQ(pipe.set_size(1024 * 1024 + 1, false).error(), Errc::not_permitted);
    EXPECT_EQ(pipe.set_size(0x8000'0001U, true).error(), Errc::invalid_argument);
    EXPECT_EQ(pipe.set_size(2 * 1024 * 1024, true), 2U * 1024 * 1024);
    EXPECT_EQ(pipe.set_size(2 * 1024 * 1024, false), 2U * 1024 * 1024);  // it grows no further
    ASSERT_EQ(write(*ends.writer, std::string(100'000, 'b')), 100'000U);
    EXPECT_EQ(pipe.set_size(65536, false).error(), Errc::busy);
    EXPECT_EQ(read(*ends.reader, 8000), std::string(8000, 'a'));
    heap.fail_at(1);
    EXPECT_EQ(pipe.set_size(131072, false).error(), Errc::no_memory);
    EXPECT_EQ(pipe.set_size(131072, false), 131072U);
    EXPECT_EQ(read(*ends.reader, 200'000), std::string(192, 'a') + std::string(100'000, 'b'));
    EXPECT_EQ(pipe.set_size(65536, false), 65536U);
    ASSERT_EQ(write(*ends.writer, std::string(65537, 'c')), 65536U);
    EXPECT_EQ(read(*ends.reader, 70'000), std::string(65536, 'c'));
}

TEST_F(PipeTest, AWriterGoesOnWhenThePipeGrows) {
    auto ends = *pipes.create(false);
    ASSERT_EQ(ends.writer->pipe()->set_size(4096, false), 4096U);
    std::thread writer([&] { EXPECT_EQ(write(*ends.writer, std::string(8192, 'x')), 8192U); });
    EXPECT_EQ(read(*ends.reader, 1)->size(), 1U);  // not enough for the rest
    EXPECT_EQ(ends.writer->pipe()->set_size(8192, false), 8192U);
    writer.join();
    EXPECT_EQ(read(*ends.reader, 10'000)->size(), 8191U);
}

TEST_F(PipeTest, KeepsTheStatusFlagsOfEachEnd) {
    auto ends = *pipes.create(true);
    ends.reader->set_non_blocking(false);
    ends.writer->set_append(true);  // means nothing to a pipe, and is remembered as on Linux
    EXPECT_FALSE(ends.reader->mode().non_blocking);
    EXPECT_FALSE(ends.reader->mode().append);
    EXPECT_TRUE(ends.writer->mode().non_blocking);
    EXPECT_TRUE(ends.writer->mode().append);
    EXPECT_EQ(write(*ends.writer, "x"), 1U);
    EXPECT_EQ(read(*ends.reader, 2), "x");
}

TEST_F(PipeTest, TellsPollers) {
    auto ends = *pipes.create(false);
    CountingWaiter waiter;
    EXPECT_FALSE(ends.reader->poll(&waiter).readable);
    EXPECT_TRUE(ends.writer->poll(nullptr).writable);
    ASSERT_TRUE(write(*ends.writer, "x"));
    EXPECT_EQ(waiter.wakes, 1);
    waiter.leave_all();
    EXPECT_TRUE(ends.reader->poll(&waiter).readable);
    ends.writer.reset();
    EXPECT_EQ(waiter.wakes, 2);
    EXPECT_TRUE(ends.reader->poll(nullptr).hung_up);
    waiter.leave_all();
}

TEST_F(PipeTest, BadUserMemoryLosesNothing) {
    auto ends = *pipes.create(false);
    ASSERT_TRUE(write(*ends.writer, "kept"));
    std::array<std::byte, 100> memory;
    fs_test::TornTarget torn(memory, 2);
    EXPECT_EQ(ends.reader->read(torn).error(), Errc::bad_address);
    EXPECT_EQ(read(*ends.reader, 10), Result<std::string>("kept"));
    world.frames.fail_at(1);
    ASSERT_EQ(read(*ends.reader, 0), Result<std::string>(""));
    EXPECT_EQ(write(*ends.writer, std::string(5000, 'x')), 4096U);  // no second page: a short write
}

TEST_F(PipeTest, StreamsBetweenThreads) {
    auto ends = *pipes.create(false);
    const std::size_t total = 1'000'000;
    std::thread producer([writer = std::move(ends.writer)]() mutable {
        laws::Random random(1);
        std::string piece;
        for (std::size_t sent = 0; sent < total;) {
            piece.clear();
            const std::size_t length =
                std::min<std::size_t>(1 + random.below(90'000), total - sent);
            for (std::size_t i = 0; i < length; ++i) {
                piece.push_back(static_cast<char>((sent + i) * 7 & 0xFF));
            }
            EXPECT_EQ(PipeTest::write(*writer, piece), piece.size());
            sent += length;
        }
        writer.reset();
    });
    laws::Random random(2);
    std::size_t received = 0;
    for (;;) {
        const auto piece = read(*ends.reader, 1 + random.below(70'000));
        ASSERT_TRUE(piece);
        if (piece->empty()) {
            break;
        }
        for (const char c : *piece) {
            ASSERT_EQ(c, static_cast<char>(received++ * 7 & 0xFF));
        }
    }
    EXPECT_EQ(received, total);
    producer.join();
}

TEST_F(PipeTest, SmallWritesStayInOnePiece) {
    auto ends = *pipes.create(false);
    std::vector<std::thread> writers;
    for (char id = 'a'; id < 'e'; ++id) {
        writers.emplace_back([writer = ends.writer, id] {
            for (int i = 0; i < 60; ++i) {
                EXPECT_EQ(PipeTest::write(*writer, std::string(4000, id)), 4000U);
            }
        });
    }
    ends.writer.reset();
    std::string all;
    for (;;) {
        const auto piece = read(*ends.reader, 10'000);
        ASSERT_TRUE(piece);
        if (piece->empty()) {
            break;
        }
        all += *piece;
    }
    for (std::thread& thread : writers) {
        thread.join();
    }
    ASSERT_EQ(all.size(), 4U * 60 * 4000);
    for (std::size_t at = 0; at < all.size(); at += 4000) {
        EXPECT_EQ(all.compare(at, 4000, std::string(4000, all[at])), 0) << at;
    }
}

TEST_F(PipeTest, FifosMeet) {
    {
        Tmpfs<fs_test::LockedHeap, fs_test::Frames, sim::RamArena, StdLock, fs_test::Clock> disk{
            heap, world.frames, world.arena, world.clock, 1, {}};
        ASSERT_TRUE(disk.start(Permissions(0755)));
        const Ref<Vnode> node = *disk.root()->create("fifo", {.type = NodeType::fifo});
        const Attributes attributes = *node->attributes();
        const OpenMode reading{.read = true}, writing{.write = true};
        EXPECT_EQ(
            pipes.open_special(*node, attributes, {.write = true, .non_blocking = true}).error(),
            Errc::no_device);
        EXPECT_TRUE(pipes.open_special(*node, attributes, {.read = true, .non_blocking = true}));
        for (int i = 0; i < 50; ++i) {
            std::thread other([&] {
                const Ref<File> writer = *pipes.open_special(*node, attributes, writing);
                EXPECT_EQ(write(*writer, "through a name"), 14U);
            });
            const Ref<File> reader = *pipes.open_special(*node, attributes, reading);
            EXPECT_EQ(reader->vnode(), node.get());
            EXPECT_EQ(read(*reader, 100), Result<std::string>("through a name"));
            other.join();
            EXPECT_EQ(read(*reader, 100), Result<std::string>(""));
        }
    }
}

TEST_F(PipeTest, EveryAllocationFailedInTurn) {
    for (std::size_t n = 1;; ++n) {
        heap.fail_at(n);
        const auto ends = pipes.create(false);
        if (ends) {
            EXPECT_FALSE(heap.has_failed());
            break;
        }
        EXPECT_EQ(ends.error(), Errc::no_memory);
        EXPECT_EQ(heap.used_bytes(), 0U);
    }
}

}  // namespace
}  // namespace kidney::fs
