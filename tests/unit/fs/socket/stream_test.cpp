/// Streams: pairs, bytes in order, ends of connections, poll.
#include "tests/unit/fs/socket/socket_world.hpp"
#include "tests/unit/fs/torn_buffers.hpp"

#include <string>

namespace kidney::fs {
namespace {

using fs_test::CountingWaiter;
using StreamTest = fs_test::SocketTest;

std::string letters(std::size_t count) {
    std::string text(count, '?');
    for (std::size_t n = 0; n < count; ++n) {
        text[n] = static_cast<char>('a' + n * 7 / 5 % 26);
    }
    return text;
}

TEST_F(StreamTest, CarriesBytesBothWays) {
    auto p = pair();
    EXPECT_EQ(write(p.first, "hello "), 6U);
    EXPECT_EQ(write(p.first, "world"), 5U);
    EXPECT_EQ(write(p.second, "back"), 4U);
    EXPECT_EQ(p.second->readable_bytes(), 11U);
    EXPECT_EQ(read(p.second, 8), "hello wo");
    EXPECT_EQ(read(p.second, 100), "rld");
    EXPECT_EQ(read(p.first, 100), "back");
    EXPECT_EQ(read(p.first, 0), "");
    EXPECT_EQ(p.first->seek(0, Whence::current).error(), Errc::not_seekable);
    EXPECT_EQ(p.first->attributes()->type, NodeType::socket);
    EXPECT_NE(p.first->attributes()->inode, p.second->attributes()->inode);
    EXPECT_EQ(calls(p.first).facts().unsent, 0U);
}

TEST_F(StreamTest, CarriesPages) {
    auto p = pair();
    const std::string text = letters(50'000);
    EXPECT_EQ(write(p.first, text), text.size());
    EXPECT_GE(calls(p.first).facts().unsent, text.size());
    EXPECT_EQ(read(p.second, 1), text.substr(0, 1));
    EXPECT_EQ(read(p.second, 4096), text.substr(1, 4096));
    EXPECT_EQ(read(p.second, 100'000), text.substr(4097));
    EXPECT_EQ(calls(p.first).facts().unsent, 0U);
}

TEST_F(StreamTest, PeeksAcrossPieces) {
    auto p = pair();
    ASSERT_TRUE(write(p.first, "abc"));
    ASSERT_TRUE(write(p.first, "def"));
    EXPECT_EQ(receive(p.second, 5, {.peek = true}), "abcde");
    EXPECT_EQ(receive(p.second, 10, {.peek = true}), "abcdef");
    EXPECT_EQ(read(p.second, 2), "ab");
    EXPECT_EQ(receive(p.second, 2, {.peek = true}), "cd");
    meanwhile([&] { EXPECT_TRUE(write(p.first, "ghi")); });
    EXPECT_EQ(receive(p.second, 6, {.peek = true, .wait_all = true}), "cdefgh");
    EXPECT_EQ(read(p.second, 10), "cdefghi");
}

TEST_F(StreamTest, EndsWithItsOtherEnd) {
    auto p = pair();
    ASSERT_TRUE(write(p.first, "last"));
    p.first.reset();
    EXPECT_EQ(write(p.second, "x").error(), Errc::broken_pipe);
    EXPECT_EQ(read(p.second, 100), "last");
    EXPECT_EQ(read(p.second, 100), "");
    const Readiness ready = p.second->poll(nullptr);
    EXPECT_TRUE(ready.readable && ready.hung_up && ready.peer_closed && ready.writable);
    EXPECT_FALSE(ready.error);
    EXPECT_TRUE(calls(p.second).peer_name()) << "it stays known";
}

TEST_F(StreamTest, TellsOfLostBytesOnce) {
    auto p = pair();
    ASSERT_TRUE(write(p.first, "last"));
    ASSERT_TRUE(write(p.second, "never read"));
    p.first.reset();
    EXPECT_TRUE(p.second->poll(nullptr).error);
    EXPECT_EQ(read(p.second, 100), "last");
    EXPECT_EQ(read(p.second, 100).error(), Errc::connection_reset);
    EXPECT_EQ(read(p.second, 100), "");
    p = pair();
    ASSERT_TRUE(write(p.second, "never read"));
    p.first.reset();
    EXPECT_EQ(calls(p.second).take_error().error(), Errc::connection_reset);
    EXPECT_TRUE(calls(p.second).take_error());
}

TEST_F(StreamTest, ShutsDownByHalves) {
    auto p = pair();
    ASSERT_TRUE(calls(p.first).shutdown(false, true));
    EXPECT_EQ(write(p.first, "x").error(), Errc::broken_pipe);
    EXPECT_EQ(read(p.second, 1), "");
    EXPECT_TRUE(p.second->poll(nullptr).peer_closed);
    EXPECT_FALSE(p.second->poll(nullptr).hung_up);
    EXPECT_EQ(write(p.second, "still"), 5U);
    EXPECT_EQ(read(p.first, 10), "still");
    ASSERT_TRUE(calls(p.first).shutdown(true, false));
    EXPECT_EQ(write(p.second, "x").error(), Errc::broken_pipe);
    EXPECT_TRUE(p.second->poll(nullptr).hung_up);
    auto alone = make(Type::stream);
    EXPECT_TRUE(calls(alone).shutdown(true, true)) << "as Linux: nobody asks for a connection";
}

TEST_F(StreamTest, DoesNotWaitWhenAskedNotTo) {
    auto p = pair(Type::stream, true);
    EXPECT_EQ(read(p.second, 1).error(), Errc::would_block);
    std::size_t sent = 0;
    const std::string block(10'000, 'x');
    for (;;) {
        const auto count = write(p.first, block);
        if (!count) {
            EXPECT_EQ(count.error(), Errc::would_block);
            break;
        }
        sent += *count;
    }
    EXPECT_GE(sent, 150'000U);
    EXPECT_LE(sent, 400'000U);
    EXPECT_FALSE(p.first->poll(nullptr).writable);
    EXPECT_TRUE(p.second->poll(nullptr).writable);
    std::size_t got = 0;
    CountingWaiter waiter;
    EXPECT_FALSE(p.first->poll(&waiter).writable);
    while (const auto text = read(p.second, 50'000)) {
        got += text->size();
    }
    EXPECT_EQ(got, sent);
    EXPECT_GE(waiter.wakes, 1);
    EXPECT_TRUE(p.first->poll(nullptr).writable);
    waiter.leave_all();
}

TEST_F(StreamTest, WaitsForBytes) {
    auto p = pair();
    meanwhile([&] { EXPECT_TRUE(write(p.first, "ab")); });
    EXPECT_EQ(read(p.second, 10), "ab");
    meanwhile([] {});  // a wake that says nothing
    meanwhile([&] { EXPECT_TRUE(write(p.first, "cd")); });
    meanwhile([&] { EXPECT_TRUE(write(p.first, "ef")); });
    EXPECT_EQ(receive(p.second, 4, {.wait_all = true}), "cdef");
    calls(p.second).set_low_water(3);
    meanwhile([&] { EXPECT_TRUE(write(p.first, "i")); });
    ASSERT_TRUE(write(p.first, "gh"));
    EXPECT_EQ(read(p.second, 10), "ghi");
    calls(p.second).set_low_water(1);
    meanwhile([&] { p.first.reset(); });
    EXPECT_EQ(read(p.second, 10), "");
}

TEST_F(StreamTest, WaitsEndBySignalsAndDeadlines) {
    auto p = pair();
    EXPECT_EQ(read(p.second, 10).error(), Errc::interrupted);
    calls(p.second).set_receive_timeout(Duration::milliseconds(5));
    EXPECT_EQ(read(p.second, 10).error(), Errc::would_block);
    ASSERT_TRUE(write(p.first, "part"));
    EXPECT_EQ(receive(p.second, 10, {.wait_all = true}), "part");
    calls(p.first).set_send_timeout(Duration::milliseconds(5));
    EXPECT_LE(write(p.first, std::string(1'000'000, 'x')).value_or(0), 600'000U);
    EXPECT_EQ(write(p.first, "x").error(), Errc::would_block);
}

TEST_F(StreamTest, AWriterGoesOnWhenBytesAreRead) {
    auto p = pair();
    const std::string text = letters(600'000);
    std::string got;
    const auto drain = [&] { got += *receive(p.second, 1'000'000, {.non_blocking = true}); };
    for (int n = 0; n < 8; ++n) {
        meanwhile(drain);
    }
    EXPECT_EQ(write(p.first, text), text.size());
    fs_test::SteppingQueue::steps.clear();
    while (const auto rest = receive(p.second, 1'000'000, {.non_blocking = true})) {
        got += *rest;
    }
    EXPECT_EQ(got, text);
}

TEST_F(StreamTest, AWriterLearnsThatTheReaderIsGone) {
    auto p = pair();
    meanwhile([&] { p.second.reset(); });
    const auto sent = write(p.first, std::string(1'000'000, 'x'));
    EXPECT_GT(sent.value_or(0), 0U);
    EXPECT_EQ(write(p.first, "x").error(), Errc::broken_pipe);
}

TEST_F(StreamTest, HasALimitOfItsOwn) {
    auto p = pair(Type::stream, true);
    calls(p.first).set_send_limit(4608);
    const auto sent = write(p.first, std::string(100'000, 'x'));
    EXPECT_GE(sent.value_or(0), 2240U);
    EXPECT_LE(sent.value_or(0), 10'000U);
    EXPECT_EQ(write(p.second, std::string(100'000, 'x')), 100'000U);
}

TEST_F(StreamTest, RefusesAddresses) {
    auto p = pair();
    auto alone = make(Type::stream);
    EXPECT_EQ(send_to(p.first, "x", "y").error(), Errc::is_connected);
    EXPECT_EQ(send_to(alone, "x", "y").error(), Errc::not_supported);
    EXPECT_EQ(write(alone, "y").error(), Errc::not_connected);
    EXPECT_EQ(read(alone, 1).error(), Errc::invalid_argument);
    EXPECT_EQ(calls(alone).peer_name().error(), Errc::not_connected);
    EXPECT_EQ(calls(p.first).disconnect().error(), Errc::invalid_argument);
    EXPECT_TRUE(alone->poll(nullptr).hung_up);
}

TEST_F(StreamTest, BadUserMemoryLosesNothing) {
    auto p = pair();
    ASSERT_TRUE(write(p.first, "kept"));
    std::array<std::byte, 100> memory;
    fs_test::TornTarget torn(memory, 2);
    EXPECT_EQ(p.second->read(torn).error(), Errc::bad_address);
    EXPECT_EQ(read(p.second, 10), "kept");
    fs_test::TornSource source(5000, 100);
    EXPECT_EQ(p.first->write(source).error(), Errc::bad_address);
    EXPECT_EQ(calls(p.first).facts().unsent, 0U);
    EXPECT_EQ(receive(p.second, 1, {.non_blocking = true}).error(), Errc::would_block);
}

TEST_F(StreamTest, TellsPollers) {
    auto p = pair();
    CountingWaiter waiter;
    EXPECT_FALSE(p.second->poll(&waiter).readable);
    ASSERT_TRUE(write(p.first, "x"));
    EXPECT_GE(waiter.wakes, 1);
    waiter.leave_all();
    const int before = waiter.wakes;
    EXPECT_TRUE(p.second->poll(&waiter).readable);
    p.first.reset();
    EXPECT_GT(waiter.wakes, before);
    waiter.leave_all();
}

TEST_F(StreamTest, KeepsItsAttributes) {
    auto p = pair();
    EXPECT_EQ(p.first->attributes()->permissions, Permissions(0777));
    EXPECT_EQ(p.first->attributes()->uid, 101U);
    EXPECT_TRUE(p.first->set_attributes({.permissions = Permissions(0600), .uid = 5}));
    EXPECT_EQ(p.first->attributes()->permissions, Permissions(0600));
    EXPECT_EQ(p.first->attributes()->uid, 5U);
    EXPECT_EQ(p.second->attributes()->uid, 101U);
    EXPECT_EQ(p.first->sync().error(), Errc::invalid_argument);
}

TEST_F(StreamTest, EveryAllocationMayFail) {
    for (std::size_t n = 1;; ++n) {
        heap.fail_at(n);
        auto made = sockets.create_pair(Type::stream, false);
        if (!heap.has_failed()) {
            break;
        }
        EXPECT_EQ(made.error(), Errc::no_memory);
        EXPECT_EQ(heap.used_bytes(), 0U);
    }
    heap.fail_at(0);
    auto p = pair();
    for (std::size_t n = 1;; ++n) {
        world.frames.fail_at(n);
        const auto sent = write(p.first, std::string(20'000, 'x'));
        if (!world.frames.has_failed()) {
            break;
        }
        EXPECT_EQ(sent.error(), Errc::no_memory);
        EXPECT_EQ(calls(p.first).facts().unsent, 0U);
    }
    world.frames.fail_at(0);
    heap.fail_at(1);
    EXPECT_EQ(write(p.first, "x").error(), Errc::no_memory);
    heap.fail_at(0);
    EXPECT_EQ(read(p.second, 30'000)->size(), 20'000U);
}

}  // namespace
}  // namespace kidney::fs
