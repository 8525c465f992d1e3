/// Sockets through every interleaving of two or three threads: who waits is woken by what it waits
/// for and by its end, nothing is lost between two, and nothing stays behind.
#include "fs/socket/socket_service.hpp"
#include "sched/sync/mutex.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sched/sync/wait_queue.hpp"
#include "sim/explorer.hpp"
#include "tests/support/expect_all_pass.hpp"
#include "tests/support/explored_threads.hpp"
#include "tests/unit/fs/socket/socket_world.hpp"

#include <gtest/gtest.h>

#include <string>

namespace kidney::test {
namespace {

using sim::require;
using Threads = ExploredThreads<>;
constexpr LockRank sockets_rank{27, "sockets"};
constexpr LockRank poll_rank{61, "poll"};
using Sockets = fs::SocketService<fakes::FakeHeap, fs_test::Frames, sim::RamArena,
                                  sched::Mutex<sockets_rank, Threads>, sched::WaitQueue<Threads>,
                                  sched::SpinLock<poll_rank, sim::ExploredCpu>, fs_test::Clock,
                                  fs_test::TestCaller>;
using FileRef = Ref<fs::File>;
using Type = fs::SocketType;

struct World {
    World() {
        Threads::reset();
        fs_test::TestCaller::account = nullptr;
    }
    [[nodiscard]] static fs::SocketCalls& calls(const FileRef& file) { return *file->socket(); }
    static Result<std::size_t> send(const FileRef& file, std::string_view text,
                                    fs::SendRequest request = {}) {
        fs::SpanWriteBuffer from(std::as_bytes(std::span(text)));
        return calls(file).send(request, from);
    }
    static Result<std::size_t> receive(const FileRef& file, fs::Received& received,
                                       const fs::ReceiveRequest& request = {}) {
        std::array<std::byte, 8> room;
        fs::SpanReadBuffer to(room);
        TRY(calls(file).receive(request, to, received));
        return received.size;
    }
    static Result<std::size_t> receive(const FileRef& file) {
        fs::Received received;
        return receive(file, received);
    }
    FileRef listener(std::uint32_t backlog) {
        FileRef made = *sockets.create(Type::stream, false);
        require(calls(made).bind_abstract(target.name).has_value(), "a name");
        require(calls(made).listen(backlog).has_value(), "a listener");
        return made;
    }
    void check_nothing_is_left() {
        require(sockets.sockets_in_flight() == 0, "a socket is still in flight");
        require(heap.used_bytes() == 0, "something was left");
    }

    sim::RamArena arena{4};
    fs_test::Frames frames{arena};
    fakes::FakeHeap heap;
    fs_test::Clock clock;
    Sockets sockets{heap, frames, arena, clock};
    const fs::SocketTarget target{{fs::SocketName::Kind::abstract, "x"}, {}};
};

/// One sends, the other closes: the byte is lost, or there was nobody to send it to.
template <Type Kind>
struct SendAgainstClose : World {
    static constexpr std::size_t threads = 2;
    fs::SocketPair ends = *sockets.create_pair(Kind, false);
    Result<std::size_t> sent = 0U;
    void run(std::size_t thread) {
        if (thread == 0) {
            sent = send(ends.first, "x");
        } else {
            ends.second.reset();
        }
    }
    void check() {
        const Errc refusal = Kind == Type::datagram ? Errc::connection_refused : Errc::broken_pipe;
        require(sent || sent.error() == refusal, "another error");
        require(calls(ends.first).facts().unsent == 0, "the byte lies nowhere and is booked");
        ends = {};
        check_nothing_is_left();
    }
};

/// The sender waits for room; who closes, or reads, lets it go on.
template <bool Closes>
struct FullSendAgainst : World {
    static constexpr std::size_t threads = 2;
    fs::SocketPair ends = *sockets.create_pair(Type::stream, false);
    Result<std::size_t> sent = 0U;
    FullSendAgainst() {
        calls(ends.first).set_send_limit(2 * 64 + 2);  // pieces of a byte, one at a time
        while (send(ends.first, "a", {.non_blocking = true})) {
        }
    }
    void run(std::size_t thread) {
        if (thread == 0) {
            sent = send(ends.first, "b");
        } else if (Closes) {
            ends.second.reset();
        } else {
            require(receive(ends.second).has_value(), "bytes");
        }
    }
    void check() {
        require(Closes ? !sent.has_value() : sent == 1U, "not what the other did");
        ends = {};
        check_nothing_is_left();
    }
};

/// Two read what one writes: each byte comes once, and then the end.
struct TwoReaders : World {
    static constexpr std::size_t threads = 3;
    fs::SocketPair ends = *sockets.create_pair(Type::stream, false);
    std::size_t got[2] = {};
    void run(std::size_t thread) {
        if (thread == 2) {
            require(send(ends.first, "ab").has_value(), "two bytes");
            ends.first.reset();
        } else {
            got[thread] = receive(ends.second).value_or(9);
        }
    }
    void check() {
        require(got[0] + got[1] == 2, "a byte was lost, or came twice");
        ends = {};
        check_nothing_is_left();
    }
};

/// accept() waits while a client comes, or the listener is shut down.
template <bool Connects>
struct AcceptAgainst : World {
    static constexpr std::size_t threads = 2;
    FileRef server = listener(1);
    FileRef client = *sockets.create(Type::stream, false);
    Result<FileRef> accepted = FileRef();
    void run(std::size_t thread) {
        if (thread == 0) {
            fs::SocketName from;
            accepted = calls(server).accept(false, from);
        } else if (Connects) {
            require(calls(client).connect(target).has_value(), "nobody listens");
        } else {
            require(calls(server).shutdown(true, false).has_value(), "no shutdown");
        }
    }
    void check() {
        require(accepted.has_value() == Connects, "not what the other did");
        accepted = FileRef();
        server.reset();
        client.reset();
        check_nothing_is_left();
    }
};

/// connect() waits for room in the backlog while the listener closes, or accepts.
template <bool Closes>
struct ConnectAgainst : World {
    static constexpr std::size_t threads = 2;
    FileRef server = listener(0);
    FileRef first = *sockets.create(Type::stream, false);
    FileRef second = *sockets.create(Type::stream, false);
    Status connected;
    ConnectAgainst() { require(calls(first).connect(target).has_value(), "the only place"); }
    void run(std::size_t thread) {
        if (thread == 0) {
            connected = calls(second).connect(target);
        } else if (Closes) {
            server.reset();
        } else {
            fs::SocketName from;
            require(calls(server).accept(false, from).has_value(), "the first");
        }
    }
    void check() {
        require(Closes ? connected.error() == Errc::connection_refused : connected.has_value(),
                "not what the other did");
        server.reset();
        first.reset();
        second.reset();
        check_nothing_is_left();
    }
};

/// Garbage is collected while a socket in flight is received: what lies in it stays.
struct GarbageAgainstReceive : World {
    static constexpr std::size_t threads = 2;
    fs::SocketPair outer = *sockets.create_pair(Type::datagram, false);
    FileRef other = *sockets.create(Type::stream, false);
    Result<std::size_t> deep = 0U;
    GarbageAgainstReceive() {
        fs::SocketPair inner = *sockets.create_pair(Type::datagram, false);
        pass(inner.first, outer.second, "in");  // it would be found empty
        pass(outer.first, inner.second, "out");
    }
    void pass(const FileRef& to, const FileRef& file, std::string_view text) {
        auto parcel = *sockets.make_parcel(1);
        parcel->add(file);
        require(send(to, text, {.files = std::move(parcel)}).has_value(), "a file is sent");
    }
    void run(std::size_t thread) {
        if (thread == 1) {
            other.reset();  // looks for garbage
            return;
        }
        fs::Received received, inner;
        require(receive(outer.second, received) == 3U, "the outer message");
        require(static_cast<bool>(received.files), "a socket");
        deep = receive(received.files->files().front(), inner);
        require(static_cast<bool>(inner.files), "its file is gone");
    }
    void check() {
        require(deep == 2U, "its message is gone");
        outer = {};
        check_nothing_is_left();
    }
};

/// Both ends of a ring close at once.
struct RingAgainstItself : World {
    static constexpr std::size_t threads = 2;
    fs::SocketPair ends = *sockets.create_pair(Type::datagram, false);
    RingAgainstItself() {
        for (const bool first : {true, false}) {
            auto parcel = *sockets.make_parcel(1);
            parcel->add(first ? ends.second : ends.first);
            require(send(first ? ends.first : ends.second, "x", {.files = std::move(parcel)})
                        .has_value(),
                    "a file is sent");
        }
    }
    void run(std::size_t thread) { (thread == 0 ? ends.first : ends.second).reset(); }
    void check() {
        sockets.create(Type::stream, false)->reset();
        check_nothing_is_left();
    }
};

TEST(SocketExploration, SendAgainstClose) {
    expect_all_pass<SendAgainstClose<Type::stream>>(3);
    expect_all_pass<SendAgainstClose<Type::datagram>>(3);
    expect_all_pass<SendAgainstClose<Type::packets>>(2);
}
TEST(SocketExploration, FullSend) {
    expect_all_pass<FullSendAgainst<true>>(3);
    expect_all_pass<FullSendAgainst<false>>(3);
}
TEST(SocketExploration, TwoReaders) {
    expect_all_pass<TwoReaders>(1);
}
TEST(SocketExploration, Accept) {
    expect_all_pass<AcceptAgainst<true>>(2);
    expect_all_pass<AcceptAgainst<false>>(3);
}
TEST(SocketExploration, Connect) {
    expect_all_pass<ConnectAgainst<true>>(2);
    expect_all_pass<ConnectAgainst<false>>(2);
}
TEST(SocketExploration, Garbage) {
    expect_all_pass<GarbageAgainstReceive>(2);
    expect_all_pass<RingAgainstItself>(3);
}

}  // namespace
}  // namespace kidney::test
