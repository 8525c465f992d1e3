/// One call that receives: of a stream what is there and fits, else one message.
#pragma once

#include "fs/socket/socket.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/socket.hpp"
#include "kidney/fs/transfer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::fs {

/// Bytes are copied without the lock. Meanwhile it is this call's turn: nobody else takes the
/// messages that it looks at.
template <class S>
class SocketReceiver {
public:
    using ThisSocket = Socket<S>;
    using Message = SocketMessage<S>;

    SocketReceiver(S& service, ThisSocket& me, const ReceiveRequest& request, ReadBuffer& to,
                   Received& received) noexcept
        : s_(service), me_(me), request_(request), to_(to), received_(received) {
        received_ = Received();
    }

    [[nodiscard]] Status run() noexcept EXCLUDES(s_.lock) {
        return me_.type == SocketType::stream ? stream() : message();
    }

private:
    /// A message, and how much of it this call has peeked at.
    struct Place {
        Message* message = nullptr;
        std::size_t skip = 0;
    };

    [[nodiscard]] Status stream() noexcept EXCLUDES(s_.lock) {
        TRY(begin_stream());
        Status status;
        bool goes_on = true;
        while (goes_on) {
            const Place place = next_piece(status);
            if (place.message == nullptr) {
                break;
            }
            Message& message = *place.message;
            const std::size_t count = std::min(message.left() - place.skip, to_.remaining());
            status = message.copy(s_, message.begin + place.skip, count, to_);
            goes_on = status && end_piece(message, count);
            s_.bury(spent_);
        }
        {
            LockGuard guard(s_.lock);
            s_.end_turn(me_);
        }
        received_.length = received_.size;
        return received_.size > 0 ? Status() : status;
    }
    [[nodiscard]] Status begin_stream() noexcept EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        if (!me_.is_connected()) {
            return fail(Errc::invalid_argument);
        }
        const std::size_t wanted = to_.remaining();
        target_ = request_.wait_all ? wanted : std::min<std::size_t>(me_.low_water, wanted);
        target_ = std::max<std::size_t>(target_, 1);
        deadline_ = S::end_of(me_.receive_timeout);
        received_.wants_identity = me_.passes_identity;
        s_.take_turn(me_);
        return {};
    }
    /// Null: there is no more for this call, and `status` says why if that is an error.
    [[nodiscard]] Place next_piece(Status& status) noexcept EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        for (;;) {
            const Place place = find(request_.peek ? received_.size : 0);
            if (place.message != nullptr) {
                return is_from_same(*place.message) ? place : Place();
            }
            if (received_.size >= target_) {
                return {};
            }
            if (const auto error = std::exchange(me_.error, {})) {
                status = fail(*error);
                return {};
            }
            if (me_.reading_ended) {
                return {};
            }
            status = await_message();
            if (!status) {
                return {};
            }
        }
    }
    [[nodiscard]] Place find(std::size_t skip) noexcept REQUIRES(s_.lock) {
        Message* m = me_.messages.front();
        while (m != nullptr && skip >= m->left()) {
            skip -= m->left();
            m = m->next;
        }
        return {m, skip};
    }
    /// Bytes of two senders are not one answer, where the receiver wants to know who they are.
    [[nodiscard]] bool is_from_same(Message& message) noexcept REQUIRES(s_.lock) {
        if (received_.has_sender) {
            return !received_.wants_identity || message.identity == received_.identity;
        }
        tell_sender(message);
        return true;
    }
    void tell_sender(Message& message) noexcept REQUIRES(s_.lock) {
        received_.has_sender = true;
        received_.sender = message.sender->name;
        received_.identity = message.identity;
    }
    /// True if the call looks for more.
    [[nodiscard]] bool end_piece(Message& message, std::size_t count) noexcept EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        received_.size += count;
        const bool has_files = static_cast<bool>(message.parcel);
        if (request_.peek) {
            received_.files = message.parcel;
            return !has_files && to_.remaining() > 0;
        }
        message.begin += count;
        const bool is_spent = message.left() == 0;
        if (is_spent) {
            me_.messages.pop();
        }
        if (has_files) {
            s_.taken_files(message);
            received_.files = std::move(message.parcel);
        }
        if (is_spent) {
            s_.taken(message);
            spent_.push(message);
        }
        return !has_files && to_.remaining() > 0;
    }

    [[nodiscard]] Status message() noexcept EXCLUDES(s_.lock) {
        Message* const message = TRY(first_message());
        if (message == nullptr) {
            return {};
        }
        const std::size_t count = std::min(message->size, to_.remaining());
        const Status status = message->copy(s_, 0, count, to_);
        if (request_.peek) {
            LockGuard guard(s_.lock);
            s_.end_turn(me_);
        }
        received_.length = message->size;
        received_.size = count;
        s_.bury(spent_);
        return status;
    }
    /// In `spent_`, or still there with the turn if this call only peeks. Null: there will be none.
    [[nodiscard]] Result<Message*> first_message() noexcept EXCLUDES(s_.lock) {
        LockGuard guard(s_.lock);
        if (me_.type == SocketType::packets && !me_.is_connected()) {
            return fail(Errc::not_connected);
        }
        deadline_ = S::end_of(me_.receive_timeout);
        received_.wants_identity = me_.passes_identity;
        s_.take_turn(me_);
        const Status status = await_first();
        Message* const message = status ? me_.messages.front() : nullptr;
        if (message == nullptr) {
            s_.end_turn(me_);
            return status ? Result<Message*>(nullptr) : fail(status.error());
        }
        tell_sender(*message);
        if (request_.peek) {
            received_.files = message->parcel;
            return message;
        }
        me_.messages.pop();
        s_.taken(*message);
        received_.files = std::move(message->parcel);
        spent_.push(*message);
        s_.wake_senders(me_);
        s_.end_turn(me_);
        return message;
    }
    /// With the turn. Afterwards there is a message, or none will come.
    [[nodiscard]] Status await_first() noexcept REQUIRES(s_.lock) {
        for (;;) {
            if (const auto error = std::exchange(me_.error, {})) {
                return fail(*error);
            }
            if (!me_.messages.is_empty()) {
                return {};
            }
            // A datagram may come from others than those who have ended: only who waits is told.
            if (me_.reading_ended && (me_.type == SocketType::packets || !request_.non_blocking)) {
                return {};
            }
            TRY(await_message());
        }
    }

    /// Others have their turn while this call sleeps.
    [[nodiscard]] Status await_message() noexcept REQUIRES(s_.lock) {
        if (request_.non_blocking) {
            return fail(Errc::would_block);
        }
        s_.end_turn(me_);
        const Status woken = s_.wait(me_.readable, deadline_);
        s_.take_turn(me_);
        return woken;
    }

    S& s_;
    ThisSocket& me_;
    const ReceiveRequest& request_;
    ReadBuffer& to_;
    Received& received_;
    SocketMessages<S> spent_{};
    std::size_t target_ = 1;
    Instant deadline_;
};

}  // namespace kidney::fs
