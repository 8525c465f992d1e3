/// Pipes, with and without a name: pages of bytes between the readers and the writers.
///
/// POSIX: a read takes what is there and waits only for the first byte; a write of up to `atomic`
/// bytes is one piece; without writers a read sees the end of the file, without readers a write
/// fails with broken_pipe (the caller sends SIGPIPE).
#pragma once

#include "fs/pipe/pipe_ring.hpp"
#include "fs/poll_list.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/user_account.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/splice_pipe.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/hal/phys_map.hpp"
#include "kidney/mm/make.hpp"
#include "kidney/sched/waiting.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::fs {

/// `S` is a PipeService, which names the types and owns the heap and the frames. The lock is held
/// while user memory is copied; never while another file works.
template <class S>
class Pipe final : public RefCounted, public SplicePipe {
    using Lock = typename S::LockType;
    using Queue = typename S::QueueType;
    using Ring = PipeRing<typename S::HeapType, typename S::FramesType>;

public:
    static constexpr std::uint32_t first_pages = Ring::first_capacity;
    static constexpr std::size_t atomic = page_size;               ///< PIPE_BUF
    static constexpr std::uint32_t max_user_size = 1024U * 1024U;  ///< of set_size() for anybody

    /// `node`: of a pipe with a name. `own`: of one without. The pipe holds as many pages as
    /// somebody pays for, at most `first_pages` to begin with.
    Pipe(S& service, Ref<Vnode> node, const Attributes& own, Share pages) noexcept
        : service_(service),
          node_(std::move(node)),
          own_(own),
          share_(std::move(pages)),
          ring_(service.heap(), service.frames(), share_.count()) {}

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

    /// A piece whose bytes do not all reach the buffer stays in the pipe.
    [[nodiscard]] Result<std::size_t> read(ReadBuffer& to, bool non_blocking) noexcept
        EXCLUDES(lock_) {
        const std::size_t wanted = to.remaining();
        if (wanted == 0) {
            return 0U;
        }
        LockGuard guard(lock_);
        if (!TRY(await_bytes(non_blocking))) {
            return 0U;
        }
        const bool was_full = is_full();
        std::size_t done = 0;
        Status status;
        while (!ring_.is_empty() && done < wanted) {
            const PipePiece piece = ring_.front();
            const std::size_t count = std::min<std::size_t>(piece.size, wanted - done);
            status = to.put(bytes(piece.frame).subspan(piece.begin, count));
            if (!status) {
                break;
            }
            done += count;
            ring_.consume(piece.is_packet ? piece.size : count);
            if (piece.is_packet) {
                break;
            }
        }
        tell_writers(was_full);
        return transferred(done, status);
    }

    /// Packets: each page of it, or what is left for the last one, is read as one piece. A page
    /// whose bytes cannot all be had does not get into the pipe.
    [[nodiscard]] Result<std::size_t> write(WriteBuffer& from, bool non_blocking,
                                            bool packets) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        std::size_t done = 0;
        Status status = packets || readers_ == 0 ? Status() : join_last(from, done);
        while (status && from.remaining() > 0) {
            if (readers_ == 0) {
                status = fail(Errc::broken_pipe);
            } else if (!is_full()) {
                status = fill(from, packets, done);
            } else if (non_blocking) {
                status = fail(Errc::would_block);
            } else {
                status = writable_.wait(lock_, {.interruptible = true});
            }
        }
        return transferred(done, status);
    }

    [[nodiscard]] std::uint32_t readable_bytes() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return static_cast<std::uint32_t>(ring_.bytes());
    }
    [[nodiscard]] Readiness poll(PollWaiter* waiter, OpenMode mode) noexcept EXCLUDES(lock_) {
        poll_.enter(waiter);
        LockGuard guard(lock_);
        Readiness ready;
        if (mode.read) {
            ready.readable = !ring_.is_empty() && !is_lent_;
            ready.hung_up = writers_ == 0 && writers_ever_ > 0;
        }
        if (mode.write) {
            ready.writable = !is_full();
            ready.error = readers_ == 0;
        }
        return ready;
    }
    [[nodiscard]] Result<Attributes> attributes() noexcept EXCLUDES(lock_) {
        if (node_) {
            return node_->attributes();
        }
        LockGuard guard(lock_);
        return own_;
    }
    /// Of a pipe without a name.
    void change(const AttributeChange& change) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        own_.permissions = change.permissions.value_or(own_.permissions);
        own_.uid = change.uid.value_or(own_.uid);
        own_.gid = change.gid.value_or(own_.gid);
        own_.accessed = change.accessed.value_or(own_.accessed);
        own_.modified = change.modified.value_or(own_.modified);
        own_.changed = service_.now();
    }
    [[nodiscard]] Vnode* node() const noexcept { return node_.get(); }

    // SplicePipe: in.
    [[nodiscard]] Status wait_for_room(bool non_blocking) noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return await_room(non_blocking);
    }
    [[nodiscard]] Status reserve(bool non_blocking) noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        TRY(await_room(non_blocking));
        ++reserved_;
        return {};
    }
    void cancel() noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const bool was_full = is_full();
        --reserved_;
        tell_writers(was_full);
    }
    void push(const PipePiece& piece) noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const bool was_empty = ring_.is_empty();
        --reserved_;
        ring_.push(piece);
        tell_readers(was_empty, sched::WakeHint::none);
    }

    // SplicePipe: out.
    [[nodiscard]] Result<PipePiece> lend(bool non_blocking) noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (!TRY(await_bytes(non_blocking))) {
            return PipePiece();
        }
        is_lent_ = true;
        return ring_.front();
    }
    void give_back(std::size_t used) noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const bool was_full = is_full();
        ring_.consume(used);
        end_loan(was_full);
    }
    [[nodiscard]] PipePiece take() noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const bool was_full = is_full();
        const PipePiece piece = ring_.pop();
        end_loan(was_full);
        return piece;
    }
    [[nodiscard]] Result<PipePiece> share(std::uint32_t n) noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (n >= ring_.used()) {
            return PipePiece();
        }
        return ring_.share(n);
    }

    // SplicePipe: pages and size.
    [[nodiscard]] Result<FrameNumber> take_page() noexcept override {
        return service_.frames().allocate(mm::FrameZone::direct);
    }
    void give_page(FrameNumber frame) noexcept override { service_.frames().release(frame); }
    [[nodiscard]] std::span<std::byte, page_size> bytes(FrameNumber frame) noexcept override {
        return service_.map().direct(frame);
    }
    [[nodiscard]] std::uint32_t size() noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return ring_.capacity() << page_shift;
    }
    [[nodiscard]] Result<std::uint32_t> set_size(std::uint32_t size,
                                                 bool is_privileged) noexcept override
        EXCLUDES(lock_) {
        constexpr std::uint32_t largest = std::uint32_t{1} << 31;
        if (size > largest) {
            return fail(Errc::invalid_argument);
        }
        const std::uint32_t rounded = std::bit_ceil(std::max<std::uint32_t>(size, page_size));
        const std::uint32_t slots = rounded >> page_shift;
        LockGuard guard(lock_);
        if (slots > ring_.capacity() && rounded > max_user_size && !is_privileged) {
            return fail(Errc::not_permitted);
        }
        if (slots < ring_.used() + reserved_) {
            return fail(Errc::busy);
        }
        const std::uint32_t before = share_.count();
        if (!share_.resize(slots, service_.limits().soft, is_privileged)) {
            return fail(Errc::not_permitted);
        }
        const bool was_full = is_full();
        if (const Status resized = ring_.resize(slots); !resized) {
            static_cast<void>(share_.resize(before, before, true));
            return fail(resized.error());
        }
        tell_writers(was_full);
        return rounded;
    }

    void dispose() noexcept {
        S& service = service_;
        service.pipe_gone(*this);
        mm::destroy(service.heap(), this);
    }

    Pipe* next_ = nullptr;  ///< in the service's list of pipes with a name; guarded by its lock

private:
    [[nodiscard]] bool is_full() const noexcept REQUIRES(lock_) {
        return ring_.used() + reserved_ >= ring_.capacity();
    }
    /// False at the end of the pipe.
    [[nodiscard]] Result<bool> await_bytes(bool non_blocking) noexcept REQUIRES(lock_) {
        while (ring_.is_empty() || is_lent_) {
            if (ring_.is_empty() && writers_ == 0) {
                return false;
            }
            if (non_blocking) {
                return fail(Errc::would_block);
            }
            TRY(readable_.wait(lock_, {.interruptible = true}));
        }
        return true;
    }
    [[nodiscard]] Status await_room(bool non_blocking) noexcept REQUIRES(lock_) {
        while (readers_ != 0 && is_full()) {
            if (non_blocking) {
                return fail(Errc::would_block);
            }
            TRY(writable_.wait(lock_, {.interruptible = true}));
        }
        return readers_ != 0 ? Status() : fail(Errc::broken_pipe);
    }
    /// What does not fill a page goes behind the last bytes if all of it fits there.
    [[nodiscard]] Status join_last(WriteBuffer& from, std::size_t& done) noexcept REQUIRES(lock_) {
        const std::size_t rest = from.remaining() % page_size;
        if (rest == 0 || ring_.is_empty()) {
            return {};
        }
        PipePiece& last = ring_.back();
        const std::size_t end = last.begin + last.size;
        if (!last.may_grow || end + rest > page_size) {
            return {};
        }
        TRY(from.take(bytes(last.frame).subspan(end, rest)));
        last.size += static_cast<std::uint16_t>(rest);
        done += rest;
        poll_.notify({.readable = true});
        return {};
    }
    /// Takes as much as fits. Whoever waits for bytes is told once per call.
    [[nodiscard]] Status fill(WriteBuffer& from, bool packets, std::size_t& done) noexcept
        REQUIRES(lock_) {
        const bool was_empty = ring_.is_empty();
        Status status;
        while (!is_full() && from.remaining() > 0) {
            const auto frame = ring_.page_behind();
            if (!frame) {
                status = fail(frame.error());
                break;
            }
            const std::size_t count = std::min<std::size_t>(page_size, from.remaining());
            status = from.take(bytes(*frame).first(count));
            if (!status) {
                break;
            }
            ring_.push_page(static_cast<std::uint16_t>(count), packets);
            done += count;
        }
        // With bytes left, this writer sleeps next: a reader may have its CPU.
        tell_readers(was_empty, from.remaining() > 0 && status ? sched::WakeHint::sync
                                                               : sched::WakeHint::none);
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
    void end_loan(bool was_full) noexcept REQUIRES(lock_) {
        is_lent_ = false;
        tell_writers(was_full);
        readable_.wake_all();  // for the rest of the bytes, or for the end of the pipe
        poll_.notify();
    }
    // Nobody waits for bytes where there were some, or for room where there was some.
    void tell_readers(bool was_empty, sched::WakeHint hint) noexcept REQUIRES(lock_) {
        if (was_empty && !ring_.is_empty()) {
            readable_.wake_all(hint);
        }
        // Who looks at changes only (EPOLLET) wants to hear of each write.
        if (!ring_.is_empty()) {
            poll_.notify({.readable = true});
        }
    }
    void tell_writers(bool was_full) noexcept REQUIRES(lock_) {
        if (was_full && !is_full()) {
            writable_.wake_all();
            poll_.notify({.writable = true});
        }
    }

    S& service_;
    const Ref<Vnode> node_;
    Lock lock_;
    Attributes own_ GUARDED_BY(lock_);
    Share share_ GUARDED_BY(lock_);
    Ring ring_ GUARDED_BY(lock_);
    std::uint32_t reserved_ GUARDED_BY(lock_) = 0;  ///< free slots that await a push() or cancel()
    bool is_lent_ GUARDED_BY(lock_) = false;        ///< the front piece; it stays the front
    std::uint32_t readers_ GUARDED_BY(lock_) = 0, writers_ GUARDED_BY(lock_) = 0;
    std::uint32_t readers_ever_ GUARDED_BY(lock_) = 0, writers_ever_ GUARDED_BY(lock_) = 0;
    Queue readable_;  ///< bytes have come, or the last writer has gone
    Queue writable_;  ///< bytes have gone, or the last reader has
    PollList<typename S::PollLockType> poll_;
};

}  // namespace kidney::fs
