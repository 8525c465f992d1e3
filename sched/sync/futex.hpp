/// Threads that sleep until a word in user memory changes: what the locks of programs fall back to.
///
/// The engine knows keys, not memory: how a word is named (an address in one space, or a place in a
/// shared frame) and read is its user's business. Programs change the word without telling us, so
/// everything rests on one order: a waiter is linked first and looks at the word then; who changes
/// it wakes afterwards.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "kidney/core/time.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sched/sync/thread_control.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace kidney::sched {

/// Which word. Equal keys have equal hashes.
template <class K>
concept FutexKey = std::equality_comparable<K> && requires(const K& key) {
    { key.hash() } noexcept -> std::same_as<std::uint32_t>;
};

/// Who sleeps where. The most urgent first, among them first come, first woken: of those whose bits
/// the waker names. Cost: O(waiters in the bucket). Concurrency: any; the callables run without the
/// lock and may sleep.
template <ThreadControl Threads, FutexKey Key, const LockRank& Rank>
class FutexTable {
public:
    static constexpr std::uint32_t all_bits = ~std::uint32_t{0};

    constexpr FutexTable() noexcept = default;
    FutexTable(const FutexTable&) = delete;
    FutexTable& operator=(const FutexTable&) = delete;

    /// Sleeps until a wake() of `key` names one of `bits`. `is_expected()` is the look at the word
    /// (Result<bool>), `deadline()` tells the Instant at which to give up, each time anew. Of
    /// higher `urgency` is who is woken first. Errors: would_block (the word is not as expected),
    /// what is_expected() fails with, timed_out, interrupted.
    template <class IsExpected, class Deadline>
    [[nodiscard]] Status wait(const Key& key, std::uint32_t bits, IsExpected&& is_expected,
                              Deadline&& deadline, std::uint32_t urgency = 0) noexcept {
        typename Threads::Thread& self = Threads::current();
        Waiter waiter(self, key, bits, urgency);
        {
            LockGuard guard(lock_);
            link(waiter);
        }
        const Result<bool> expected = is_expected();
        Status result;
        if (!expected) {
            result = fail(expected.error());
        } else if (!*expected) {
            result = fail(Errc::would_block);
        }
        for (;;) {
            if (result && self.interrupted.load() != 0) {
                result = fail(Errc::interrupted);
            }
            if (result && !Threads::block_until(deadline())) {
                result = fail(Errc::timed_out);
            }
            LockGuard guard(lock_);
            if (!waiter.linked) {
                return {};  // woken: a wake-up is never lost to a signal, a deadline or a change
            }
            if (!result) {
                unlink(waiter);
                return result;
            }
        }
    }

    /// Wakes up to `most` waiters; returns how many.
    std::uint32_t wake(const Key& key, std::uint32_t most, std::uint32_t bits = all_bits) noexcept {
        LockGuard guard(lock_);
        return wake_locked(key, most, bits);
    }

    /// Wakes up to `wake` waiters of `from` and moves up to `move` of the others to `to`, in one
    /// step with the look `is_expected()`: no wait, wake or requeue comes between. Returns how many
    /// were woken or moved. Errors: would_block, what is_expected() fails with.
    template <class IsExpected>
    [[nodiscard]] Result<std::uint32_t> requeue(const Key& from, const Key& to, std::uint32_t wake,
                                                std::uint32_t move,
                                                IsExpected&& is_expected) noexcept {
        for (;;) {
            const std::uint32_t before = operations();
            if (!TRY(is_expected())) {
                return fail(Errc::would_block);
            }
            LockGuard guard(lock_);
            if (operations_ != before) {
                continue;  // the word may have changed in between: look again
            }
            std::uint32_t done = wake_locked(from, wake, all_bits);
            Bucket& bucket = bucket_of(from);
            Waiter* next = nullptr;
            for (Waiter* at = bucket.first; at != nullptr && move != 0; at = next) {
                next = at->next;
                if (at->key == from) {
                    unlink(*at);
                    at->key = to;
                    link(*at);
                    ++done;
                    --move;
                    if (from == to) {
                        next = nullptr;  // it is behind all its equals now, and would be met again
                    }
                }
            }
            return done;
        }
    }

private:
    /// Lives on the sleeper's stack.
    struct Waiter {
        Waiter(typename Threads::Thread& t, const Key& k, std::uint32_t b, std::uint32_t u) noexcept
            : thread(t), key(k), bits(b), urgency(u) {}
        typename Threads::Thread& thread;
        Key key;
        std::uint32_t bits;
        std::uint32_t urgency;
        bool linked = false;  ///< cleared by the waker: that is the message
        Waiter* next = nullptr;
        Waiter* previous = nullptr;
    };
    struct Bucket {
        Waiter* first = nullptr;
        Waiter* last = nullptr;
    };
    static constexpr std::size_t buckets = 64;

    [[nodiscard]] Bucket& bucket_of(const Key& key) noexcept REQUIRES(lock_) {
        return buckets_[key.hash() % buckets];
    }
    [[nodiscard]] std::uint32_t operations() noexcept {
        LockGuard guard(lock_);
        return operations_;
    }

    void link(Waiter& w) noexcept REQUIRES(lock_) {
        ++operations_;
        Bucket& bucket = bucket_of(w.key);
        w.linked = true;
        w.previous = bucket.last;
        while (w.previous != nullptr && w.previous->urgency < w.urgency) {
            w.previous = w.previous->previous;
        }
        Waiter*& place = w.previous == nullptr ? bucket.first : w.previous->next;
        w.next = place;
        (w.next == nullptr ? bucket.last : w.next->previous) = &w;
        place = &w;
    }
    void unlink(Waiter& w) noexcept REQUIRES(lock_) {
        ++operations_;
        Bucket& bucket = bucket_of(w.key);
        w.linked = false;
        (w.previous == nullptr ? bucket.first : w.previous->next) = w.next;
        (w.next == nullptr ? bucket.last : w.next->previous) = w.previous;
    }
    std::uint32_t wake_locked(const Key& key, std::uint32_t most, std::uint32_t bits) noexcept
        REQUIRES(lock_) {
        ++operations_;
        std::uint32_t woken = 0;
        Waiter* next = nullptr;
        for (Waiter* at = bucket_of(key).first; at != nullptr && woken < most; at = next) {
            next = at->next;
            if (at->key == key && (at->bits & bits) != 0) {
                unlink(*at);
                Threads::wake(at->thread, WakeHint::none);
                ++woken;
            }
        }
        return woken;
    }

    SpinLock<Rank, typename Threads::Cpu> lock_;
    std::array<Bucket, buckets> buckets_ GUARDED_BY(lock_){};
    /// What requeue() sees other operations by. It wraps after 2^32 within one look.
    std::uint32_t operations_ GUARDED_BY(lock_) = 0;
};

}  // namespace kidney::sched
