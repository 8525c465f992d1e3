/// Makes sockets, and is what they have in common: the lock, names, memory, files in flight.
///
/// One lock guards the state of all sockets. It is held for moments only: memory is had, bytes are
/// copied and files end without it. docs/decisions/0044 says why there is one.
#pragma once

#include "fs/socket/garbage.hpp"
#include "fs/socket/message.hpp"
#include "fs/socket/names.hpp"
#include "fs/socket/socket.hpp"
#include "fs/socket/socket_file.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/user_account.hpp"
#include "kidney/fs/file_clock.hpp"
#include "kidney/fs/socket.hpp"
#include "kidney/hal/phys_map.hpp"
#include "kidney/mm/frame_service.hpp"
#include "kidney/mm/make.hpp"
#include "kidney/mm/object_allocator.hpp"
#include "kidney/sched/waiting.hpp"

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

namespace kidney::fs {

/// Who makes a call, as sockets ask for it. Called without a lock.
template <class C>
concept SocketCaller = requires {
    { C::payer() } noexcept -> std::same_as<Payer>;
    { C::real_identity() } noexcept -> std::same_as<SocketIdentity>;
    { C::effective_identity() } noexcept -> std::same_as<SocketIdentity>;
    /// Files that its user may have in flight when it sends another one.
    { C::most_in_flight() } noexcept -> std::same_as<std::uint64_t>;
    { C::now() } noexcept -> std::same_as<Instant>;
};

/// What the sockets of one user may hold.
struct SocketLimits {
    std::uint64_t bytes = std::numeric_limits<std::uint64_t>::max();
};

/// A line of a list of sockets.
struct SocketLine {
    SocketName name{};
    SocketType type = SocketType::stream;
    SocketState state = SocketState::idle;
    std::uint32_t references = 0;
    std::uint32_t inode = 0;  ///< 0: nobody has accepted it yet
};

struct SocketPair {
    Ref<File> first, second;
};

/// `Lock` guards the sockets and is a leaf among the locks that sleep; `PollLock` is a spin lock.
/// Concurrency: any thread.
template <mm::ObjectAllocator Heap, mm::CountedFrames Frames, hal::PhysMap Map, BasicLockable Lock,
          class Queue, BasicLockable PollLock, FileClock Clock, SocketCaller Caller>
    requires sched::WaitQueueFor<Queue, Lock>
class SocketService {
public:
    using HeapType = Heap;
    using LockType = Lock;
    using QueueType = Queue;
    using PollLockType = PollLock;
    using CallerType = Caller;
    using ThisSocket = Socket<SocketService>;
    using ThisFile = SocketFile<SocketService>;
    using Message = SocketMessage<SocketService>;
    using Messages = SocketMessages<SocketService>;
    using Garbage = SocketGarbage<SocketService>;

    SocketService(Heap& heap, Frames& frames, Map& map, Clock& clock,
                  SocketLimits limits = {}) noexcept
        : heap_(heap), frames_(frames), map_(map), clock_(clock), limits_(limits) {}

    /// socket(2). Errors: no_memory, file_table_full (the user has too many).
    [[nodiscard]] Result<Ref<File>> create(SocketType type, bool non_blocking) noexcept
        EXCLUDES(lock) {
        void* const memory = TRY(mm::allocate_for<ThisFile>(heap_));
        auto socket = make_socket(type);
        if (!socket) {
            mm::free_for<ThisFile>(heap_, memory);
            return fail(socket.error());
        }
        return open(memory, std::move(*socket), non_blocking);
    }
    /// socketpair(2). Errors as create().
    [[nodiscard]] Result<SocketPair> create_pair(SocketType type, bool non_blocking) noexcept
        EXCLUDES(lock) {
        SocketPair pair;
        pair.first = TRY(create(type, non_blocking));
        pair.second = TRY(create(type, non_blocking));
        const SocketIdentity maker = Caller::effective_identity();
        ThisSocket& first = socket_of(*pair.first->socket());
        ThisSocket& second = socket_of(*pair.second->socket());
        LockGuard guard(lock);
        first.peer = Ref<ThisSocket>::share(second);
        second.peer = Ref<ThisSocket>::share(first);
        first.peer_identity = second.peer_identity = maker;
        first.state = second.state = SocketState::connected;
        return pair;
    }
    /// Room for `capacity` files that the caller is going to send. Errors: no_memory,
    /// too_many_in_flight.
    [[nodiscard]] Result<Ref<FileParcel>> make_parcel(std::uint32_t capacity) noexcept {
        const Payer payer = Caller::payer();
        Share share;
        // As Linux: the last message may go beyond the limit.
        const std::uint64_t most = Caller::most_in_flight() + capacity;
        if (!share.take(payer, Holding::files_in_flight, capacity, most)) {
            return fail(Errc::too_many_in_flight);
        }
        return SocketParcel<SocketService>::create(*this, capacity, std::move(share));
    }
    /// Tells of sockets from number `from` on, the youngest first; returns of how many.
    [[nodiscard]] std::size_t list(std::uint32_t from, std::span<SocketLine> lines) noexcept
        EXCLUDES(lock) {
        LockGuard guard(lock);
        std::size_t told = 0;
        std::uint32_t number = 0;
        for (const ThisSocket* s = all_; s != nullptr && told < lines.size(); s = s->next) {
            if (number++ >= from) {
                lines[told++] = {.name = s->name,
                                 .type = s->type,
                                 .state = s->state,
                                 .references = s->references(),
                                 .inode = s->file == nullptr
                                              ? 0
                                              : static_cast<const ThisFile*>(s->file)->inode()};
            }
        }
        return told;
    }

    // For the pieces.
    [[nodiscard]] Heap& heap() noexcept { return heap_; }
    [[nodiscard]] Frames& frames() noexcept { return frames_; }
    [[nodiscard]] Map& map() noexcept { return map_; }
    [[nodiscard]] FileTime now() noexcept { return clock_(); }
    [[nodiscard]] const SocketLimits& limits() const noexcept { return limits_; }
    [[nodiscard]] static ThisSocket& socket_of(SocketCalls& calls) noexcept {
        return static_cast<ThisFile&>(calls).socket_of_file();
    }
    [[nodiscard]] std::uint32_t next_inode() noexcept {
        return next_inode_.fetch_add(1, std::memory_order_relaxed);
    }

    /// A socket that nobody knows yet. Errors: no_memory, file_table_full.
    [[nodiscard]] Result<Ref<ThisSocket>> make_socket(SocketType type) noexcept EXCLUDES(lock) {
        Payer payer = Caller::payer();
        Share share;
        if (!share.take(payer, Holding::socket_bytes, sizeof(ThisSocket), limits_.bytes)) {
            return fail(Errc::file_table_full);
        }
        Ref<ThisSocket> made =
            TRY(mm::make_ref<ThisSocket>(heap_, *this, type, std::move(payer), std::move(share)));
        LockGuard guard(lock);
        made->next = all_;
        made->place = &all_;
        if (all_ != nullptr) {
            all_->place = &made->next;
        }
        all_ = made.get();
        ++count_;
        return made;
    }
    /// The file of a socket, in memory that was had for it: cannot fail.
    [[nodiscard]] Ref<File> open(void* memory, Ref<ThisSocket> socket, bool non_blocking) noexcept
        EXCLUDES(lock) {
        const SocketIdentity maker = Caller::effective_identity();
        ThisSocket& opened = *socket;
        auto* const file =
            ::new (memory) ThisFile(*this, std::move(socket), maker, next_inode(), non_blocking);
        LockGuard guard(lock);
        opened.file = file;
        return Ref<File>::adopt(file);
    }
    void forget(ThisSocket& socket) noexcept REQUIRES(lock) {
        *socket.place = socket.next;
        if (socket.next != nullptr) {
            socket.next->place = socket.place;
        }
        socket.next = nullptr;
        socket.place = nullptr;
        --count_;
    }

    /// Sleeps. Errors: interrupted; would_block at the deadline.
    [[nodiscard]] Status wait(Queue& queue, Instant deadline) noexcept REQUIRES(lock) {
        const Status woken = queue.wait(lock, {.interruptible = true, .deadline = deadline});
        return woken || woken.error() != Errc::timed_out ? woken : fail(Errc::would_block);
    }
    [[nodiscard]] static Instant end_of(Duration timeout) noexcept {
        return timeout == Duration::longest() ? Instant::never() : Caller::now() + timeout;
    }
    /// The first messages are the caller's to look at without the lock, until end_turn().
    void take_turn(ThisSocket& socket) noexcept REQUIRES(lock) {
        while (socket.is_being_read) {
            socket.turn.wait(lock);  // for a copy, as for a lock
        }
        socket.is_being_read = true;
    }
    void end_turn(ThisSocket& socket) noexcept REQUIRES(lock) {
        socket.is_being_read = false;
        socket.turn.wake_all();
    }

    /// What has become of a message: it lies in a queue from now on, or does not any more.
    void put(ThisSocket& to, Message& message) noexcept REQUIRES(lock) {
        sockets_in_flight_ += static_cast<std::uint32_t>(Garbage::count(message, 1));
        to.messages.push(message);
        to.wake_readers();
    }
    void taken_files(Message& message) noexcept REQUIRES(lock) {
        sockets_in_flight_ += static_cast<std::uint32_t>(Garbage::count(message, -1));
    }
    void taken(Message& message) noexcept REQUIRES(lock) {
        taken_files(message);
        message.sender->settle(std::exchange(message.cost, 0));
    }
    /// Whoever waits until `socket` has room looks again.
    void wake_senders(ThisSocket& socket) noexcept REQUIRES(lock) {
        socket.peers.wake_all();
        if (std::exchange(socket.has_refused_sender, false)) {
            for (ThisSocket* s = all_; s != nullptr; s = s->next) {
                if (s->peer.get() == &socket) {
                    s->poll.notify({.writable = true});
                }
            }
        }
    }
    /// The end of messages that were taken() or never sent. A file in one may be the last of a
    /// socket with such messages: whoever is at it already ends those, too, and so a chain of any
    /// length takes little of a stack.
    void bury(Messages& messages) noexcept EXCLUDES(lock) {
        Messages carriers;
        bury_all_but(carriers, messages);
        bury_carriers(carriers);
    }
    void bury(Message& message) noexcept EXCLUDES(lock) {
        Messages one;
        one.push(message);
        bury(one);
    }
    /// See garbage.hpp. Looking at all sockets costs so much that it is done after a number of
    /// ends in proportion to theirs: with few sockets after each.
    void collect_garbage_after_end() noexcept EXCLUDES(lock) {
        bool is_due = false;
        {
            LockGuard guard(lock);
            is_due = sockets_in_flight_ != 0 && ++ends_ >= count_ / ends_per_socket;
        }
        if (is_due) {
            collect_garbage();
        }
    }
    void collect_garbage() noexcept EXCLUDES(lock) {
        Messages carriers;
        take_garbage(carriers);
        bury_carriers(carriers);
    }
    /// Before more files go into flight: the work is in proportion to what has come since.
    void collect_garbage_if_much() noexcept EXCLUDES(lock) {
        bool is_much = false;
        {
            LockGuard guard(lock);
            is_much = sockets_in_flight_ >= collect_at_;
        }
        if (is_much) {
            collect_garbage();
        }
    }
    [[nodiscard]] std::uint32_t sockets_in_flight() noexcept EXCLUDES(lock) {
        LockGuard guard(lock);
        return sockets_in_flight_;
    }

    Lock lock;
    SocketNames<SocketService> names GUARDED_BY(lock);
    std::uint32_t next_name GUARDED_BY(lock) = 0;  ///< to be tried by bind_anywhere()

private:
    static constexpr std::uint32_t first_collection = 64;
    static constexpr std::uint32_t ends_per_socket = 16;
    static constexpr unsigned most_rounds = 8;

    void settle_all(Messages& messages) noexcept REQUIRES(lock) {
        for (Message* m = messages.front(); m != nullptr; m = m->next) {
            taken(*m);
        }
    }
    /// Those with files go to `carriers`.
    void bury_all_but(Messages& carriers, Messages& messages) noexcept EXCLUDES(lock) {
        while (!messages.is_empty()) {
            Message& message = messages.pop();
            if (message.cost != 0) {
                LockGuard guard(lock);
                message.sender->settle(std::exchange(message.cost, 0));
            }
            if (message.parcel) {
                carriers.push(message);
            } else {
                Message::destroy(*this, &message);
            }
        }
    }
    /// What nobody can reach; nothing while somebody buries, who will look again.
    void take_garbage(Messages& carriers) noexcept EXCLUDES(lock) {
        Messages garbage;
        {
            LockGuard guard(lock);
            if (is_burying_) {
                is_collection_due_ = true;  // one for all that end now
                return;
            }
            ends_ = 0;
            Garbage::collect(all_, garbage);
            settle_all(garbage);
            collect_at_ = std::max(first_collection, 2 * sockets_in_flight_);
        }
        bury_all_but(carriers, garbage);
    }
    /// In rounds, because ends make more garbage: no deeper on the stack, and not for ever, however
    /// fast others make it.
    void bury_carriers(Messages& carriers) noexcept EXCLUDES(lock) {
        for (unsigned round = 0; !carriers.is_empty() && begin_burial(carriers); ++round) {
            while (Message* const message = next_to_bury()) {
                Message::destroy(*this, message);
            }
            if (round < most_rounds && is_collection_due()) {
                take_garbage(carriers);
            }
        }
    }
    /// False: somebody else is at it, and does it.
    [[nodiscard]] bool begin_burial(Messages& carriers) noexcept EXCLUDES(lock) {
        LockGuard guard(lock);
        while (!carriers.is_empty()) {
            graveyard_.push(carriers.pop());
        }
        return !std::exchange(is_burying_, true);
    }
    [[nodiscard]] bool is_collection_due() noexcept EXCLUDES(lock) {
        LockGuard guard(lock);
        return std::exchange(is_collection_due_, false);
    }
    [[nodiscard]] Message* next_to_bury() noexcept EXCLUDES(lock) {
        LockGuard guard(lock);
        is_burying_ = !graveyard_.is_empty();
        return is_burying_ ? &graveyard_.pop() : nullptr;
    }

    Heap& heap_;
    Frames& frames_;
    Map& map_;
    Clock& clock_;
    const SocketLimits limits_;
    std::atomic<std::uint32_t> next_inode_ = 1;
    ThisSocket* all_ GUARDED_BY(lock) = nullptr;
    std::uint32_t count_ GUARDED_BY(lock) = 0;  ///< of all
    std::uint32_t ends_ GUARDED_BY(lock) = 0;   ///< since garbage was collected
    std::uint32_t sockets_in_flight_ GUARDED_BY(lock) = 0;
    std::uint32_t collect_at_ GUARDED_BY(lock) = first_collection;
    Messages graveyard_ GUARDED_BY(lock);
    bool is_burying_ GUARDED_BY(lock) = false;
    bool is_collection_due_ GUARDED_BY(lock) = false;
};

}  // namespace kidney::fs
