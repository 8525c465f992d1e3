/// The part that all sleeping primitives share: a list of waiters, and the loop that waits.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "kidney/core/time.hpp"
#include "sched/sync/lock_books.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sched/sync/thread_control.hpp"

#include <boost/intrusive/list.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kidney::sched {

/// How a wait may end besides being woken.
struct WaitLimit {
    bool interruptible = false;           ///< a signal ends it: Errc::interrupted
    Instant deadline = Instant::never();  ///< Errc::timed_out
};

/// One waiting thread; lives on its stack while it waits.
template <ThreadControl Threads>
struct Waiter {
    explicit Waiter(typename Threads::Thread& t) noexcept : thread(t) {}
    Waiter() noexcept : Waiter(Threads::current()) {}

    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>
        hook;
    typename Threads::Thread& thread;
    bool linked = false;  ///< cleared by the waker: that is the message
};

/// The most urgent is woken first, where the policy has urgencies, and of equals the first to come.
/// Cost: O(1); O(n) to wake one of n where there are urgencies, which change while one sleeps.
///
/// A waker unlinks *and wakes* under the lock, and a waiter takes it once more before it leaves:
/// so a waiter that gives up (signal, deadline) cannot vanish while somebody is about to wake it.
template <ThreadControl Threads,
          BasicLockable Lock = SpinLock<Threads::wait_queue_rank, typename Threads::Cpu>>
class WaitList {
public:
    using Node = Waiter<Threads>;

    WaitList() noexcept = default;
    /// Its lock is made of `other`.
    template <class L>
    explicit WaitList(L& other) noexcept : lock(other) {}

    /// Also guards what the owner keeps beside the list (permits, a flag).
    Lock lock;

    void link(Node& waiter) noexcept REQUIRES(lock) {
        waiter.linked = true;
        list_.push_back(waiter);
    }
    /// False if it was woken already.
    bool unlink(Node& waiter) noexcept REQUIRES(lock) {
        if (!waiter.linked) {
            return false;
        }
        waiter.linked = false;
        list_.erase(list_.iterator_to(waiter));
        return true;
    }
    [[nodiscard]] bool is_empty() const noexcept REQUIRES(lock) { return list_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept REQUIRES(lock) { return list_.size(); }

    /// The next to be served, unlinked but not woken yet; the list must not be empty.
    [[nodiscard]] typename Threads::Thread& take_next() noexcept REQUIRES(lock) {
        Node* next = &list_.front();
        if constexpr (LendingThreads<Threads>) {
            if (next != &list_.back()) {
                Urgency most = Threads::urgency(next->thread);
                for (Node& waiter : list_) {
                    if (const Urgency urgency = Threads::urgency(waiter.thread); urgency > most) {
                        most = urgency;
                        next = &waiter;
                    }
                }
            }
        }
        list_.erase(list_.iterator_to(*next));
        next->linked = false;
        return next->thread;
    }
    bool wake_next(WakeHint hint = WakeHint::none) noexcept REQUIRES(lock) {
        if (list_.empty()) {
            return false;
        }
        Threads::wake(take_next(), hint);
        return true;
    }
    /// In the order of their coming: who of them runs first is the scheduler's business.
    void wake_all(WakeHint hint = WakeHint::none) noexcept REQUIRES(lock) {
        while (!list_.empty()) {
            Node& first = list_.front();
            list_.pop_front();
            first.linked = false;
            Threads::wake(first.thread, hint);
        }
    }
    /// `none` if nobody waits.
    [[nodiscard]] Urgency most_urgent() noexcept REQUIRES(lock) {
        Urgency most = Urgency::none;
        for (Node& waiter : list_) {
            most = std::max(most, Threads::urgency(waiter.thread));
        }
        return most;
    }

    /// Sleeps until `waiter`, linked before, is woken or the limit ends it; it is unlinked then,
    /// and gave_up() called with the lock held.
    template <class GaveUp = decltype([]() noexcept {})>
    [[nodiscard]] Status await(Node& waiter, WaitLimit limit, const void* object,
                               GaveUp&& gave_up = {}) noexcept EXCLUDES(lock) {
        may_sleep<typename Threads::Cpu>();
        typename Threads::Thread& self = waiter.thread;
        self.waits_for = object;
        Status result;
        for (bool in_time = true;;) {
            const bool interrupted = limit.interruptible && self.interrupted.load() != 0;
            if (!interrupted && in_time) {
                in_time = Threads::block_until(limit.deadline);
            }
            LockGuard guard(lock);
            if (!waiter.linked) {
                break;  // woken: even if a signal or the deadline came as well
            }
            if (interrupted || !in_time) {
                unlink(waiter);
                gave_up();
                result = fail(interrupted ? Errc::interrupted : Errc::timed_out);
                break;
            }
        }
        self.waits_for = nullptr;
        return result;
    }

private:
    using Hook = boost::intrusive::member_hook<Node, decltype(Node::hook), &Node::hook>;
    boost::intrusive::list<Node, Hook> list_ GUARDED_BY(lock);
};

}  // namespace kidney::sched
