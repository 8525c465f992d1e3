/// An open socket: `File` and `SocketCalls` over the state of one.
#pragma once

#include "fs/socket/connections.hpp"
#include "fs/socket/receiving.hpp"
#include "fs/socket/sending.hpp"
#include "fs/socket/socket.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/poll.hpp"
#include "kidney/fs/socket.hpp"
#include "kidney/mm/make.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// Its last reference closes the socket. Concurrency: any thread.
template <class S>
class SocketFile final : public File, public SocketCalls {
public:
    using ThisSocket = Socket<S>;

    SocketFile(S& service, Ref<ThisSocket> socket, const SocketIdentity& maker, std::uint32_t inode,
               bool non_blocking) noexcept
        : File({.read = true, .write = true, .non_blocking = non_blocking}),
          s_(service),
          socket_(std::move(socket)),
          inode_(inode) {
        own_.inode = inode;
        own_.type = NodeType::socket;
        own_.permissions = Permissions(0777);
        own_.uid = maker.uid;
        own_.gid = maker.gid;
        own_.block_size = page_size;
        own_.accessed = own_.modified = own_.changed = service.now();
    }

    // File.
    [[nodiscard]] Result<std::size_t> read(ReadBuffer& to) noexcept override {
        if (to.remaining() == 0) {
            return 0U;
        }
        Received received;
        TRY(receive({.non_blocking = is_non_blocking()}, to, received));
        return received.size;
    }
    [[nodiscard]] Result<std::size_t> write(WriteBuffer& from) noexcept override {
        SendRequest request{.non_blocking = is_non_blocking()};
        return send(request, from);
    }
    [[nodiscard]] Result<std::uint32_t> readable_bytes() noexcept override EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        return is_listening() ? Result<std::uint32_t>(fail(Errc::invalid_argument))
                              : Result<std::uint32_t>(socket_->unread());
    }
    [[nodiscard]] Readiness poll(PollWaiter* waiter) noexcept override EXCLUDES(s_.lock) {
        socket_->poll.enter(waiter);
        LockGuard guard(s_.lock);
        ThisSocket& me = *socket_;
        Readiness ready;
        ready.error = me.error.has_value();
        ready.hung_up = (me.reading_ended && me.writing_ended) ||
                        (!me.is_datagram() && me.state == SocketState::idle);
        ready.peer_closed = me.reading_ended;
        ready.readable = me.reading_ended || !me.messages.is_empty() || me.first_waiting != nullptr;
        ready.writable = me.is_writable();
        if (ready.writable && me.type != SocketType::stream && me.peer &&
            me.peer->peer.get() != &me && me.peer->is_full()) {
            me.peer->has_refused_sender = true;
            ready.writable = false;
        }
        return ready;
    }
    [[nodiscard]] SocketCalls* socket() noexcept override { return this; }
    [[nodiscard]] std::string_view label() const noexcept override { return "socket:"; }
    [[nodiscard]] Result<Attributes> attributes() noexcept override EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        return own_;
    }
    [[nodiscard]] Status set_attributes(const AttributeChange& change) noexcept override
        EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        own_.permissions = change.permissions.value_or(own_.permissions);
        own_.uid = change.uid.value_or(own_.uid);
        own_.gid = change.gid.value_or(own_.gid);
        own_.accessed = change.accessed.value_or(own_.accessed);
        own_.modified = change.modified.value_or(own_.modified);
        own_.changed = s_.now();
        return {};
    }
    [[nodiscard]] FileSystemStatus file_system_status() noexcept override {
        constexpr std::uint32_t sockets = 0x534F'434B;
        return {.magic = sockets};
    }
    void dispose() noexcept override {
        S& service = s_;
        connections().close();
        mm::destroy(service.heap(), this);
    }

    // SocketCalls: names and connections.
    [[nodiscard]] SocketType type() const noexcept override { return socket_->type; }
    [[nodiscard]] Status begin_binding() noexcept override { return connections().begin_binding(); }
    void cancel_binding() noexcept override { connections().cancel_binding(); }
    void bind_to_node(const SocketName& name, Ref<Mount> mount, Ref<Vnode> node) noexcept override {
        connections().bind_to_node(name, std::move(mount), std::move(node));
    }
    [[nodiscard]] Status bind_abstract(const SocketName& name) noexcept override {
        return connections().bind_abstract(name);
    }
    [[nodiscard]] Status bind_anywhere() noexcept override { return connections().bind_anywhere(); }
    [[nodiscard]] SocketName name() noexcept override EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        return socket_->name;
    }
    [[nodiscard]] Result<SocketName> peer_name() noexcept override EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        return socket_->peer ? Result<SocketName>(socket_->peer->name) : fail(Errc::not_connected);
    }
    [[nodiscard]] Status listen(std::uint32_t backlog) noexcept override {
        return connections().listen(backlog);
    }
    [[nodiscard]] Status connect(const SocketTarget& to) noexcept override {
        return connections().connect(to, is_non_blocking());
    }
    [[nodiscard]] Status disconnect() noexcept override { return connections().disconnect(); }
    [[nodiscard]] Result<Ref<File>> accept(bool non_blocking, SocketName& from) noexcept override {
        return connections().accept(!is_non_blocking(), non_blocking, from);
    }
    [[nodiscard]] Status shutdown(bool reading, bool writing) noexcept override {
        return connections().shutdown(reading, writing);
    }

    // SocketCalls: data.
    [[nodiscard]] Result<std::size_t> send(SendRequest& request,
                                           WriteBuffer& from) noexcept override {
        return SocketSender<S>(s_, *socket_, request, from).run();
    }
    [[nodiscard]] Status receive(const ReceiveRequest& request, ReadBuffer& to,
                                 Received& received) noexcept override {
        return SocketReceiver<S>(s_, *socket_, request, to, received).run();
    }

    // SocketCalls: options.
    [[nodiscard]] SocketFacts facts() noexcept override EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        const ThisSocket& me = *socket_;
        return {.is_listening = is_listening(),
                .passes_identity = me.passes_identity,
                .send_limit = me.send_limit,
                .receive_limit = me.receive_limit,
                .low_water = me.low_water,
                .send_timeout = me.send_timeout,
                .receive_timeout = me.receive_timeout,
                .peer = me.peer_identity,
                .unread = me.unread(),
                .unsent = me.sent};
    }
    [[nodiscard]] Status take_error() noexcept override EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        const auto error = std::exchange(socket_->error, {});
        return error ? Status(fail(*error)) : Status();
    }
    void set_passes_identity(bool on) noexcept override { set(&ThisSocket::passes_identity, on); }
    void set_send_limit(std::uint32_t bytes) noexcept override EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        socket_->send_limit = bytes;
        socket_->wake_writers();
    }
    void set_receive_limit(std::uint32_t bytes) noexcept override {
        set(&ThisSocket::receive_limit, bytes);
    }
    void set_low_water(std::uint32_t bytes) noexcept override {
        set(&ThisSocket::low_water, bytes);
    }
    void set_send_timeout(Duration timeout) noexcept override {
        set(&ThisSocket::send_timeout, timeout);
    }
    void set_receive_timeout(Duration timeout) noexcept override {
        set(&ThisSocket::receive_timeout, timeout);
    }

    // For the service.
    [[nodiscard]] ThisSocket& socket_of_file() noexcept { return *socket_; }
    [[nodiscard]] std::uint32_t inode() const noexcept { return inode_; }

private:
    [[nodiscard]] SocketConnections<S> connections() noexcept { return {s_, *socket_}; }
    [[nodiscard]] bool is_listening() const noexcept REQUIRES(s_.lock) {
        return socket_->state == SocketState::listening;
    }
    template <class T>
    void set(T ThisSocket::* member, T value) noexcept EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        (*socket_).*member = value;
    }

    S& s_;
    const Ref<ThisSocket> socket_;
    const std::uint32_t inode_;
    Attributes own_ GUARDED_BY(s_.lock);
};

}  // namespace kidney::fs
