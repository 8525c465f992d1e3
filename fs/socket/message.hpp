/// What one socket has sent to another and nobody has received yet.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/user_account.hpp"
#include "kidney/fs/socket.hpp"
#include "kidney/fs/transfer.hpp"
#include "kidney/hal/phys_map.hpp"
#include "kidney/mm/frame_service.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <utility>

namespace kidney::fs {

template <class S>
class Socket;

/// A datagram, or a part of a stream. Few bytes stand behind the object, many in pages whose
/// numbers stand there. `S` is a SocketService. Nobody but its owner sees it before it is in a
/// queue and after it has left; while it is in one, the service's lock guards all but the bytes.
template <class S>
class SocketMessage {
public:
    static constexpr std::size_t most_behind = 1024;

    [[nodiscard]] static constexpr std::size_t pages_for(std::size_t size) noexcept {
        return size <= most_behind ? 0 : (size + page_size - 1) >> page_shift;
    }
    /// Bytes of memory that a message of `size` bytes takes.
    [[nodiscard]] static constexpr std::uint32_t cost_of(std::size_t size) noexcept {
        return static_cast<std::uint32_t>(object_bytes(size) + (pages_for(size) << page_shift));
    }

    /// Its bytes are not set yet. Errors: no_memory.
    [[nodiscard]] static Result<SocketMessage*> create(S& service, std::size_t size) noexcept {
        void* const memory = TRY(service.heap().allocate(object_bytes(size)));
        auto* const made = ::new (memory) SocketMessage(size);
        for (std::size_t n = 0; n < pages_for(size); ++n) {
            const auto frame = service.frames().allocate(mm::FrameZone::direct);
            if (!frame) {
                destroy(service, made);
                return fail(frame.error());
            }
            ::new (made->numbers() + made->pages_++) FrameNumber(*frame);
        }
        return made;
    }
    /// Also lets go of the files that it carries: without a lock, if there are any.
    static void destroy(S& service, SocketMessage* message) noexcept {
        for (std::uint32_t n = 0; n < message->pages_; ++n) {
            service.frames().release(message->numbers()[n]);
        }
        const std::size_t bytes = object_bytes(message->size);
        message->~SocketMessage();
        service.heap().free(message, bytes);
    }

    [[nodiscard]] std::size_t left() const noexcept { return size - begin; }
    /// Error: bad_address.
    [[nodiscard]] Status fill(S& service, WriteBuffer& from) noexcept {
        for (std::size_t at = 0; at < size;) {
            const std::span<std::byte> piece = bytes_from(service, at, size);
            TRY(from.take(piece));
            at += piece.size();
        }
        return {};
    }
    /// The bytes from `at` (in the message as it was sent), at most `count`. Error: bad_address.
    [[nodiscard]] Status copy(S& service, std::size_t at, std::size_t count,
                              ReadBuffer& to) noexcept {
        for (const std::size_t end = at + count; at < end;) {
            const std::span<std::byte> piece = bytes_from(service, at, end);
            TRY(to.put(piece));
            at += piece.size();
        }
        return {};
    }

    const std::size_t size;
    std::size_t begin = 0;   ///< bytes that have been received: of a stream
    std::uint32_t cost = 0;  ///< booked on the sender
    Ref<Socket<S>> sender{};
    std::optional<SocketIdentity> identity{};
    Ref<FileParcel> parcel{};
    Share share{};
    SocketMessage* next = nullptr;

private:
    explicit SocketMessage(std::size_t bytes) noexcept : size(bytes) {}
    ~SocketMessage() = default;

    [[nodiscard]] static constexpr std::size_t object_bytes(std::size_t size) noexcept {
        return sizeof(SocketMessage) +
               (pages_for(size) == 0 ? size : pages_for(size) * sizeof(FrameNumber));
    }
    [[nodiscard]] FrameNumber* numbers() noexcept {
        return reinterpret_cast<FrameNumber*>(this + 1);
    }
    /// As many as lie together, from `at` and before `end`.
    [[nodiscard]] std::span<std::byte> bytes_from(S& service, std::size_t at,
                                                  std::size_t end) noexcept {
        if (pages_ == 0) {
            return {reinterpret_cast<std::byte*>(this + 1) + at, end - at};
        }
        const std::size_t offset = at % page_size;
        const std::size_t count = std::min<std::size_t>(page_size - offset, end - at);
        return service.map().direct(numbers()[at >> page_shift]).subspan(offset, count);
    }

    std::uint32_t pages_ = 0;
};

/// Messages in the order in which they were sent.
template <class S>
class SocketMessages {
public:
    using Message = SocketMessage<S>;

    SocketMessages() noexcept = default;
    SocketMessages(SocketMessages&& other) noexcept
        : first_(std::exchange(other.first_, nullptr)),
          last_(std::exchange(other.last_, nullptr)),
          count_(std::exchange(other.count_, 0)) {}
    SocketMessages& operator=(SocketMessages&&) = delete;
    ~SocketMessages() { KIDNEY_ASSERT(first_ == nullptr); }

    [[nodiscard]] bool is_empty() const noexcept { return first_ == nullptr; }
    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
    [[nodiscard]] Message* front() const noexcept { return first_; }
    void push(Message& message) noexcept {
        message.next = nullptr;
        (last_ == nullptr ? first_ : last_->next) = &message;
        last_ = &message;
        ++count_;
    }
    /// There is one.
    Message& pop() noexcept {
        Message& message = *first_;
        first_ = message.next;
        last_ = first_ == nullptr ? nullptr : last_;
        --count_;
        message.next = nullptr;
        return message;
    }

private:
    Message* first_ = nullptr;
    Message* last_ = nullptr;
    std::uint32_t count_ = 0;
};

/// A parcel; the files stand behind it.
template <class S>
class SocketParcel final : public FileParcel {
public:
    /// `share`: of files in flight, one for each.
    [[nodiscard]] static Result<Ref<FileParcel>> create(S& service, std::uint32_t capacity,
                                                        Share share) noexcept {
        void* const memory = TRY(service.heap().allocate(bytes_for(capacity)));
        return Ref<FileParcel>::adopt(::new (memory)
                                          SocketParcel(service, capacity, std::move(share)));
    }
    [[nodiscard]] std::span<Ref<File>> files() noexcept override { return {first(), count_}; }
    void add(Ref<File> file) noexcept override {
        KIDNEY_ASSERT(count_ < capacity_);
        ::new (first() + count_++) Ref<File>(std::move(file));
    }
    void dispose() noexcept override {
        for (Ref<File>& file : files()) {
            file.~Ref<File>();
        }
        S& service = service_;
        const std::size_t bytes = bytes_for(capacity_);
        this->~SocketParcel();
        service.heap().free(this, bytes);
    }

private:
    SocketParcel(S& service, std::uint32_t capacity, Share share) noexcept
        : service_(service), capacity_(capacity), share_(std::move(share)) {}
    ~SocketParcel() = default;

    [[nodiscard]] static constexpr std::size_t bytes_for(std::uint32_t capacity) noexcept {
        return sizeof(SocketParcel) + capacity * sizeof(Ref<File>);
    }
    [[nodiscard]] Ref<File>* first() noexcept { return reinterpret_cast<Ref<File>*>(this + 1); }

    S& service_;
    const std::uint32_t capacity_;
    std::uint32_t count_ = 0;
    Share share_;
};

}  // namespace kidney::fs
