/// Message queues: msgget, msgsnd, msgrcv, msgctl.
#pragma once

#include "ipc/id_table.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

namespace kidney::ipc {

inline constexpr std::size_t longest_message = 8192;         ///< MSGMAX
inline constexpr std::uint32_t default_queue_bytes = 16384;  ///< MSGMNB

/// Which message a receiver takes.
struct MessageWish {
    std::int32_t type = 0;  ///< 0 the first, n > 0 the first of type n, n < 0 the lowest up to -n
    bool others = false;    ///< MSG_EXCEPT: the first that is not of that type
    bool copy = false;      ///< MSG_COPY: leave it there; `type` is its position
    bool cut = false;       ///< MSG_NOERROR: what is too long loses its end
    bool no_wait = false;
};

/// What msgctl(IPC_STAT) tells.
struct MessageQueueFacts {
    Permission permission;
    std::int32_t id = 0;
    std::int64_t sent = 0, received = 0, changed = 0;
    std::uint32_t bytes = 0, messages = 0, most_bytes = 0;
    std::int32_t last_sender = 0, last_receiver = 0;
};

/// A message; its bytes follow in memory.
struct Message {
    Message* next = nullptr;
    std::int32_t type = 0;
    std::uint32_t size = 0;

    [[nodiscard]] std::span<std::byte> bytes() noexcept {
        return {reinterpret_cast<std::byte*>(this + 1), size};
    }
};

/// `Lock` may sleep; `Queue` is where threads wait. Concurrency: any thread. Errors of all calls
/// with an id: invalid_argument (no such queue), permission_denied.
template <mm::ObjectAllocator Heap, BasicLockable Lock, class Queue, std::size_t Capacity>
class MessageQueues {
public:
    static constexpr std::size_t capacity = Capacity;

    explicit MessageQueues(Heap& heap) noexcept : heap_(heap) {}
    MessageQueues(const MessageQueues&) = delete;
    MessageQueues& operator=(const MessageQueues&) = delete;
    ~MessageQueues() KIDNEY_NO_TSA("last owner")
    {
        table_.for_each([this](MessageQueue& queue) { destroy(&queue); });
    }

    /// A message for send(), or one from receive(): its owner is the caller.
    [[nodiscard]] Result<Message*> make_message(std::uint32_t size) noexcept {
        auto* const message = ::new (TRY(heap_.allocate(sizeof(Message) + size))) Message;
        message->size = size;
        return message;
    }
    void destroy_message(Message* message) noexcept {
        heap_.free(message, sizeof(Message) + message->size);
    }

    /// msgget(2). Errors: not_found, exists, permission_denied, no_space, no_memory.
    [[nodiscard]] Result<std::int32_t> get(const Request& request, const Caller& who) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const auto any = [](const MessageQueue&) { return Status(); };
        if (const MessageQueue* const queue = TRY(table_.find_requested(request, who, any))) {
            return queue->id;
        }
        if (table_.is_full()) {
            return fail(Errc::no_space);
        }
        auto* const queue = ::new (TRY(heap_.allocate(sizeof(MessageQueue)))) MessageQueue;
        queue->permission = Permission::of_new(request.key, request.mode, who);
        queue->changed = who.now;
        table_.insert(*queue);
        return queue->id;
    }

    /// msgsnd(2). Takes the message over if it succeeds. Errors: would_block (`no_wait`),
    /// interrupted, identifier_removed.
    [[nodiscard]] Status send(std::int32_t id, Message& message, bool no_wait,
                              const Caller& who) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        MessageQueue* queue = TRY(table_.find(id));
        for (;;) {
            TRY(queue->permission.check(who, Access::write));
            if (queue->has_room(message.size)) {
                break;
            }
            if (no_wait) {
                return fail(Errc::would_block);
            }
            const Status woken = changed_.wait(lock_, {.interruptible = true});
            queue = TRY(table_.find_again(id));
            TRY(Status(woken));
        }
        queue->append(message);
        queue->sent = who.now;
        queue->last_sender = who.pid;
        changed_.wake_all();
        return {};
    }

    /// msgrcv(2): a message of at most `room` bytes (or one that the caller cuts), which the caller
    /// destroys. Errors: no_message (`no_wait`), argument_list_long (it is longer), interrupted,
    /// identifier_removed, no_memory (`copy`).
    [[nodiscard]] Result<Message*> receive(std::int32_t id, std::size_t room,
                                           const MessageWish& wish, const Caller& who) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        MessageQueue* queue = TRY(table_.find(id));
        for (;;) {
            TRY(queue->permission.check(who, Access::read));
            if (Message** const found = queue->find(wish)) {
                if ((*found)->size > room && !wish.cut) {
                    return fail(Errc::argument_list_long);
                }
                if (wish.copy) {
                    return copy_of(**found);
                }
                queue->received = who.now;
                queue->last_receiver = who.pid;
                Message& taken = queue->take(found);
                changed_.wake_all();
                return &taken;
            }
            if (wish.no_wait) {
                return fail(Errc::no_message);
            }
            const Status woken = changed_.wait(lock_, {.interruptible = true});
            queue = TRY(table_.find_again(id));
            TRY(Status(woken));
        }
    }

    // --- msgctl(2) ---

    [[nodiscard]] Result<MessageQueueFacts> facts(std::int32_t id, const Caller& who) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return facts_of(*TRY(table_.find(id, who, Access::read)));
    }
    /// By place: for MSG_STAT.
    [[nodiscard]] Result<MessageQueueFacts> facts_at(std::uint32_t place, const Caller& who,
                                                     bool checks) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return facts_of(*TRY(table_.find_at(place, who, checks)));
    }
    /// Error: not_permitted, also for more bytes than the default without privilege.
    [[nodiscard]] Status change(std::int32_t id, std::uint32_t uid, std::uint32_t gid,
                                std::uint32_t mode, std::uint32_t most_bytes,
                                const Caller& who) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        MessageQueue& queue = *TRY(table_.find_owned(id, who));
        if (most_bytes > default_queue_bytes && !who.is_privileged) {
            return fail(Errc::not_permitted);
        }
        queue.permission.change(uid, gid, mode);
        queue.most_bytes = most_bytes;
        queue.changed = who.now;
        changed_.wake_all();
        return {};
    }
    /// Whoever waits gets identifier_removed. Error: not_permitted.
    [[nodiscard]] Status remove(std::int32_t id, const Caller& who) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        MessageQueue& queue = *TRY(table_.find_owned(id, who));
        table_.erase(queue);
        destroy(&queue);
        changed_.wake_all();
        return {};
    }
    struct Usage {
        std::size_t queues = 0, messages = 0, bytes = 0, highest = 0;
    };
    [[nodiscard]] Usage usage() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Usage sum{.queues = table_.count(), .highest = table_.highest()};
        table_.for_each([&](const MessageQueue& queue) {
            sum.messages += queue.count;
            sum.bytes += queue.bytes;
        });
        return sum;
    }

private:
    struct MessageQueue {
        Permission permission;
        std::int32_t id = 0;
        std::int64_t sent = 0, received = 0, changed = 0;
        std::uint32_t bytes = 0, count = 0, most_bytes = default_queue_bytes;
        std::int32_t last_sender = 0, last_receiver = 0;
        Message* first = nullptr;
        Message** end = &first;

        /// Empty messages count as well, or there would be no end of them.
        [[nodiscard]] bool has_room(std::uint32_t size) const noexcept {
            return size <= most_bytes && bytes <= most_bytes - size && count < most_bytes;
        }
        void append(Message& message) noexcept {
            message.next = nullptr;
            *end = &message;
            end = &message.next;
            bytes += message.size;
            ++count;
        }
        [[nodiscard]] Message& take(Message** at) noexcept {
            Message& taken = **at;
            *at = taken.next;
            if (end == &taken.next) {
                end = at;
            }
            bytes -= taken.size;
            --count;
            return taken;
        }
        /// Where the message hangs that the wish means; null: none yet.
        [[nodiscard]] Message** find(const MessageWish& wish) noexcept {
            Message** best = nullptr;
            std::int32_t position = 0;
            for (Message** at = &first; *at != nullptr; at = &(*at)->next) {
                const std::int32_t type = (*at)->type;
                const bool fits = wish.copy       ? position++ == wish.type
                                  : wish.others   ? type != wish.type
                                  : wish.type > 0 ? type == wish.type
                                                  : wish.type == 0 || -type >= wish.type;
                if (fits && (wish.type >= 0 || wish.others)) {
                    return at;
                }
                if (fits && (best == nullptr || type < (*best)->type)) {
                    best = at;
                }
            }
            return best;
        }
    };

    void destroy(MessageQueue* queue) noexcept {
        while (queue->first != nullptr) {
            destroy_message(&queue->take(&queue->first));
        }
        heap_.free(queue, sizeof(MessageQueue));
    }
    [[nodiscard]] Result<Message*> copy_of(Message& message) noexcept {
        Message* const copy = TRY(make_message(message.size));
        copy->type = message.type;
        std::ranges::copy(message.bytes(), copy->bytes().begin());
        return copy;
    }
    [[nodiscard]] static MessageQueueFacts facts_of(const MessageQueue& queue) noexcept {
        return {queue.permission,  queue.id,           queue.sent,  queue.received,
                queue.changed,     queue.bytes,        queue.count, queue.most_bytes,
                queue.last_sender, queue.last_receiver};
    }

    Heap& heap_;
    Lock lock_;
    IdTable<MessageQueue, Capacity> table_ GUARDED_BY(lock_);
    Queue changed_;
};

}  // namespace kidney::ipc
