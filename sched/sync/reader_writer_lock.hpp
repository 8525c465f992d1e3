/// The sleeping lock for what many read at once and few change.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "kidney/core/thread_safety.hpp"
#include "sched/sync/lock_books.hpp"
#include "sched/sync/wait_list.hpp"

#include <cstdint>

namespace kidney::sched {

/// One writer or any number of readers. *Phase-fair*: whoever reads while a writer waits lets it go
/// first, and when a writer ends, all readers that came meanwhile go before the next writer. So a
/// reader waits for one writer at most, a writer for one phase of readers for each writer before
/// it, and nobody starves. Writers among themselves: the most urgent first, of equals the first to
/// come.
///
/// No urgency is lent: who the readers are is written down nowhere. Take a `Mutex` where that
/// matters, or where sections are short; this one costs a spin lock each way. Whoever reads must
/// not lock it again: a writer may have come between. Not in interrupt handlers.
///
/// Theory: Courtois, Heymans and Parnas 1971 posed it, with a preference for one side, under which
/// the other may starve; phase-fair: Brandenburg and Anderson 2010.
template <const LockRank& Rank, ThreadControl Threads>
class CAPABILITY("reader-writer lock") ReaderWriterLock {
    using Thread = typename Threads::Thread;

public:
    static constexpr const LockRank& rank = Rank;

    ReaderWriterLock() noexcept : readers_(writers_.lock) {}
    ReaderWriterLock(const ReaderWriterLock&) = delete;
    ReaderWriterLock& operator=(const ReaderWriterLock&) = delete;

    // --- To write ---

    void lock() noexcept ACQUIRE() KIDNEY_NO_TSA("made of another lock")
    {
        ignore_error(lock(WaitLimit{}), "a wait without limits cannot fail");
    }
    /// Errors: interrupted, timed_out.
    [[nodiscard]] Status lock(WaitLimit limit) noexcept {
        wanted();
        Waiter<Threads> waiter;
        {
            const LockGuard guard(writers_.lock);
            if (!writing_ && reading_ == 0) {
                writing_ = true;
                return got({});
            }
            writers_.link(waiter);
        }
        // Readers that came later may have waited for this one only.
        return got(writers_.await(waiter, limit, this, [this]() KIDNEY_NO_TSA("await() holds it") {
            if (!writing_ && writers_.is_empty()) {
                admit_readers();
            }
        }));
    }
    void unlock() noexcept RELEASE() KIDNEY_NO_TSA("made of another lock")
    {
        left();
        {
            const LockGuard guard(writers_.lock);
            KIDNEY_INVARIANT(writing_, "nobody writes");
            writing_ = false;
            if (!readers_.is_empty()) {
                admit_readers();
            } else {
                admit_writer();
            }
        }
        Threads::preempt_point();
    }

    // --- To read ---

    void lock_shared() noexcept ACQUIRE_SHARED() KIDNEY_NO_TSA("made of another lock")
    {
        ignore_error(lock_shared(WaitLimit{}), "a wait without limits cannot fail");
    }
    /// Errors: interrupted, timed_out.
    [[nodiscard]] Status lock_shared(WaitLimit limit) noexcept
        KIDNEY_NO_TSA("one lock guards both lists")
    {
        wanted();
        Waiter<Threads> waiter;
        {
            const LockGuard guard(writers_.lock);
            if (!writing_ && writers_.is_empty()) {
                ++reading_;
                return got({});
            }
            readers_.link(waiter);
        }
        return got(readers_.await(waiter, limit, this));  // who admits us counts us
    }
    void unlock_shared() noexcept RELEASE_SHARED() KIDNEY_NO_TSA("made of another lock")
    {
        left();
        {
            const LockGuard guard(writers_.lock);
            KIDNEY_INVARIANT(reading_ != 0, "nobody reads");
            if (--reading_ == 0) {
                admit_writer();
            }
        }
        Threads::preempt_point();
    }

private:
    using Lock = SpinLock<Threads::wait_queue_rank, typename Threads::Cpu>;
    /// Of a list that shares another one's.
    class CAPABILITY("borrowed lock") BorrowedLock {
    public:
        explicit BorrowedLock(Lock& lock) noexcept : lock_(lock) {}
        void lock() noexcept ACQUIRE() KIDNEY_NO_TSA("stands for another")
        {
            lock_.lock();
        }
        void unlock() noexcept RELEASE() KIDNEY_NO_TSA("stands for another")
        {
            lock_.unlock();
        }

    private:
        Lock& lock_;
    };

    void admit_writer() noexcept REQUIRES(writers_.lock) {
        if (!writers_.is_empty()) {
            writing_ = true;
            writers_.wake_next();
        }
    }
    void admit_readers() noexcept REQUIRES(writers_.lock)
        KIDNEY_NO_TSA("one lock guards both lists")
    {
        reading_ += static_cast<std::uint32_t>(readers_.size());
        readers_.wake_all();
    }

    using Books = LockBooks<typename Threads::Cpu, hal::LockKind::sleeps>;

    static void wanted() noexcept {
        may_sleep<typename Threads::Cpu>();
        Books::wanted(Threads::current().held_mutexes, Rank);
    }
    static Status got(Status result) noexcept {
        if (result) {
            Books::taken(Threads::current().held_mutexes);
        } else {
            Books::given_up(Threads::current().held_mutexes, Rank);
        }
        return result;
    }
    static void left() noexcept { Books::released(Threads::current().held_mutexes, Rank); }

    WaitList<Threads> writers_;
    WaitList<Threads, BorrowedLock> readers_;
    bool writing_ GUARDED_BY(writers_.lock) = false;
    std::uint32_t reading_ GUARDED_BY(writers_.lock) = 0;
};

/// Holds one to read.
template <class L>
class SCOPED_CAPABILITY ReaderGuard {
public:
    explicit ReaderGuard(L& lock) noexcept ACQUIRE_SHARED(lock) : lock_(lock) {
        lock_.lock_shared();
    }
    ~ReaderGuard() RELEASE() { lock_.unlock_shared(); }
    ReaderGuard(const ReaderGuard&) = delete;
    ReaderGuard& operator=(const ReaderGuard&) = delete;

private:
    L& lock_;
};
template <class L>
ReaderGuard(L&) -> ReaderGuard<L>;

}  // namespace kidney::sched
