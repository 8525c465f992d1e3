/// Sockets of one thread: a lock that notices when it is taken twice, a queue that does the next
/// step of a script while somebody sleeps, and a caller who is whoever the test says.
#pragma once

#include "fs/socket/socket_service.hpp"
#include "fs/tmpfs/tmpfs.hpp"
#include "tests/support/scripted_queue.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace kidney::fs_test {

class CAPABILITY("lock of one thread") LockOnce {
public:
    void lock() noexcept ACQUIRE() {
        KIDNEY_INVARIANT(!is_held_, "the only thread waits for itself");
        is_held_ = true;
    }
    void unlock() noexcept RELEASE() {
        KIDNEY_INVARIANT(is_held_, "nobody holds it");
        is_held_ = false;
    }

private:
    bool is_held_ = false;
};

using SteppingQueue = test::ScriptedQueue<LockOnce>;

/// Who makes the calls of a test.
struct TestCaller {
    static inline UserAccount* account = nullptr;
    static inline fs::SocketIdentity real{}, effective{};
    static inline std::uint64_t in_flight = 1024;

    static Payer payer() noexcept {
        return account == nullptr ? Payer() : Payer{Ref<UserAccount>::share(*account), false};
    }
    static fs::SocketIdentity real_identity() noexcept { return real; }
    static fs::SocketIdentity effective_identity() noexcept { return effective; }
    static std::uint64_t most_in_flight() noexcept { return in_flight; }
    static Instant now() noexcept { return Instant(1000); }
};

using Sockets = fs::SocketService<LockedHeap, Frames, sim::RamArena, LockOnce, SteppingQueue,
                                  NullLock, Clock, TestCaller>;

/// Counts wakes.
struct CountingWaiter final : fs::PollWaiter {
    CountingWaiter() : PollWaiter(entries) {}
    ~CountingWaiter() { leave_all(); }
    void wake() noexcept override { ++wakes; }
    std::array<fs::PollEntry, 4> entries;
    int wakes = 0;
};

/// A file of which one wants to know that it is gone.
struct Witness final : fs::File {
    explicit Witness(int& ended) : File({.read = true}), ended_(ended) {}
    Result<fs::Attributes> attributes() noexcept override { return fs::Attributes(); }
    void dispose() noexcept override {
        ++ended_;
        delete this;
    }
    static Ref<fs::File> make(int& ended) { return Ref<fs::File>::adopt(new Witness(ended)); }

private:
    int& ended_;
};

struct SocketTest : testing::Test {
    using File = fs::File;
    using Type = fs::SocketType;
    using FileRef = Ref<fs::File>;

    World world{512};
    LockedHeap heap;
    Sockets sockets{heap, world.frames, world.arena, world.clock};

    void SetUp() override {
        SteppingQueue::steps.clear();
        TestCaller::account = nullptr;
        TestCaller::real = {.pid = 7, .uid = 100, .gid = 200};
        TestCaller::effective = {.pid = 7, .uid = 101, .gid = 201};
        TestCaller::in_flight = 1024;
    }
    void TearDown() override {
        EXPECT_TRUE(SteppingQueue::steps.empty()) << "nobody has slept so often";
        EXPECT_EQ(sockets.sockets_in_flight(), 0U);
        EXPECT_EQ(heap.used_bytes(), 0U);
        EXPECT_TRUE(world.is_clean());
    }

    FileRef make(Type type, bool non_blocking = false) {
        return *sockets.create(type, non_blocking);
    }
    fs::SocketPair pair(Type type = Type::stream, bool non_blocking = false) {
        return *sockets.create_pair(type, non_blocking);
    }
    static fs::SocketCalls& calls(const FileRef& file) { return *file->socket(); }
    static fs::SocketTarget abstract(std::string_view name) {
        return {fs::SocketName(fs::SocketName::Kind::abstract, name), {}};
    }
    static Status bind(const FileRef& file, std::string_view name) {
        return calls(file).bind_abstract(abstract(name).name);
    }
    static Status connect(const FileRef& file, std::string_view name) {
        return calls(file).connect(abstract(name));
    }
    static Result<FileRef> accept(const FileRef& file) {
        fs::SocketName from;
        return calls(file).accept(false, from);
    }
    FileRef listener(std::string_view name, std::uint32_t backlog = 5, Type type = Type::stream) {
        FileRef made = make(type);
        EXPECT_TRUE(bind(made, name));
        EXPECT_TRUE(calls(made).listen(backlog));
        return made;
    }
    static Result<std::size_t> write(const FileRef& file, std::string_view text) {
        fs::SpanWriteBuffer from(std::as_bytes(std::span(text)));
        return file->write(from);
    }
    static Result<std::string> read(const FileRef& file, std::size_t most) {
        std::string text(most, '?');
        fs::SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        text.resize(TRY(file->read(to)));
        return text;
    }
    static Result<std::size_t> send(const FileRef& file, std::string_view text,
                                    fs::SendRequest request) {
        fs::SpanWriteBuffer from(std::as_bytes(std::span(text)));
        return calls(file).send(request, from);
    }
    static Result<std::size_t> send_to(const FileRef& file, std::string_view name,
                                       std::string_view text, bool non_blocking = false) {
        const fs::SocketTarget target = abstract(name);
        return send(file, text, {.to = &target, .non_blocking = non_blocking});
    }
    static Result<std::string> receive(const FileRef& file, std::size_t most,
                                       const fs::ReceiveRequest& request, fs::Received& received) {
        std::string text(most, '?');
        fs::SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        TRY(calls(file).receive(request, to, received));
        text.resize(received.size);
        return text;
    }
    static Result<std::string> receive(const FileRef& file, std::size_t most,
                                       const fs::ReceiveRequest& request = {}) {
        fs::Received received;
        return receive(file, most, request, received);
    }
    Ref<fs::FileParcel> parcel(std::initializer_list<FileRef> files) {
        auto made = *sockets.make_parcel(static_cast<std::uint32_t>(files.size()));
        for (const FileRef& file : files) {
            made->add(file);
        }
        return made;
    }
    static Result<std::size_t> send_files(const FileRef& to, Ref<fs::FileParcel> files,
                                          std::string_view text = "f") {
        return send(to, text, {.files = std::move(files)});
    }
    /// What happens while the next call sleeps.
    static void meanwhile(std::function<void()> step) {
        SteppingQueue::steps.push_back(std::move(step));
    }
};

}  // namespace kidney::fs_test
