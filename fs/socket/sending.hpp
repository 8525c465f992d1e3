/// One call that sends: a stream piece by piece, a message as a whole.
#pragma once

#include "fs/socket/connections.hpp"
#include "fs/socket/socket.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/socket.hpp"
#include "kidney/fs/transfer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::fs {

/// Memory is booked on the sender under the lock first, then had and filled without it, then the
/// message is put into the receiver's queue, if that is still there.
template <class S>
class SocketSender {
public:
    using ThisSocket = Socket<S>;
    using Message = SocketMessage<S>;
    using Connections = SocketConnections<S>;

    SocketSender(S& service, ThisSocket& me, SendRequest& request, WriteBuffer& from) noexcept
        : s_(service),
          me_(me),
          request_(request),
          from_(from),
          who_(request.as ? *request.as : S::CallerType::real_identity()) {}

    [[nodiscard]] Result<std::size_t> run() noexcept EXCLUDES(s_.lock) {
        if (request_.files) {
            s_.collect_garbage_if_much();
        }
        return me_.type == SocketType::stream ? stream() : message();
    }

private:
    static constexpr std::size_t overhead = 64;  ///< as Linux: a piece leaves so much of a half
    static constexpr std::size_t message_overhead = 32;

    [[nodiscard]] Result<std::size_t> stream() noexcept EXCLUDES(s_.lock) {
        const std::size_t most = TRY(begin_stream());
        std::size_t done = 0;
        Status status;
        while (status && from_.remaining() > 0) {
            const std::size_t count = std::min(from_.remaining(), most);
            const Result<Message*> made = prepare(count);
            status = made ? put_into_stream(**made) : Status(fail(made.error()));
            done += status ? count : 0;
        }
        return transferred(done, status);
    }
    /// Returns how large a piece may be.
    [[nodiscard]] Result<std::size_t> begin_stream() noexcept EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        if (request_.to != nullptr) {
            return fail(me_.is_connected() ? Errc::is_connected : Errc::not_supported);
        }
        if (!me_.peer) {
            return fail(Errc::not_connected);
        }
        if (me_.writing_ended) {
            return fail(Errc::broken_pipe);
        }
        deadline_ = S::end_of(me_.send_timeout);
        return me_.send_limit / 2 - overhead;
    }
    [[nodiscard]] Status put_into_stream(Message& message) noexcept EXCLUDES(s_.lock) {
        {
            LockGuard guard(s_.lock);
            ThisSocket& other = *me_.peer;
            if (!other.is_closed && !other.reading_ended) {
                put(other, message);
                return {};
            }
        }
        s_.bury(message);
        return fail(Errc::broken_pipe);
    }

    [[nodiscard]] Result<std::size_t> message() noexcept EXCLUDES(s_.lock) {
        if (me_.type == SocketType::packets) {
            request_.to = nullptr;
        }
        const std::size_t size = from_.remaining();
        TRY(Connections(s_, me_).bind_if_passing());
        TRY(begin_message(size));
        Message& made = *TRY(prepare(size));
        SocketMessages<S> lost;
        const Status status = put_into_queue(made, lost);
        if (!status) {
            lost.push(made);
        }
        s_.bury(lost);
        return status ? Result<std::size_t>(size) : fail(status.error());
    }
    [[nodiscard]] Status begin_message(std::size_t size) noexcept EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        if (me_.type == SocketType::packets && !me_.is_connected()) {
            return fail(Errc::not_connected);
        }
        if (request_.to == nullptr && !me_.peer) {
            return fail(Errc::not_connected);
        }
        if (size > me_.send_limit - message_overhead) {
            return fail(Errc::message_too_long);
        }
        deadline_ = S::end_of(me_.send_timeout);
        return {};
    }
    [[nodiscard]] Status put_into_queue(Message& message, SocketMessages<S>& lost) noexcept
        EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        for (;;) {
            if (request_.to == nullptr && !me_.peer) {
                return fail(Errc::connection_reset);  // another thread has disconnected it
            }
            const Ref<ThisSocket> other = request_.to != nullptr
                                              ? TRY(Connections::find(s_, me_.type, *request_.to))
                                              : me_.peer;
            if (!other->takes_from(me_)) {
                return fail(Errc::not_permitted);
            }
            if (other->is_closed) {
                if (!me_.is_datagram()) {
                    return fail(Errc::broken_pipe);
                }
                me_.state = SocketState::idle;
                Connections::leave_peer(s_, me_, lost);
                return fail(Errc::connection_refused);
            }
            if (other->reading_ended) {
                return fail(Errc::broken_pipe);
            }
            // Who can be answered by this one only is stopped by its own limit.
            if (other.get() == &me_ || other->peer.get() == &me_ || !other->is_full()) {
                put(*other, message);
                return {};
            }
            if (request_.non_blocking) {
                other->has_refused_sender = true;
                return fail(Errc::would_block);
            }
            TRY(s_.wait(other->peers, deadline_));
        }
    }

    void put(ThisSocket& other, Message& message) noexcept REQUIRES(s_.lock) {
        if (request_.as || me_.passes_identity || other.passes_identity || other.file == nullptr) {
            message.identity = who_;
        }
        message.parcel = std::move(request_.files);  // with the first piece
        s_.put(other, message);
    }
    /// A message with its bytes, booked on the sender. Errors: would_block, interrupted,
    /// broken_pipe, connection_reset, no_memory, no_buffers, bad_address.
    [[nodiscard]] Result<Message*> prepare(std::size_t size) noexcept EXCLUDES(s_.lock) {
        const std::uint32_t cost = Message::cost_of(size);
        TRY(await_memory(cost));
        const Result<Message*> made = Message::create(s_, size);
        if (!made) {
            LockGuard guard(s_.lock);
            me_.settle(cost);
            return made;
        }
        Message& message = **made;
        message.sender = Ref<ThisSocket>::share(me_);
        message.cost = cost;
        Status status;
        if (!message.share.take(me_.payer, Holding::socket_bytes, cost, s_.limits().bytes)) {
            status = fail(Errc::no_buffers);
        } else {
            status = message.fill(s_, from_);
        }
        if (!status) {
            s_.bury(message);
            return fail(status.error());
        }
        return &message;
    }
    /// Waits until what is on its way is less than the limit.
    [[nodiscard]] Status await_memory(std::uint32_t cost) noexcept EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        for (;;) {
            if (const auto error = std::exchange(me_.error, {})) {
                return fail(*error);
            }
            if (me_.writing_ended) {
                return fail(Errc::broken_pipe);
            }
            if (me_.may_send_more()) {
                me_.sent += cost;
                return {};
            }
            if (request_.non_blocking) {
                return fail(Errc::would_block);
            }
            TRY(s_.wait(me_.writable, deadline_));
        }
    }

    S& s_;
    ThisSocket& me_;
    SendRequest& request_;
    WriteBuffer& from_;
    const SocketIdentity who_;
    Instant deadline_;
};

}  // namespace kidney::fs
