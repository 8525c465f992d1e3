/// The state of one socket. What happens to it is in connections.hpp, sending.hpp and
/// receiving.hpp.
#pragma once

#include "fs/poll_list.hpp"
#include "fs/socket/message.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/user_account.hpp"
#include "kidney/fs/socket.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace kidney::fs {

enum class SocketState : std::uint8_t { idle, listening, connected };

/// An end of a connection, or a place that datagrams come to. It outlives its file as long as
/// somebody has it as a peer, or has not received what it sent; what it then still says is its
/// name. `S` is a SocketService, whose lock guards all that is not const.
template <class S>
class Socket final : public RefCounted {
public:
    using Queue = typename S::QueueType;
    using Message = SocketMessage<S>;

    static constexpr std::uint32_t default_buffer = 180'224;
    static constexpr std::uint32_t default_backlog = 10;  ///< of datagrams: max_dgram_qlen

    Socket(S& owner, SocketType its_type, Payer who_pays, Share own_memory) noexcept
        : service(owner),
          type(its_type),
          payer(std::move(who_pays)),
          share(std::move(own_memory)) {}

    // As it is.
    [[nodiscard]] bool is_datagram() const noexcept { return type == SocketType::datagram; }
    [[nodiscard]] bool is_connected() const noexcept { return state == SocketState::connected; }
    /// Who sends waits for memory below the limit, and poll() for three quarters of it.
    [[nodiscard]] bool may_send_more() const noexcept { return sent < send_limit; }
    [[nodiscard]] bool is_writable() const noexcept {
        return state != SocketState::listening && sent <= send_limit / 4;
    }
    /// No more connections, or datagrams of those whom it does not answer alone.
    [[nodiscard]] bool is_full() const noexcept {
        return (state == SocketState::listening ? waiting_count : messages.count()) > backlog;
    }
    [[nodiscard]] bool takes_from(const Socket& other) const noexcept {
        return !peer || peer.get() == &other;
    }
    /// Bytes that a receiver would find: of datagrams those of the first.
    [[nodiscard]] std::uint32_t unread() const noexcept {
        std::size_t sum = 0;
        for (const Message* m = messages.front(); m != nullptr; m = m->next) {
            sum += m->left();
            if (is_datagram()) {
                break;
            }
        }
        return static_cast<std::uint32_t>(sum);
    }

    // Who waits hears of a change.
    void wake_readers() noexcept {
        readable.wake_all();
        poll.notify({.readable = true});
    }
    void wake_writers() noexcept {
        writable.wake_all();
        poll.notify();
    }
    void wake_everybody() noexcept {
        readable.wake_all();
        wake_writers();
    }
    /// Memory of what it sent is free again.
    void settle(std::uint32_t cost) noexcept {
        const bool could_send = may_send_more();
        const bool was_writable = is_writable();
        sent -= cost;
        if (!could_send && may_send_more()) {
            writable.wake_all();
        }
        if (!was_writable && is_writable()) {
            poll.notify({.writable = true});
        }
    }
    /// The other end of its connection is gone, or will not read or write any more.
    void end(bool reading, bool writing) noexcept {
        reading_ended |= reading;
        writing_ended |= writing;
        wake_everybody();
    }

    // Embryos: connected to this listening socket, and not accepted yet.
    void push_waiting(Ref<Socket> embryo) noexcept {
        Socket* const raw = embryo.detach();
        (last_waiting == nullptr ? first_waiting : last_waiting->next_waiting) = raw;
        last_waiting = raw;
        ++waiting_count;
    }
    [[nodiscard]] Ref<Socket> pop_waiting() noexcept {
        Socket* const raw = first_waiting;
        if (raw != nullptr) {
            first_waiting = std::exchange(raw->next_waiting, nullptr);
            last_waiting = first_waiting == nullptr ? nullptr : last_waiting;
            --waiting_count;
        }
        return Ref<Socket>::adopt(raw);
    }

    /// No lock is needed, and any may be held: all that could sleep was let go before.
    void dispose() noexcept {
        S& owner = service;
        mm::destroy(owner.heap(), this);
    }

    S& service;
    const SocketType type;
    const Payer payer;
    const Share share;

    SocketState state = SocketState::idle;
    bool is_closed = false;  ///< nobody has it open; names and connections are gone
    bool reading_ended = false, writing_ended = false;
    bool passes_identity = false;
    bool is_being_read = false;       ///< somebody looks at the first messages without the lock
    bool has_refused_sender = false;  ///< who polls its peer to send must hear of room here
    std::optional<Errc> error{};
    File* file = nullptr;      ///< null: an embryo, or closed
    bool is_accepted = false;  ///< an embryo whose file is being made
    Ref<Socket> peer{};
    std::optional<SocketIdentity> peer_identity{};

    // Names: SocketNames.
    SocketName name{};
    bool is_binding = false;
    Ref<Mount> mount{};
    Ref<Vnode> node{};
    Socket* next_named = nullptr;
    std::uint32_t bucket = 0;

    SocketMessages<S> messages{};
    std::uint32_t sent = 0;  ///< memory of its messages that are not received yet
    std::uint32_t send_limit = default_buffer;
    std::uint32_t receive_limit = default_buffer;
    std::uint32_t low_water = 1;
    Duration send_timeout = Duration::longest(), receive_timeout = Duration::longest();

    std::uint32_t backlog = default_backlog;
    std::uint32_t waiting_count = 0;
    Socket* first_waiting = nullptr;
    Socket* last_waiting = nullptr;
    Socket* next_waiting = nullptr;

    // In the service's list of all that are not closed.
    Socket* next = nullptr;
    Socket** place = nullptr;

    // Garbage: SocketGarbage.
    std::uint32_t in_flight = 0;  ///< how often its file lies in a message
    bool is_reached = false;
    Socket* next_reached = nullptr;

    Queue readable{};  ///< messages or connections have come, or none will
    Queue writable{};  ///< its own messages have been received, or will not be
    Queue peers{};     ///< of those who want to connect or send a datagram to it, for room
    Queue turn{};      ///< of those who want to read
    PollList<typename S::PollLockType> poll{};
};

}  // namespace kidney::fs
