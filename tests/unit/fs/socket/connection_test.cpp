/// Names, listeners and connections.
#include "tests/unit/fs/socket/socket_world.hpp"

#include <string>

namespace kidney::fs {
namespace {

using fs_test::CountingWaiter;

using ConnectionTest = fs_test::SocketTest;

TEST_F(ConnectionTest, ListensAndAccepts) {
    auto server = listener("srv");
    auto client = make(Type::stream);
    ASSERT_TRUE(bind(client, "cli"));
    EXPECT_FALSE(server->poll(nullptr).readable);
    EXPECT_FALSE(server->poll(nullptr).writable);
    fs_test::TestCaller::effective.uid = 50;
    ASSERT_TRUE(connect(client, "srv"));
    EXPECT_TRUE(server->poll(nullptr).readable);
    EXPECT_EQ(write(client, "early"), 5U) << "before anybody accepts";
    SocketName from;
    auto connection = *calls(server).accept(true, from);
    EXPECT_EQ(from.view(), "cli");
    EXPECT_TRUE(connection->is_non_blocking());
    EXPECT_FALSE(server->poll(nullptr).readable);
    EXPECT_EQ(read(connection, 10), "early");
    EXPECT_EQ(write(connection, "answer"), 6U);
    EXPECT_EQ(read(client, 10), "answer");
    EXPECT_EQ(calls(client).peer_name()->view(), "srv");
    EXPECT_EQ(calls(connection).name().view(), "srv");
    EXPECT_EQ(calls(connection).peer_name()->view(), "cli");
    EXPECT_EQ(calls(client).facts().peer->uid, 101U) << "who listened";
    EXPECT_EQ(calls(connection).facts().peer->uid, 50U) << "who connected";
    EXPECT_TRUE(calls(server).facts().is_listening);
    EXPECT_FALSE(calls(connection).facts().is_listening);
    EXPECT_EQ(server->readable_bytes().error(), Errc::invalid_argument);
    EXPECT_EQ(connect(client, "srv").error(), Errc::is_connected);
}

TEST_F(ConnectionTest, RefusesWhereNobodyListens) {
    auto bound = make(Type::stream);
    ASSERT_TRUE(bind(bound, "quiet"));
    auto client = make(Type::stream);
    EXPECT_EQ(connect(client, "nobody").error(), Errc::connection_refused);
    EXPECT_EQ(connect(client, "quiet").error(), Errc::connection_refused);
    EXPECT_EQ(accept(bound).error(), Errc::invalid_argument);
    EXPECT_EQ(calls(make(Type::stream)).listen(1).error(), Errc::invalid_argument);
    EXPECT_EQ(calls(make(Type::datagram)).listen(1).error(), Errc::not_supported);
    EXPECT_EQ(accept(make(Type::datagram)).error(), Errc::not_supported);
    EXPECT_EQ(calls(pair().first).listen(1).error(), Errc::invalid_argument);
    ASSERT_TRUE(calls(bound).listen(1));
    EXPECT_EQ(connect(bound, "quiet").error(), Errc::invalid_argument);
    ASSERT_TRUE(calls(bound).shutdown(true, false));
    EXPECT_EQ(connect(client, "quiet").error(), Errc::connection_refused);
    EXPECT_EQ(accept(bound).error(), Errc::invalid_argument);
}

TEST_F(ConnectionTest, NamesAreTakenOnce) {
    auto first = make(Type::stream);
    ASSERT_TRUE(bind(first, "n"));
    EXPECT_EQ(bind(first, "m").error(), Errc::invalid_argument);
    auto second = make(Type::stream);
    EXPECT_EQ(bind(second, "n").error(), Errc::address_in_use);
    auto other = make(Type::datagram);
    EXPECT_TRUE(bind(other, "n")) << "each type has names of its own";
    first.reset();
    EXPECT_TRUE(bind(second, "n"));
    EXPECT_TRUE(calls(second).bind_anywhere()) << "it has a name";
    EXPECT_EQ(calls(second).name().view(), "n");
}

TEST_F(ConnectionTest, GivesNamesOfItsOwn) {
    auto first = make(Type::stream);
    auto second = make(Type::stream);
    auto third = make(Type::stream);
    ASSERT_TRUE(bind(third, "00001"));
    ASSERT_TRUE(calls(first).bind_anywhere());
    ASSERT_TRUE(calls(second).bind_anywhere());
    EXPECT_EQ(calls(first).name().view(), "00000");
    EXPECT_EQ(calls(second).name().view(), "00002");
    EXPECT_EQ(calls(second).name().kind(), SocketName::Kind::abstract);
}

TEST_F(ConnectionTest, ANodeIsAName) {
    using Tmpfs =
        fs::Tmpfs<fs_test::LockedHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::Clock>;
    Tmpfs disk{heap, world.frames, world.arena, world.clock, 1, {}};
    ASSERT_TRUE(disk.start(Permissions(0777)));
    {
        NewNode node;
        node.type = NodeType::socket;
        auto place = *disk.root()->create("s", node);
        auto empty = *disk.root()->create("t", node);
        auto server = make(Type::stream);
        ASSERT_TRUE(calls(server).begin_binding());
        EXPECT_EQ(calls(server).begin_binding().error(), Errc::invalid_argument);
        EXPECT_EQ(bind(server, "x").error(), Errc::invalid_argument);
        calls(server).cancel_binding();
        ASSERT_TRUE(calls(server).begin_binding());
        calls(server).bind_to_node({SocketName::Kind::path, "/s"}, {}, place);
        EXPECT_EQ(calls(server).begin_binding().error(), Errc::invalid_argument);
        EXPECT_EQ(calls(server).name(), SocketName(SocketName::Kind::path, "/s"));
        ASSERT_TRUE(calls(server).listen(1));
        auto client = make(Type::stream);
        EXPECT_EQ(calls(client).connect({{}, empty}).error(), Errc::connection_refused);
        EXPECT_EQ(calls(make(Type::packets)).connect({{}, place}).error(), Errc::wrong_protocol);
        ASSERT_TRUE(disk.root()->unlink("s", *place));
        ASSERT_TRUE(calls(client).connect({{}, place})) << "who has found the node still may";
        auto connection = *accept(server);
        server.reset();
        EXPECT_EQ(calls(connection).name().view(), "/s");
        EXPECT_EQ(calls(make(Type::stream)).connect({{}, place}).error(), Errc::connection_refused);
    }
    disk.root().reset();
}

TEST_F(ConnectionTest, ABacklogHasAnEnd) {
    auto server = listener("srv", 1);
    auto a = make(Type::stream, true), b = make(Type::stream, true);
    ASSERT_TRUE(connect(a, "srv"));
    ASSERT_TRUE(connect(b, "srv")) << "one more than the backlog, as Linux";
    auto c = make(Type::stream, true);
    EXPECT_EQ(connect(c, "srv").error(), Errc::would_block);
    auto d = make(Type::stream);
    EXPECT_EQ(connect(d, "srv").error(), Errc::interrupted);
    calls(d).set_send_timeout(Duration::milliseconds(1));
    EXPECT_EQ(connect(d, "srv").error(), Errc::would_block);
    meanwhile([&] { EXPECT_TRUE(accept(server)); });
    EXPECT_TRUE(connect(d, "srv"));
    EXPECT_EQ(read(a, 1), "") << "its connection was let go";
    auto e = make(Type::stream);
    meanwhile([&] { server.reset(); });
    EXPECT_EQ(connect(e, "srv").error(), Errc::connection_refused);
    EXPECT_EQ(read(b, 1).error(), Errc::connection_reset) << "nobody accepted it";
    EXPECT_EQ(read(b, 1), "");
    EXPECT_EQ(write(b, "x").error(), Errc::broken_pipe);
}

TEST_F(ConnectionTest, AcceptWaits) {
    auto server = listener("srv");
    auto client = make(Type::stream);
    meanwhile([&] { EXPECT_TRUE(connect(client, "srv")); });
    EXPECT_TRUE(accept(server));
    EXPECT_EQ(accept(server).error(), Errc::interrupted);
    calls(server).set_receive_timeout(Duration::milliseconds(1));
    EXPECT_EQ(accept(server).error(), Errc::would_block);
    calls(server).set_receive_timeout(Duration::longest());
    meanwhile([&] { EXPECT_TRUE(calls(server).shutdown(true, false)); });
    EXPECT_EQ(accept(server).error(), Errc::invalid_argument);
    server->set_non_blocking(true);
    auto other = listener("other");
    other->set_non_blocking(true);
    EXPECT_EQ(accept(other).error(), Errc::would_block);
}

TEST_F(ConnectionTest, AClientMayBeGoneBeforeItIsAccepted) {
    auto server = listener("srv");
    auto client = make(Type::stream);
    ASSERT_TRUE(bind(client, "cli"));
    ASSERT_TRUE(connect(client, "srv"));
    ASSERT_TRUE(write(client, "bye"));
    client.reset();
    SocketName from;
    auto connection = *calls(server).accept(false, from);
    EXPECT_EQ(from.view(), "cli");
    EXPECT_EQ(read(connection, 10), "bye");
    EXPECT_EQ(read(connection, 10), "");
    EXPECT_EQ(write(connection, "x").error(), Errc::broken_pipe);
}

TEST_F(ConnectionTest, PacketsConnectLikeStreams) {
    auto server = listener("srv", 5, Type::packets);
    auto client = make(Type::packets);
    EXPECT_EQ(write(client, "x").error(), Errc::not_connected);
    EXPECT_EQ(read(client, 1).error(), Errc::not_connected);
    EXPECT_EQ(connect(make(Type::stream), "srv").error(), Errc::connection_refused);
    ASSERT_TRUE(connect(client, "srv"));
    auto connection = *accept(server);
    ASSERT_EQ(write(client, "one"), 3U);
    ASSERT_EQ(write(client, ""), 0U);
    ASSERT_EQ(send_to(client, "ignored", "three"), 5U);
    EXPECT_EQ(connection->readable_bytes(), 8U);
    EXPECT_EQ(read(connection, 10), "one");
    EXPECT_EQ(receive(connection, 10), "");
    EXPECT_EQ(read(connection, 2), "th");
    client.reset();
    EXPECT_EQ(read(connection, 10), "");
    EXPECT_EQ(receive(connection, 10, {.non_blocking = true}), "");
    EXPECT_EQ(write(connection, "x").error(), Errc::broken_pipe);
}

TEST_F(ConnectionTest, EveryAllocationMayFail) {
    auto server = listener("srv");
    auto client = make(Type::stream);
    for (std::size_t n = 1;; ++n) {
        heap.fail_at(n);
        const Status connected = connect(client, "srv");
        if (!heap.has_failed()) {
            break;
        }
        EXPECT_EQ(connected.error(), Errc::no_memory);
        EXPECT_FALSE(server->poll(nullptr).readable);
    }
    heap.fail_at(1);
    EXPECT_EQ(accept(server).error(), Errc::no_memory);
    EXPECT_TRUE(server->poll(nullptr).readable) << "the connection waits for a better time";
    EXPECT_TRUE(accept(server));
}

TEST_F(ConnectionTest, SocketsHaveAnEnd) {
    struct : AccountBook {
        void account_gone(UserAccount&) noexcept override {}
    } book;
    UserAccount user(book, 7);
    fs_test::TestCaller::account = &user;
    fs_test::Sockets few{heap,
                         world.frames,
                         world.arena,
                         world.clock,
                         {.bytes = 3 * sizeof(fs_test::Sockets::ThisSocket) - 1}};
    {
        auto p = *few.create_pair(Type::stream, true);
        EXPECT_EQ(few.create(Type::stream, false).error(), Errc::file_table_full);
        EXPECT_EQ(write(p.first, std::string(2000, 'x')).error(), Errc::no_buffers);
        EXPECT_EQ(write(p.first, std::string(200, 'x')), 200U);
        EXPECT_EQ(write(p.first, std::string(700, 'x')).error(), Errc::no_buffers);
        EXPECT_EQ(read(p.second, 5000)->size(), 200U);
        p = {};
        EXPECT_TRUE(few.create(Type::stream, false));
    }
    EXPECT_EQ(user.held(Holding::socket_bytes), 0U);
    fs_test::TestCaller::account = nullptr;
}

}  // namespace
}  // namespace kidney::fs
