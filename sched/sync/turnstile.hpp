/// What is under every sleeping lock with a holder: one word, a list of waiters, and, where the
/// policy has urgencies, priority inheritance.
///
/// Without it a thread in the middle could keep one at the top waiting for as long as it likes, by
/// keeping off the CPU one at the bottom that holds a lock (*priority inversion*). So a holder runs
/// with the greatest urgency among its own and those of all that wait for any lock it holds; of
/// those a holder that waits itself passes on the greatest. Three rules keep that true:
///
///   - what a thread is lent is never added to or taken from, but always computed again from all
///     that it holds (settle()): when a waiter comes, gives up or changes, and when a lock goes;
///   - it stands beside the thread's own urgency (Entity::lent), so neither overwrites the other;
///   - it is computed again along the chain of holders that wait themselves.
///
/// A waiter that gives up takes its urgency back when it runs, which is at its own urgency: not
/// before the holder, as urgent now, lets its equals have a turn. A new priority of a waiter counts
/// for itself a moment before it is passed on.
///
/// One lock guards the whole graph, and serves in place of the locks of the lists. It is taken only
/// when somebody waits; then no order among the locks of a chain is needed.
///
/// Theory: Sha, Rajkumar and Lehoczky, "Priority Inheritance Protocols" (1990). Whoever is at the
/// top waits for at most min(n, m) critical sections, if there are n less urgent threads and m
/// locks that they share with it: not for one per lock. A *ceiling* makes it one in all, and no
/// deadlock: a lock lends its holder, from the beginning, the urgency of the most urgent thread
/// that will ever take it.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "kidney/core/thread_safety.hpp"
#include "sched/sync/inheritance.hpp"
#include "sched/sync/thread_control.hpp"
#include "sched/sync/wait_list.hpp"

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace kidney::sched {

namespace detail {
/// The one lock of the inheritance, by the name that each list has for its lock.
template <class Threads>
class CAPABILITY("inheritance") InheritanceLock {
public:
    void lock() noexcept ACQUIRE() KIDNEY_NO_TSA("stands for another")
    {
        Threads::inheritance_lock().lock();
    }
    void unlock() noexcept RELEASE() KIDNEY_NO_TSA("stands for another")
    {
        Threads::inheritance_lock().unlock();
    }
};
struct NoLender {};

template <class Threads>
struct TurnstileParts {
    using Base = NoLender;
    using Lock = SpinLock<Threads::wait_queue_rank, typename Threads::Cpu>;
};
template <LendingThreads Threads>
struct TurnstileParts<Threads> {
    using Base = Lender;
    using Lock = InheritanceLock<Threads>;
};
}  // namespace detail

/// Held by a thread. Cost: one atomic operation each way if nobody waits; else O(waiters of all
/// that the threads of the chain hold). Not in interrupt handlers.
template <ThreadControl Threads>
class Turnstile : private detail::TurnstileParts<Threads>::Base {
    using Thread = typename Threads::Thread;
    using Parts = detail::TurnstileParts<Threads>;
    static constexpr bool inherits = LendingThreads<Threads>;

public:
    Turnstile() noexcept = default;
    /// Where nobody lends, the ceiling means nothing.
    explicit Turnstile(Urgency ceiling) noexcept {
        if constexpr (inherits) {
            this->ceiling = ceiling;
        }
    }
    Turnstile(const Turnstile&) = delete;
    Turnstile& operator=(const Turnstile&) = delete;

    /// In one operation, if it is free and has no ceiling.
    [[nodiscard]] bool try_enter(Thread& self) noexcept {
        // acquire: see what the previous holder wrote.
        std::uintptr_t expected = 0;
        return !has_ceiling() &&
               word_.compare_exchange_strong(expected, word_of(self), std::memory_order_acquire);
    }
    /// In one operation, if nobody waits and it has no ceiling.
    [[nodiscard]] bool try_leave(Thread& self) noexcept {
        std::uintptr_t expected = word_of(self);
        return word_.compare_exchange_strong(expected, 0, std::memory_order_release);
    }

    /// Errors: interrupted, timed_out, as `limit` allows.
    [[nodiscard, gnu::noinline]] Status enter(Thread& self, WaitLimit limit) noexcept {
        Waiter<Threads> waiter(self);
        {
            const LockGuard guard(list_.lock);
            if (takes_free(self)) {
                return {};
            }
            list_.link(waiter);
            if constexpr (inherits) {
                self.borrower.waits_at = this;
                self.borrower.changed = [](Lender& lock) noexcept {
                    settle(&static_cast<Turnstile&>(lock).holder());
                };
                lend_to(holder());
            }
        }
        return list_.await(waiter, limit, this,
                           [this, &self]() KIDNEY_NO_TSA("await() holds it") { gives_up(self); });
    }
    /// Hands over to the most urgent waiter, who is woken; of equals to whoever waited longest.
    [[gnu::noinline]] void leave(Thread& self) noexcept {
        KIDNEY_INVARIANT(is_held_by(self), "mutex released by a thread that does not hold it");
        {
            const LockGuard guard(list_.lock);
            Thread* const next = list_.is_empty() ? nullptr : &list_.take_next();
            if constexpr (inherits) {
                stop_lending(self);
                if (next != nullptr) {
                    next->borrower.waits_at = nullptr;
                    if (is_wanted()) {
                        lend_to(*next);
                    }
                }
                settle(&self);
            }
            // release: whoever holds it next sees what this one wrote.
            word_.store(next == nullptr ? 0 : word_of(*next) | (is_wanted() ? goes_slowly : 0),
                        std::memory_order_release);
            if (next != nullptr) {
                Threads::wake(*next, WakeHint::none);
            }
        }
        Threads::preempt_point();
    }

    [[nodiscard]] bool is_held_by(Thread& thread) const noexcept {
        return (word_.load(std::memory_order_relaxed) & ~goes_slowly) == word_of(thread);
    }
    [[nodiscard]] bool has_ceiling() const noexcept {
        if constexpr (inherits) {
            return this->ceiling != Urgency::none;
        } else {
            return false;
        }
    }

private:
    /// The holder's address, and in bit 0 whether to leave takes more than one operation. 0: free.
    /// While the bit is set, the word changes under the list's lock only.
    static constexpr std::uintptr_t goes_slowly = 1;
    static_assert(alignof(Thread) > 1);
    /// In a longer one somebody waits for itself: locks are taken in the order of their ranks, of
    /// which there are 256.
    static constexpr std::uint32_t longest_chain = 256;

    [[nodiscard]] static std::uintptr_t word_of(Thread& thread) noexcept {
        return reinterpret_cast<std::uintptr_t>(&thread);
    }
    [[nodiscard]] Thread& holder() const noexcept {
        return *reinterpret_cast<Thread*>(word_.load(std::memory_order_relaxed) & ~goes_slowly);
    }
    /// Somebody waits, or it lends all the time.
    [[nodiscard]] bool is_wanted() const noexcept REQUIRES(list_.lock) {
        return !list_.is_empty() || has_ceiling();
    }

    /// True: it was released meanwhile and is ours. Else its holder has to look at the list.
    [[nodiscard]] bool takes_free(Thread& self) noexcept REQUIRES(list_.lock) {
        std::uintptr_t word = word_.load(std::memory_order_relaxed);
        for (;;) {
            if (word == 0) {
                const std::uintptr_t taken = word_of(self) | (has_ceiling() ? goes_slowly : 0);
                if (word_.compare_exchange_strong(word, taken, std::memory_order_acquire)) {
                    if constexpr (inherits) {
                        if (has_ceiling()) {
                            lend_to(self);
                        }
                    }
                    return true;
                }
            } else if (word_.compare_exchange_strong(word, word | goes_slowly,
                                                     std::memory_order_relaxed)) {
                return false;
            }
        }
    }
    /// Its wait is over and it has been unlinked.
    void gives_up(Thread& self) noexcept REQUIRES(list_.lock) {
        Thread& owner = holder();
        if constexpr (inherits) {
            self.borrower.waits_at = nullptr;
            if (!is_wanted()) {
                stop_lending(owner);
            }
            settle(&owner);
        }
        if (!is_wanted()) {
            word_.store(word_of(owner), std::memory_order_relaxed);
        }
    }

    // --- Inheritance; the one lock is held ---

    void lend_to(Thread& owner) noexcept {
        if (!this->lends) {
            this->lends = true;
            owner.borrower.lenders.push_back(*this);
        }
        settle(&owner);
    }
    void stop_lending(Thread& owner) noexcept {
        if (this->lends) {
            this->lends = false;
            owner.borrower.lenders.erase(owner.borrower.lenders.iterator_to(*this));
        }
    }
    /// Gives the thread what all that it holds lends it, and so on along the chain, as far as
    /// anything changes.
    static void settle(Thread* thread) noexcept {
        for (std::uint32_t n = 0; n < longest_chain; ++n) {
            if (!Threads::lend(*thread, lent_to(*thread))) {
                return;
            }
            Lender* const lock = thread->borrower.waits_at;
            if (lock == nullptr) {
                return;
            }
            thread = &static_cast<Turnstile*>(lock)->holder();
        }
    }
    [[nodiscard]] static Urgency lent_to(Thread& thread) noexcept
        KIDNEY_NO_TSA("one lock guards all lists")
    {
        Urgency most = Urgency::none;
        for (Lender& lock : thread.borrower.lenders) {
            most =
                std::max({most, lock.ceiling, static_cast<Turnstile&>(lock).list_.most_urgent()});
        }
        return most;
    }

    typename Threads::Cpu::template Atomic<std::uintptr_t> word_{0};
    WaitList<Threads, typename Parts::Lock> list_;
};

}  // namespace kidney::sched
