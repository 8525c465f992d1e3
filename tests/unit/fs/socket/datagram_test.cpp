/// Datagrams: boundaries, who may send to whom, queues that are full.
#include "tests/unit/fs/socket/socket_world.hpp"
#include "tests/unit/fs/torn_buffers.hpp"

#include <string>

namespace kidney::fs {
namespace {

using fs_test::CountingWaiter;
using DatagramTest = fs_test::SocketTest;

TEST_F(DatagramTest, KeepsBoundaries) {
    auto p = pair(Type::datagram);
    ASSERT_EQ(write(p.first, "one"), 3U);
    ASSERT_EQ(write(p.first, ""), 0U);
    ASSERT_EQ(write(p.first, std::string(5000, 'x')), 5000U);
    EXPECT_EQ(p.second->readable_bytes(), 3U);
    Received received;
    EXPECT_EQ(receive(p.second, 2, {.peek = true}, received), "on");
    EXPECT_EQ(received.length, 3U);
    EXPECT_EQ(read(p.second, 2), "on") << "the rest of it is lost";
    EXPECT_EQ(receive(p.second, 10, {}, received), "");
    EXPECT_EQ(received.length, 0U);
    EXPECT_EQ(read(p.second, 10'000)->size(), 5000U);
    EXPECT_EQ(receive(p.second, 1, {.non_blocking = true}).error(), Errc::would_block);
    EXPECT_EQ(calls(p.first).facts().unsent, 0U);
}

TEST_F(DatagramTest, GoesToAName) {
    auto server = make(Type::datagram);
    ASSERT_TRUE(bind(server, "srv"));
    auto client = make(Type::datagram);
    EXPECT_EQ(write(client, "x").error(), Errc::not_connected);
    EXPECT_EQ(send_to(client, "nobody", "x").error(), Errc::connection_refused);
    auto stream = listener("stream");
    EXPECT_EQ(send_to(client, "stream", "x").error(), Errc::connection_refused);
    ASSERT_EQ(send_to(client, "srv", "first"), 5U);
    ASSERT_TRUE(bind(client, "cli"));
    ASSERT_EQ(send_to(client, "srv", "second"), 6U);
    Received received;
    EXPECT_EQ(receive(server, 10, {}, received), "first");
    EXPECT_TRUE(received.has_sender);
    EXPECT_EQ(received.sender.view(), "cli") << "as it is called now";
    EXPECT_EQ(receive(server, 10, {}, received), "second");
    EXPECT_EQ(send_to(server, "cli", "answer"), 6U);
    EXPECT_EQ(read(client, 10), "answer");
}

TEST_F(DatagramTest, ConnectionsFilter) {
    auto server = make(Type::datagram);
    ASSERT_TRUE(bind(server, "srv"));
    auto client = make(Type::datagram);
    ASSERT_TRUE(bind(client, "cli"));
    ASSERT_TRUE(connect(client, "srv"));
    ASSERT_EQ(write(client, "hello"), 5U);
    EXPECT_EQ(read(server, 10), "hello");
    auto other = make(Type::datagram);
    EXPECT_EQ(send_to(other, "cli", "x").error(), Errc::not_permitted);
    EXPECT_EQ(connect(other, "cli").error(), Errc::not_permitted);
    EXPECT_EQ(send_to(server, "cli", "y"), 1U);
    // Another peer: what came from the first is gone.
    ASSERT_TRUE(bind(other, "oth"));
    ASSERT_TRUE(connect(server, "cli"));
    ASSERT_TRUE(connect(client, "oth"));
    EXPECT_EQ(receive(client, 10, {.non_blocking = true}).error(), Errc::would_block);
    EXPECT_EQ(calls(server).take_error().error(), Errc::connection_reset);
    ASSERT_TRUE(calls(client).disconnect());
    EXPECT_EQ(write(client, "x").error(), Errc::not_connected);
    EXPECT_EQ(calls(client).peer_name().error(), Errc::not_connected);
    EXPECT_EQ(send_to(other, "cli", "z"), 1U);
    EXPECT_TRUE(calls(client).disconnect());
    EXPECT_EQ(read(client, 5), "z");
}

TEST_F(DatagramTest, LearnsThatThePeerIsGone) {
    auto server = make(Type::datagram);
    ASSERT_TRUE(bind(server, "srv"));
    auto client = make(Type::datagram);
    ASSERT_TRUE(connect(client, "srv"));
    server.reset();
    EXPECT_EQ(write(client, "x").error(), Errc::connection_refused);
    EXPECT_EQ(write(client, "x").error(), Errc::not_connected);
    auto p = pair(Type::datagram);
    ASSERT_TRUE(write(p.first, "left"));
    p.first.reset();
    EXPECT_EQ(read(p.second, 10), "left");
    EXPECT_EQ(receive(p.second, 1, {.non_blocking = true}).error(), Errc::would_block)
        << "others could still send";
    EXPECT_FALSE(p.second->poll(nullptr).hung_up);
}

TEST_F(DatagramTest, AFullQueueStopsStrangers) {
    auto server = make(Type::datagram);
    ASSERT_TRUE(bind(server, "srv"));
    auto client = make(Type::datagram);
    ASSERT_TRUE(connect(client, "srv"));
    for (int n = 0; n < 11; ++n) {
        EXPECT_TRUE(client->poll(nullptr).writable);
        ASSERT_EQ(write(client, "x"), 1U);
    }
    CountingWaiter waiter;
    EXPECT_FALSE(client->poll(&waiter).writable);
    EXPECT_EQ(send_to(client, "srv", "x", true).error(), Errc::would_block);
    EXPECT_EQ(write(client, "x").error(), Errc::interrupted);
    calls(client).set_send_timeout(Duration::milliseconds(1));
    EXPECT_EQ(write(client, "x").error(), Errc::would_block);
    EXPECT_EQ(waiter.wakes, 0);
    meanwhile([&] { EXPECT_EQ(read(server, 1), "x"); });
    EXPECT_EQ(write(client, "y"), 1U);
    EXPECT_GE(waiter.wakes, 1);
    waiter.leave_all();
    meanwhile([&] { server.reset(); });
    EXPECT_EQ(write(client, "y").error(), Errc::connection_refused);
    EXPECT_EQ(calls(client).facts().unsent, 0U);
}

TEST_F(DatagramTest, APairIsStoppedByBytes) {
    auto p = pair(Type::datagram, true);
    int sent = 0;
    while (write(p.first, std::string(1000, 'x'))) {
        ++sent;
    }
    EXPECT_GT(sent, 100);
    EXPECT_LT(sent, 250);
    EXPECT_EQ(write(p.first, std::string(300'000, 'x')).error(), Errc::message_too_long);
    for (int n = 0; n < sent; ++n) {
        EXPECT_EQ(read(p.second, 2000)->size(), 1000U);
    }
    EXPECT_TRUE(p.first->poll(nullptr).writable);
    EXPECT_EQ(write(p.first, std::string(150'000, 'x')), 150'000U);
    EXPECT_EQ(read(p.second, 300'000)->size(), 150'000U);
}

TEST_F(DatagramTest, ShutDownReceiversBreakPipes) {
    auto p = pair(Type::datagram);
    ASSERT_TRUE(calls(p.first).shutdown(true, false));
    EXPECT_EQ(write(p.second, "x").error(), Errc::broken_pipe);
    EXPECT_EQ(read(p.first, 1), "");
    EXPECT_EQ(receive(p.first, 1, {.non_blocking = true}).error(), Errc::would_block);
    EXPECT_EQ(write(p.first, "x"), 1U);
    ASSERT_TRUE(calls(p.second).shutdown(false, true));
    EXPECT_EQ(write(p.second, "x").error(), Errc::broken_pipe);
}

TEST_F(DatagramTest, ToItself) {
    auto self = make(Type::datagram);
    ASSERT_TRUE(bind(self, "me"));
    ASSERT_TRUE(connect(self, "me"));
    for (int n = 0; n < 20; ++n) {
        ASSERT_EQ(write(self, "x"), 1U);
    }
    EXPECT_EQ(read(self, 2), "x");
}

TEST_F(DatagramTest, BadUserMemory) {
    auto p = pair(Type::datagram);
    fs_test::TornSource source(5000, 4500);
    EXPECT_EQ(p.first->write(source).error(), Errc::bad_address);
    EXPECT_EQ(calls(p.first).facts().unsent, 0U);
    ASSERT_TRUE(write(p.first, "torn"));
    ASSERT_TRUE(write(p.first, "next"));
    std::array<std::byte, 100> memory;
    fs_test::TornTarget torn(memory, 2);
    Received received;
    EXPECT_EQ(calls(p.second).receive({.peek = true}, torn, received).error(), Errc::bad_address);
    fs_test::TornTarget again(memory, 2);
    EXPECT_EQ(calls(p.second).receive({}, again, received).error(), Errc::bad_address);
    EXPECT_EQ(read(p.second, 10), "next") << "a message that was taken is gone, as on Linux";
}

TEST_F(DatagramTest, EveryAllocationMayFail) {
    auto p = pair(Type::datagram);
    for (std::size_t n = 1;; ++n) {
        world.frames.fail_at(n);
        const auto sent = write(p.first, std::string(20'000, 'x'));
        if (!world.frames.has_failed()) {
            break;
        }
        EXPECT_EQ(sent.error(), Errc::no_memory);
    }
    world.frames.fail_at(0);
    EXPECT_EQ(read(p.second, 30'000)->size(), 20'000U);
    EXPECT_EQ(receive(p.second, 1, {.non_blocking = true}).error(), Errc::would_block);
}

}  // namespace
}  // namespace kidney::fs
