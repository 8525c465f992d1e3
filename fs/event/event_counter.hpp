/// A counter that threads wait for: eventfd(2).
#pragma once

#include "fs/event/anonymous_file.hpp"
#include "fs/poll_list.hpp"
#include "fs/procfs/text.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/poll.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace kidney::fs {

/// Reading takes the count, or one of it; writing adds to it, and waits where it would overflow.
/// Both move eight bytes. `S` is an EventService. Concurrency: any thread.
template <class S>
class EventCounter final : public AnonymousFile<EventCounter<S>, typename S::HeapType> {
    using Base = AnonymousFile<EventCounter<S>, typename S::HeapType>;

public:
    /// `takes_one`: as a semaphore does.
    EventCounter(S& service, std::uint64_t count, bool takes_one, bool non_blocking) noexcept
        : Base(service.heap(), {.read = true, .write = true, .non_blocking = non_blocking}),
          takes_one_(takes_one),
          count_(count) {}

    /// Errors: invalid_argument (no room for the number), would_block, interrupted, bad_address:
    /// then the count is taken all the same.
    [[nodiscard]] Result<std::size_t> read(ReadBuffer& to) noexcept override EXCLUDES(lock_) {
        if (to.remaining() < sizeof(std::uint64_t)) {
            return fail(Errc::invalid_argument);
        }
        const std::uint64_t taken = TRY(take());
        TRY(to.put(std::as_bytes(std::span(&taken, 1))));
        return sizeof taken;
    }
    /// Errors: invalid_argument (no number, or the one that no sum may reach), would_block,
    /// interrupted, bad_address.
    [[nodiscard]] Result<std::size_t> write(WriteBuffer& from) noexcept override EXCLUDES(lock_) {
        std::uint64_t more = 0;
        if (from.remaining() < sizeof more) {
            return fail(Errc::invalid_argument);
        }
        TRY(from.take(std::as_writable_bytes(std::span(&more, 1))));
        if (more == end) {
            return fail(Errc::invalid_argument);
        }
        TRY(add(more));
        return sizeof more;
    }
    [[nodiscard]] Readiness poll(PollWaiter* waiter) noexcept override EXCLUDES(lock_) {
        poll_.enter(waiter);
        LockGuard guard(lock_);
        return {.readable = count_ > 0, .writable = count_ < end - 1};
    }
    [[nodiscard]] std::string_view label() const noexcept override {
        return "anon_inode:[eventfd]";
    }
    void describe(TextOutput& out) noexcept override EXCLUDES(lock_) {
        std::uint64_t count = 0;
        {
            LockGuard guard(lock_);
            count = count_;
        }
        format_to(out, "eventfd-count: {:16x}\n", count);
    }

private:
    static constexpr std::uint64_t end = std::numeric_limits<std::uint64_t>::max();

    [[nodiscard]] Result<std::uint64_t> take() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        while (count_ == 0) {
            if (this->is_non_blocking()) {
                return fail(Errc::would_block);
            }
            TRY(readable_.wait(lock_, {.interruptible = true}));
        }
        const std::uint64_t taken = takes_one_ ? 1 : count_;
        count_ -= taken;
        writable_.wake_all();
        poll_.notify({.writable = true});
        return taken;
    }
    [[nodiscard]] Status add(std::uint64_t more) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        while (more >= end - count_) {
            if (this->is_non_blocking()) {
                return fail(Errc::would_block);
            }
            TRY(writable_.wait(lock_, {.interruptible = true}));
        }
        count_ += more;
        readable_.wake_all();
        poll_.notify({.readable = true});
        return {};
    }

    const bool takes_one_;
    typename S::LockType lock_;
    std::uint64_t count_ GUARDED_BY(lock_);
    typename S::QueueType readable_, writable_;
    PollList<typename S::PollLockType> poll_;
};

}  // namespace kidney::fs
