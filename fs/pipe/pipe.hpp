/// Pipes, with and without a name: a bounded ring of bytes between the readers and the writers.
///
/// POSIX: a read takes what is there and waits only for the first byte; a write of up to `atomic`
/// bytes is one piece; without writers a read sees the end of the file, without readers a write
/// fails with broken_pipe (the caller sends SIGPIPE).
#pragma once

#include "fs/poll_list.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/hal/phys_map.hpp"
#include "kidney/mm/frame_service.hpp"
#include "kidney/mm/make.hpp"
#include "kidney/sched/waiting.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::fs {

/// `S` is a PipeService, which names the types and owns the heap and the frames. The lock is held
/// while user memory is copied. Pages are taken when first used and kept until the pipe goes.
template <class S>
class Pipe final : public RefCounted {
    using Lock = typename S::LockType;
    using Queue = typename S::QueueType;

public:
    static constexpr std::size_t capacity = 65536;
    static constexpr std::size_t atomic = 4096;  ///< PIPE_BUF

    /// `node`: of a pipe with a name. `inode` names one without.
    Pipe(S& service, Ref<Vnode> node, std::uint32_t inode) noexcept
        : service_(service), node_(std::move(node)), inode_(inode) {}

    /// Opens an end, or both. A pipe with a name waits for the other side, as fifo(7) says.
    /// Errors: no_device (a writer that does not wait, and no reader), interrupted.
    [[nodiscard]] Status enter(OpenMode mode) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (node_ && mode.write && !mode.read && mode.non_blocking && readers_ == 0) {
            return fail(Errc::no_device);
        }
        readers_ += mode.read ? 1 : 0;
        writers_ += mode.write ? 1 : 0;
        readers_ever_ += mode.read ? 1 : 0;
        writers_ever_ += mode.write ? 1 : 0;
        changed();
        if (node_ && mode.read != mode.write && !mode.non_blocking) {
            const Status met = await_other_side(mode.read);
            if (!met) {
                leave_locked(mode);
                return met;
            }
        }
        return {};
    }
    void leave(OpenMode mode) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        leave_locked(mode);
    }

    [[nodiscard]] Result<std::size_t> read(ReadBuffer& to, bool non_blocking) noexcept
        EXCLUDES(lock_) {
        if (to.remaining() == 0) {
            return 0U;
        }
        LockGuard guard(lock_);
        while (size_ == 0) {
            if (writers_ == 0) {
                return 0U;
            }
            if (non_blocking) {
                return fail(Errc::would_block);
            }
            TRY(readable_.wait(lock_, {.interruptible = true}));
        }
        std::size_t done = 0;
        Status status;
        while (size_ > 0 && to.remaining() > 0 && status) {
            const auto bytes = page(begin_).subspan(begin_ % page_size);
            const std::size_t count = std::min({bytes.size(), size_, to.remaining()});
            status = to.put(bytes.first(count));
            if (status) {
                begin_ = (begin_ + count) % capacity;
                size_ -= count;
                done += count;
            }
        }
        if (size_ == 0) {
            begin_ = 0;  // small messages use the same page again and again
        }
        writable_.wake_all();
        poll_.notify();
        return done > 0 ? Result<std::size_t>(done) : fail(status.error());
    }

    [[nodiscard]] Result<std::size_t> write(WriteBuffer& from, bool non_blocking) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const std::size_t together = from.remaining() <= atomic ? from.remaining() : 1;
        std::size_t done = 0;
        Status status;
        while (from.remaining() > 0 && status) {
            if (readers_ == 0) {
                status = fail(Errc::broken_pipe);
            } else if (capacity - size_ >= std::min(together, from.remaining())) {
                status = fill(from, done);
            } else if (non_blocking) {
                status = fail(Errc::would_block);
            } else {
                status = writable_.wait(lock_, {.interruptible = true});
            }
        }
        return done > 0 || status ? Result<std::size_t>(done) : fail(status.error());
    }

    [[nodiscard]] std::uint32_t readable_bytes() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return static_cast<std::uint32_t>(size_);
    }
    [[nodiscard]] Readiness poll(PollWaiter* waiter, OpenMode mode) noexcept EXCLUDES(lock_) {
        poll_.enter(waiter);
        LockGuard guard(lock_);
        Readiness ready;
        if (mode.read) {
            ready.readable = size_ > 0;
            ready.hung_up = writers_ == 0 && writers_ever_ > 0;
        }
        if (mode.write) {
            ready.writable = capacity - size_ >= atomic;
            ready.error = readers_ == 0;
        }
        return ready;
    }
    [[nodiscard]] Result<Attributes> attributes() noexcept {
        if (node_) {
            return node_->attributes();
        }
        Attributes a;
        a.inode = inode_;
        a.type = NodeType::fifo;
        a.permissions = Permissions(0600);
        a.block_size = page_size;
        a.accessed = a.modified = a.changed = service_.now();
        return a;
    }
    [[nodiscard]] Vnode* node() const noexcept { return node_.get(); }

    void dispose() noexcept {
        S& service = service_;
        service.pipe_gone(*this);
        mm::destroy(service.heap(), this);
    }
    // The last reference is gone, so nobody else can hold or want the lock.
    ~Pipe() KIDNEY_NO_TSA("last owner")
    {
        for (std::size_t n = 0; n < pages_.size(); ++n) {
            if (has_page_[n]) {
                service_.frames().release(pages_[n]);
            }
        }
    }

    Pipe* next_ = nullptr;  ///< in the service's list of pipes with a name; guarded by its lock

private:
    [[nodiscard]] std::span<std::byte, page_size> page(std::size_t at) noexcept REQUIRES(lock_) {
        return service_.map().direct(pages_[at / page_size]);
    }
    /// Takes as much as fits. Whoever waits for bytes is told once per call.
    [[nodiscard]] Status fill(WriteBuffer& from, std::size_t& done) noexcept REQUIRES(lock_) {
        const std::size_t before = done;
        Status status;
        while (status && size_ < capacity && from.remaining() > 0) {
            const std::size_t end = (begin_ + size_) % capacity;
            if (std::size_t n = end / page_size; !has_page_[n]) {
                const auto frame = service_.frames().allocate(mm::FrameZone::direct);
                if (!frame) {
                    status = fail(frame.error());
                    break;
                }
                pages_[n] = *frame;
                has_page_[n] = true;
            }
            const auto bytes = page(end).subspan(end % page_size);
            const std::size_t count = std::min({bytes.size(), capacity - size_, from.remaining()});
            status = from.take(bytes.first(count));
            if (status) {
                size_ += count;
                done += count;
            }
        }
        if (done > before) {
            // With bytes left, this writer sleeps next: a reader may have its CPU.
            readable_.wake_all(from.remaining() > 0 && status ? sched::WakeHint::sync
                                                              : sched::WakeHint::none);
            poll_.notify();
        }
        return status;
    }
    [[nodiscard]] Status await_other_side(bool is_reader) noexcept REQUIRES(lock_) {
        // Counted since the beginning: the other side may come and go before we run.
        const std::uint32_t& others = is_reader ? writers_ : readers_;
        const std::uint32_t& ever = is_reader ? writers_ever_ : readers_ever_;
        const std::uint32_t seen = ever;
        Queue& queue = is_reader ? readable_ : writable_;
        while (others == 0 && ever == seen) {
            TRY(queue.wait(lock_, {.interruptible = true}));
        }
        return {};
    }
    void leave_locked(OpenMode mode) noexcept REQUIRES(lock_) {
        readers_ -= mode.read ? 1 : 0;
        writers_ -= mode.write ? 1 : 0;
        changed();
    }
    void changed() noexcept REQUIRES(lock_) {
        readable_.wake_all();
        writable_.wake_all();
        poll_.notify();
    }

    S& service_;
    const Ref<Vnode> node_;
    const std::uint32_t inode_;
    Lock lock_;
    std::array<FrameNumber, capacity / page_size> pages_ GUARDED_BY(lock_);
    std::array<bool, capacity / page_size> has_page_ GUARDED_BY(lock_){};
    std::size_t begin_ GUARDED_BY(lock_) = 0;  ///< of the bytes, in the ring
    std::size_t size_ GUARDED_BY(lock_) = 0;
    std::uint32_t readers_ GUARDED_BY(lock_) = 0, writers_ GUARDED_BY(lock_) = 0;
    std::uint32_t readers_ever_ GUARDED_BY(lock_) = 0, writers_ever_ GUARDED_BY(lock_) = 0;
    Queue readable_;  ///< bytes have come, or the last writer has gone
    Queue writable_;  ///< bytes have gone, or the last reader has
    PollList<typename S::PollLockType> poll_;
};

}  // namespace kidney::fs
