/// Names and connections: bind, listen, connect, accept, shutdown, close.
#pragma once

#include "fs/socket/socket.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/socket.hpp"
#include "kidney/mm/make.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// The calls on one socket that is open. Concurrency: any thread.
template <class S>
class SocketConnections {
public:
    using ThisSocket = Socket<S>;
    using Caller = typename S::CallerType;
    using Messages = SocketMessages<S>;

    SocketConnections(S& service, ThisSocket& me) noexcept : s_(service), me_(me) {}

    // Names.
    [[nodiscard]] Status begin_binding() noexcept EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        return begin_binding_locked();
    }
    void cancel_binding() noexcept EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        me_.is_binding = false;
    }
    void bind_to_node(const SocketName& name, Ref<Mount> mount, Ref<Vnode> node) noexcept
        EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        me_.mount = std::move(mount);
        me_.node = std::move(node);
        bind(name);
    }
    [[nodiscard]] Status bind_abstract(const SocketName& name) noexcept EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        TRY(begin_binding_locked());
        if (s_.names.find(name.view(), me_.type) != nullptr) {
            me_.is_binding = false;
            return fail(Errc::address_in_use);
        }
        bind(name);
        return {};
    }
    [[nodiscard]] Status bind_anywhere() noexcept EXCLUDES(s_.lock) {
        constexpr std::uint32_t names = 1U << 20;
        LockGuard guard(s_.lock);
        if (me_.name.kind() != SocketName::Kind::none) {
            return {};
        }
        TRY(begin_binding_locked());
        for (std::uint32_t n = 0; n < names; ++n) {
            const SocketName name = numbered(s_.next_name++ % names);
            if (s_.names.find(name.view(), me_.type) == nullptr) {
                bind(name);
                return {};
            }
        }
        me_.is_binding = false;
        return fail(Errc::no_space);
    }
    /// Who wants to be told who sends can be answered.
    [[nodiscard]] Status bind_if_passing() noexcept EXCLUDES(s_.lock) {
        {
            LockGuard guard(s_.lock);
            if (!me_.passes_identity) {
                return {};
            }
        }
        return bind_anywhere();
    }

    // Connections.
    [[nodiscard]] Status listen(std::uint32_t backlog) noexcept EXCLUDES(s_.lock) {
        const SocketIdentity listener = Caller::effective_identity();
        LockGuard guard(s_.lock);
        if (me_.is_datagram()) {
            return fail(Errc::not_supported);
        }
        if (me_.name.kind() == SocketName::Kind::none || me_.is_connected()) {
            return fail(Errc::invalid_argument);
        }
        me_.backlog = backlog;
        me_.state = SocketState::listening;
        me_.peer_identity = listener;
        me_.peers.wake_all();
        return {};
    }
    [[nodiscard]] Status connect(const SocketTarget& to, bool non_blocking) noexcept
        EXCLUDES(s_.lock) {
        TRY(bind_if_passing());
        return me_.is_datagram() ? connect_datagrams(to) : connect_stream(to, non_blocking);
    }
    [[nodiscard]] Status disconnect() noexcept EXCLUDES(s_.lock) {
        if (!me_.is_datagram()) {
            return fail(Errc::invalid_argument);
        }
        Messages lost;
        {
            LockGuard guard(s_.lock);
            me_.state = SocketState::idle;
            leave_peer(s_, me_, lost);
        }
        s_.bury(lost);
        return {};
    }
    [[nodiscard]] Result<Ref<File>> accept(bool listener_waits, bool non_blocking,
                                           SocketName& from) noexcept EXCLUDES(s_.lock) {
        using ThisFile = typename S::ThisFile;
        // The connection is taken last of all that can fail.
        void* const memory = TRY(mm::allocate_for<ThisFile>(s_.heap()));
        auto taken = take_connection(listener_waits, from);
        if (!taken) {
            mm::free_for<ThisFile>(s_.heap(), memory);
            return fail(taken.error());
        }
        return s_.open(memory, std::move(*taken), non_blocking);
    }
    [[nodiscard]] Status shutdown(bool reading, bool writing) noexcept EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        if (me_.peer && !me_.is_datagram()) {
            me_.peer->end(writing, reading);
        }
        me_.end(reading, writing);
        me_.peers.wake_all();
        return {};
    }
    /// Its file is gone.
    void close() noexcept EXCLUDES(s_.lock) {
        Messages lost;
        Ref<Mount> mount;
        Ref<Vnode> node;
        {
            LockGuard guard(s_.lock);
            mount = std::move(me_.mount);
            close_locked(me_, false, lost);
            node = std::move(me_.node);
            while (Ref<ThisSocket> embryo = me_.pop_waiting()) {
                close_locked(*embryo, true, lost);
            }
        }
        s_.bury(lost);
        s_.collect_garbage_after_end();
    }

    /// Who has that name. Errors: connection_refused, wrong_protocol.
    [[nodiscard]] static Result<Ref<ThisSocket>> find(S& service, SocketType type,
                                                      const SocketTarget& to) noexcept
        REQUIRES(service.lock) {
        ThisSocket* const found =
            to.node ? service.names.find(*to.node) : service.names.find(to.name.view(), type);
        if (found == nullptr) {
            return fail(Errc::connection_refused);
        }
        if (found->type != type) {
            return fail(Errc::wrong_protocol);
        }
        return Ref<ThisSocket>::share(*found);
    }
    /// A datagram socket has no peer any more; what is unread was from it, and is lost.
    static void leave_peer(S& service, ThisSocket& socket, Messages& lost) noexcept
        REQUIRES(service.lock) {
        const Ref<ThisSocket> old = std::move(socket.peer);
        if (!old) {
            return;
        }
        service.take_turn(socket);
        if (!socket.messages.is_empty()) {
            take_all(service, socket, lost);
            service.wake_senders(socket);
            if (!old->is_closed && old->peer.get() == &socket) {
                old->error = Errc::connection_reset;
                old->wake_everybody();
            }
        }
        service.end_turn(socket);
    }

private:
    [[nodiscard]] Status begin_binding_locked() noexcept REQUIRES(s_.lock) {
        if (me_.is_binding || me_.name.kind() != SocketName::Kind::none) {
            return fail(Errc::invalid_argument);
        }
        me_.is_binding = true;
        return {};
    }
    void bind(const SocketName& name) noexcept REQUIRES(s_.lock) {
        me_.is_binding = false;
        me_.name = name;
        s_.names.insert(me_);
    }
    /// Five digits.
    [[nodiscard]] static SocketName numbered(std::uint32_t number) noexcept {
        std::array<char, 5> text{};
        for (std::size_t n = text.size(); n-- > 0; number >>= 4) {
            text[n] = "0123456789abcdef"[number & 0xf];
        }
        return {SocketName::Kind::abstract, {text.data(), text.size()}};
    }

    [[nodiscard]] Status connect_datagrams(const SocketTarget& to) noexcept EXCLUDES(s_.lock) {
        Messages lost;
        {
            LockGuard guard(s_.lock);
            const Ref<ThisSocket> other = TRY(find(s_, me_.type, to));
            if (!other->takes_from(me_)) {
                return fail(Errc::not_permitted);
            }
            if (me_.peer && me_.peer != other) {
                leave_peer(s_, me_, lost);
            }
            me_.peer = other;
            me_.state = SocketState::connected;
            me_.wake_writers();
        }
        s_.bury(lost);
        return {};
    }
    [[nodiscard]] Status connect_stream(const SocketTarget& to, bool non_blocking) noexcept
        EXCLUDES(s_.lock) {
        const SocketIdentity caller = Caller::effective_identity();
        Ref<ThisSocket> embryo = TRY(s_.make_socket(me_.type));
        LockGuard guard(s_.lock);
        const Status ready = await_listener(to, non_blocking, *embryo, caller);
        if (!ready) {
            s_.forget(*embryo);  // nobody has seen it
            embryo->is_closed = true;
        }
        return ready;
    }
    /// Connects as soon as there is room.
    [[nodiscard]] Status await_listener(const SocketTarget& to, bool non_blocking,
                                        ThisSocket& embryo, const SocketIdentity& caller) noexcept
        REQUIRES(s_.lock) {
        const Instant deadline = S::end_of(me_.send_timeout);
        for (;;) {
            const Ref<ThisSocket> listener = TRY(find(s_, me_.type, to));
            if (listener->state != SocketState::listening || listener->reading_ended) {
                return fail(Errc::connection_refused);
            }
            if (listener->is_full()) {
                if (non_blocking) {
                    return fail(Errc::would_block);
                }
                TRY(s_.wait(listener->peers, deadline));
                continue;
            }
            if (me_.state != SocketState::idle) {
                return fail(me_.is_connected() ? Errc::is_connected : Errc::invalid_argument);
            }
            embryo.peer = Ref<ThisSocket>::share(me_);
            embryo.peer_identity = caller;
            embryo.name = listener->name;
            embryo.state = SocketState::connected;
            me_.peer = Ref<ThisSocket>::share(embryo);
            me_.peer_identity = listener->peer_identity;
            me_.state = SocketState::connected;
            me_.wake_writers();
            listener->push_waiting(Ref<ThisSocket>::share(embryo));
            listener->wake_readers();
            return {};
        }
    }
    [[nodiscard]] Result<Ref<ThisSocket>> take_connection(bool waits, SocketName& from) noexcept
        EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        if (me_.is_datagram()) {
            return fail(Errc::not_supported);
        }
        if (me_.state != SocketState::listening) {
            return fail(Errc::invalid_argument);
        }
        const Instant deadline = S::end_of(me_.receive_timeout);
        while (me_.first_waiting == nullptr) {
            if (me_.reading_ended) {
                return fail(Errc::invalid_argument);
            }
            if (!waits) {
                return fail(Errc::would_block);
            }
            TRY(s_.wait(me_.readable, deadline));
        }
        Ref<ThisSocket> connection = me_.pop_waiting();
        connection->is_accepted = true;
        connection->passes_identity = me_.passes_identity;
        me_.peers.wake_all();
        from = connection->peer->name;
        return connection;
    }

    static void take_all(S& service, ThisSocket& socket, Messages& lost) noexcept
        REQUIRES(service.lock) {
        while (!socket.messages.is_empty()) {
            auto& message = socket.messages.pop();
            service.taken(message);
            lost.push(message);
        }
    }
    void close_locked(ThisSocket& socket, bool is_embryo, Messages& lost) noexcept
        REQUIRES(s_.lock) {
        s_.names.remove(socket);
        s_.forget(socket);
        socket.file = nullptr;
        socket.is_closed = true;
        socket.state = SocketState::idle;
        if (const Ref<ThisSocket> peer = std::move(socket.peer);
            peer && !socket.is_datagram() && peer->peer.get() == &socket) {
            if (is_embryo || !socket.messages.is_empty()) {
                peer->error = Errc::connection_reset;
            }
            peer->end(true, true);
        }
        take_all(s_, socket, lost);
        s_.wake_senders(socket);
    }

    S& s_;
    ThisSocket& me_;
};

}  // namespace kidney::fs
