/// Sockets that only messages lead to, and nobody can receive those messages any more.
///
/// A socket that is sent over itself holds itself: its file lies in a message in its own queue, or
/// in that of a socket which lies in one of its own, and no descriptor leads there. References are
/// counted, so such a ring never ends by itself. Here is who ends it: a socket whose file has as
/// many references as it lies in messages is open nowhere; those that no open one leads to, from
/// message to message, are garbage.
#pragma once

#include "fs/socket/socket.hpp"
#include "kidney/fs/file.hpp"

#include <cstdint>
#include <span>
#include <utility>

namespace kidney::fs {

/// Concurrency: the service's lock. A file that lies in messages only gets a further reference by
/// being received, which takes this lock, so what is garbage stays so. References that somebody
/// holds for the length of a call make a socket look open: it goes the next time.
template <class S>
class SocketGarbage {
public:
    using ThisSocket = Socket<S>;

    /// Takes the messages with files out of every queue that nobody can receive from; whoever
    /// lets go of them, without the lock, ends the sockets. O(sockets + files in flight).
    static void collect(ThisSocket* all, SocketMessages<S>& garbage) noexcept {
        ThisSocket* reached = nullptr;
        for (ThisSocket* s = all; s != nullptr; s = s->next) {
            s->is_reached = false;
        }
        for (ThisSocket* s = all; s != nullptr; s = s->next) {
            if (s->file != nullptr ? s->file->references() != s->in_flight : s->is_accepted) {
                reach(*s, reached);
            }
        }
        while (reached != nullptr) {
            ThisSocket& s = *std::exchange(reached, reached->next_reached);
            for (auto* m = s.messages.front(); m != nullptr; m = m->next) {
                for (ThisSocket* const inside : sockets_in(*m)) {
                    reach(*inside, reached);
                }
            }
            // Who can accept can receive what was sent before.
            for (ThisSocket* e = s.first_waiting; e != nullptr; e = e->next_waiting) {
                reach(*e, reached);
            }
        }
        for (ThisSocket* s = all; s != nullptr; s = s->next) {
            if (!s->is_reached) {
                take_parcels(*s, garbage);
            }
        }
    }

    /// A message with files joins a queue (1) or leaves it (-1). Returns by how much the number of
    /// sockets in flight has changed.
    static std::int32_t count(SocketMessage<S>& message, std::int32_t one) noexcept {
        std::int32_t sum = 0;
        for (ThisSocket* const inside : sockets_in(message)) {
            inside->in_flight += static_cast<std::uint32_t>(one);
            sum += one;
        }
        return sum;
    }

private:
    /// The sockets among the files of a message, as a range.
    class SocketsIn {
    public:
        struct Iterator {
            Ref<File>* at;
            Ref<File>* end;
            void skip() noexcept {
                while (at != end && (*at)->socket() == nullptr) {
                    ++at;
                }
            }
            ThisSocket* operator*() const noexcept { return &S::socket_of(*(*at)->socket()); }
            Iterator& operator++() noexcept {
                ++at;
                skip();
                return *this;
            }
            bool operator!=(const Iterator& other) const noexcept { return at != other.at; }
        };
        explicit SocketsIn(std::span<Ref<File>> files) noexcept : files_(files) {}
        [[nodiscard]] Iterator begin() const noexcept {
            Iterator first{files_.data(), files_.data() + files_.size()};
            first.skip();
            return first;
        }
        [[nodiscard]] Iterator end() const noexcept {
            return {files_.data() + files_.size(), files_.data() + files_.size()};
        }

    private:
        std::span<Ref<File>> files_;
    };
    [[nodiscard]] static SocketsIn sockets_in(SocketMessage<S>& message) noexcept {
        return SocketsIn(message.parcel ? message.parcel->files() : std::span<Ref<File>>());
    }
    static void reach(ThisSocket& socket, ThisSocket*& reached) noexcept {
        if (!socket.is_reached) {
            socket.is_reached = true;
            socket.next_reached = std::exchange(reached, &socket);
        }
    }
    static void take_parcels(ThisSocket& socket, SocketMessages<S>& garbage) noexcept {
        for (std::uint32_t n = socket.messages.count(); n != 0; --n) {
            auto& message = socket.messages.pop();
            (message.parcel ? garbage : socket.messages).push(message);
        }
    }
};

}  // namespace kidney::fs
