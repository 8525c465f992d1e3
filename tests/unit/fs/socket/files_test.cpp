/// Files and identities in messages; and the rings that they can make.
#include "tests/unit/fs/socket/socket_world.hpp"

#include <string>
#include <vector>

namespace kidney::fs {
namespace {

using fs_test::Witness;

struct FilesInFlight : fs_test::SocketTest {
    int ended = 0;
    FileRef witness() { return Witness::make(ended); }
};

TEST_F(FilesInFlight, ArriveWithTheirByte) {
    auto p = pair();
    ASSERT_TRUE(write(p.first, "ab"));
    ASSERT_TRUE(send_files(p.first, parcel({witness(), witness()}), "cd"));
    ASSERT_TRUE(write(p.first, "ef"));
    EXPECT_EQ(ended, 0);
    Received received;
    EXPECT_EQ(receive(p.second, 1, {}, received), "a");
    EXPECT_FALSE(received.files);
    EXPECT_EQ(receive(p.second, 2, {}, received), "bc");
    ASSERT_TRUE(received.files);
    EXPECT_EQ(received.files->files().size(), 2U);
    received.files.reset();
    EXPECT_EQ(ended, 2);
    Received rest;
    EXPECT_EQ(receive(p.second, 10, {}, rest), "def");
    EXPECT_FALSE(rest.files);
}

TEST_F(FilesInFlight, EndAnAnswer) {
    auto p = pair();
    ASSERT_TRUE(send_files(p.first, parcel({witness()}), "ab"));
    ASSERT_TRUE(write(p.first, "cd"));
    EXPECT_EQ(read(p.second, 10), "ab") << "bytes behind files are another answer";
    EXPECT_EQ(ended, 1) << "who reads without asking for files loses them";
    EXPECT_EQ(read(p.second, 10), "cd");
}

TEST_F(FilesInFlight, CanBePeekedAt) {
    for (const Type type : {Type::stream, Type::datagram}) {
        ended = 0;
        auto p = pair(type);
        ASSERT_TRUE(send_files(p.first, parcel({witness()}), "x"));
        Received peeked, received;
        EXPECT_EQ(receive(p.second, 1, {.peek = true}, peeked), "x");
        ASSERT_TRUE(peeked.files);
        EXPECT_EQ(receive(p.second, 1, {}, received), "x");
        EXPECT_EQ(received.files, peeked.files);
        received.files.reset();
        EXPECT_EQ(ended, 0);
        peeked.files.reset();
        EXPECT_EQ(ended, 1);
    }
}

TEST_F(FilesInFlight, EndWithTheSocket) {
    auto p = pair(Type::datagram);
    ASSERT_TRUE(send_files(p.first, parcel({witness()})));
    p.first.reset();
    EXPECT_EQ(ended, 0);
    p.second.reset();
    EXPECT_EQ(ended, 1);
}

TEST_F(FilesInFlight, StayWithTheSenderWhenSendingFails) {
    auto p = pair();
    p.second.reset();
    EXPECT_EQ(send_files(p.first, parcel({witness()})).error(), Errc::broken_pipe);
    EXPECT_EQ(ended, 1);
    p = pair();
    heap.fail_at(2);  // behind the parcel
    EXPECT_EQ(send_files(p.first, parcel({witness()})).error(), Errc::no_memory);
    EXPECT_EQ(ended, 2);
    heap.fail_at(1);
    EXPECT_EQ(sockets.make_parcel(1).error(), Errc::no_memory);
}

TEST_F(FilesInFlight, HaveAnEnd) {
    struct : AccountBook {
        void account_gone(UserAccount&) noexcept override {}
    } book;
    UserAccount user(book, 7);
    fs_test::TestCaller::account = &user;
    fs_test::TestCaller::in_flight = 4;
    {
        auto p = pair();
        for (int n = 0; n < 3; ++n) {
            ASSERT_TRUE(send_files(p.first, parcel({witness(), witness()})));
        }
        EXPECT_EQ(user.held(Holding::files_in_flight), 6U) << "the last may go beyond the limit";
        EXPECT_EQ(sockets.make_parcel(1).error(), Errc::too_many_in_flight);
        EXPECT_EQ(read(p.second, 1), "f");
        EXPECT_EQ(user.held(Holding::files_in_flight), 4U);
        EXPECT_TRUE(sockets.make_parcel(1));
    }
    EXPECT_EQ(user.held(Holding::files_in_flight), 0U);
    EXPECT_EQ(user.held(Holding::socket_bytes), 0U);
    fs_test::TestCaller::account = nullptr;
}

TEST_F(FilesInFlight, ASocketSentOverItselfEnds) {
    auto p = pair();
    ASSERT_TRUE(send_files(p.first, parcel({p.second, witness()})));
    EXPECT_EQ(sockets.sockets_in_flight(), 1U);
    p.second.reset();
    EXPECT_EQ(ended, 0) << "the other end could be sent to somebody who receives it";
    p.first.reset();
    EXPECT_EQ(ended, 1);
    EXPECT_EQ(heap.used_bytes(), 0U);
}

TEST_F(FilesInFlight, ARingEnds) {
    auto a = pair(Type::datagram), b = pair();
    ASSERT_TRUE(send_files(a.first, parcel({b.second, witness()})));
    ASSERT_TRUE(send_files(b.first, parcel({a.second, witness()})));
    a.first.reset();
    b.first.reset();
    a.second.reset();
    EXPECT_EQ(ended, 0);
    b.second.reset();
    EXPECT_EQ(ended, 0) << "nobody has closed a socket since";
    make(Type::stream).reset();
    EXPECT_EQ(ended, 2);
}

TEST_F(FilesInFlight, AConnectionInARingEnds) {
    auto server = listener("srv");
    auto client = make(Type::stream);
    ASSERT_TRUE(connect(client, "srv"));
    ASSERT_TRUE(send_files(client, parcel({server, witness()})));
    server.reset();
    make(Type::stream).reset();
    EXPECT_EQ(ended, 1) << "nobody can accept it";
    EXPECT_EQ(read(client, 1).error(), Errc::connection_reset);
}

TEST_F(FilesInFlight, WhatCanBeReceivedStays) {
    auto p = pair(), q = pair();
    ASSERT_TRUE(send_files(q.first, parcel({witness()}), "deep"));
    ASSERT_TRUE(send_files(p.first, parcel({q.second})));
    q.second.reset();
    q.first.reset();
    auto server = listener("srv");
    auto client = make(Type::stream);
    ASSERT_TRUE(connect(client, "srv"));
    ASSERT_TRUE(send_files(client, parcel({client})));
    make(Type::stream).reset();
    EXPECT_EQ(ended, 0);
    Received received;
    EXPECT_EQ(receive(p.second, 1, {}, received), "f");
    auto inner = received.files->files().front();
    received.files.reset();
    make(Type::stream).reset();
    EXPECT_EQ(ended, 0);
    EXPECT_EQ(read(inner, 10), "deep");
    EXPECT_EQ(ended, 1);
    auto connection = *accept(server);
    EXPECT_EQ(read(connection, 1), "f");
}

TEST_F(FilesInFlight, ALongChainTakesLittleOfAStack) {
    constexpr int links = 5000;
    auto last = pair(Type::datagram);
    ASSERT_TRUE(send_files(last.first, parcel({witness()})));
    FileRef inner = last.second;
    last = {};
    for (int n = 0; n < links; ++n) {
        auto p = pair(Type::datagram);
        ASSERT_TRUE(send_files(p.first, parcel({inner})));
        inner = p.second;
    }
    EXPECT_EQ(sockets.sockets_in_flight(), static_cast<unsigned>(links));
    inner.reset();
    EXPECT_EQ(ended, 1);
    EXPECT_EQ(heap.used_bytes(), 0U);
}

TEST_F(FilesInFlight, MuchGarbageIsNotAwaited) {
    for (int n = 0; n < 250; ++n) {
        auto p = pair(Type::datagram);
        ASSERT_TRUE(send_files(p.first, parcel({p.second, witness()})));
        ASSERT_TRUE(send_files(p.second, parcel({p.first, witness()})));
        EXPECT_LE(sockets.sockets_in_flight(), 66U) << "no socket has ended, and yet";
    }
    for (int n = 0; n < 8; ++n) {
        make(Type::stream).reset();
    }
    EXPECT_EQ(ended, 500);
}

TEST_F(FilesInFlight, IdentitiesComeToWhoAsksInTime) {
    auto p = pair();
    Received received;
    ASSERT_TRUE(write(p.first, "a"));
    EXPECT_EQ(receive(p.second, 1, {}, received), "a");
    EXPECT_FALSE(received.wants_identity);
    EXPECT_FALSE(received.identity);
    ASSERT_TRUE(write(p.first, "b"));
    calls(p.second).set_passes_identity(true);
    ASSERT_TRUE(write(p.first, "c"));
    fs_test::TestCaller::real = {.pid = 8, .uid = 1, .gid = 2};
    ASSERT_TRUE(write(p.first, "d"));
    ASSERT_TRUE(write(p.first, "e"));
    ASSERT_TRUE(send(p.first, "f", {.as = SocketIdentity{.pid = 9, .uid = 3, .gid = 4}}));
    const auto next = [&] {
        received = {};
        return receive(p.second, 10, {}, received);
    };
    EXPECT_EQ(next(), "b") << "two senders are two answers";
    EXPECT_TRUE(received.wants_identity);
    EXPECT_FALSE(received.identity);
    EXPECT_EQ(next(), "c");
    EXPECT_EQ(received.identity->pid, 7);
    EXPECT_EQ(received.identity->uid, 100U) << "the real one";
    EXPECT_EQ(next(), "de");
    EXPECT_EQ(received.identity->pid, 8);
    EXPECT_EQ(next(), "f");
    EXPECT_EQ(received.identity->gid, 4U);
}

TEST_F(FilesInFlight, WhoPassesIdentitiesGetsAName) {
    auto server = listener("srv");
    calls(server).set_passes_identity(true);
    auto client = make(Type::stream);
    calls(client).set_passes_identity(true);
    ASSERT_TRUE(connect(client, "srv"));
    EXPECT_EQ(calls(client).name().kind(), SocketName::Kind::abstract);
    EXPECT_TRUE(calls(*accept(server)).facts().passes_identity) << "as its listener";
}

}  // namespace
}  // namespace kidney::fs
