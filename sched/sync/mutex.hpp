/// The sleeping lock, for sections that may wait for memory, disk or user pages.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "kidney/core/thread_safety.hpp"
#include "sched/sync/lock_books.hpp"
#include "sched/sync/turnstile.hpp"

#include <cstdint>

namespace kidney::sched {

/// Held by a thread, which alone may release it. unlock() hands the mutex to the most urgent waiter
/// if the policy has urgencies, and of equals to the one that waited longest: so among equals
/// nobody overtakes and nobody starves. Meanwhile the holder runs with the urgency of whoever waits
/// (turnstile.hpp). Uncontended: one atomic operation each way. Not in interrupt handlers.
///
/// `Tries`: how often lock() looks before it sleeps. A handed-over mutex that several CPUs take
/// often and hold for moments becomes a convoy: its releaser wants it again before the next holder
/// has woken up, sleeps too, and from then on every acquisition is a sleep, a wake-up and an
/// interrupt. Who looks a little longer than a wake-up takes ends the convoy.
template <const LockRank& Rank, ThreadControl Threads, std::uint32_t Tries = 1>
class CAPABILITY("mutex") Mutex {
    using Thread = typename Threads::Thread;

public:
    static constexpr const LockRank& rank = Rank;

    Mutex() noexcept = default;
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;

    void lock() noexcept ACQUIRE() {
        Thread& self = Threads::current();
        wanted(self);
        if (!try_to_enter(self)) {
            ignore_error(enter(self, {}), "a wait without limits cannot fail");
            KIDNEY_ASSERT(is_held_by_me());
        }
        Books::taken(self.held_mutexes);
    }
    /// Gives up as `limit` says. Whoever got it says so to the compiler by assert_held(). Errors:
    /// interrupted, timed_out.
    [[nodiscard]] Status lock(WaitLimit limit) noexcept {
        Thread& self = Threads::current();
        wanted(self);
        Status entered = try_to_enter(self) ? Status() : enter(self, limit);
        if (entered) {
            Books::taken(self.held_mutexes);
        } else {
            Books::given_up(self.held_mutexes, Rank);
        }
        return entered;
    }
    [[nodiscard]] bool try_lock() noexcept TRY_ACQUIRE(true) {
        Thread& self = Threads::current();
        if (!turnstile_.try_enter(self)) {
            return false;
        }
        Books::tried(self.held_mutexes, Rank);
        return true;
    }

    void unlock() noexcept RELEASE() {
        Thread& self = Threads::current();
        Books::released(self.held_mutexes, Rank);
        if (!turnstile_.try_leave(self)) {
            turnstile_.leave(self);
        }
    }

    /// For assertions.
    [[nodiscard]] bool is_held_by_me() const noexcept {
        return turnstile_.is_held_by(Threads::current());
    }
    void assert_held() const noexcept ASSERT_CAPABILITY(this) { KIDNEY_ASSERT(is_held_by_me()); }

protected:
    /// A ceiling mutex (ceiling_mutex.hpp).
    explicit Mutex(Urgency ceiling) noexcept : turnstile_(ceiling) {}

private:
    using Books = LockBooks<typename Threads::Cpu, hal::LockKind::sleeps>;

    static void wanted(Thread& self) noexcept {
        may_sleep<typename Threads::Cpu>();
        if constexpr (checks_lock_ranks) {
            KIDNEY_INVARIANT(Threads::Cpu::held_ranks().depth() == 0,
                             "lock order: mutex under a spin lock");
        }
        Books::wanted(self.held_mutexes, Rank);
    }

    [[nodiscard]] bool try_to_enter(Thread& self) noexcept {
        bool entered = turnstile_.try_enter(self);
        for (std::uint32_t n = 1; n < Tries && !entered; ++n) {
            Threads::Cpu::relax();
            entered = turnstile_.try_enter(self);
        }
        return entered;
    }
    [[nodiscard, gnu::noinline]] Status enter(Thread& self, WaitLimit limit) noexcept {
        Status entered;
        traced_wait<typename Threads::Cpu>(
            Rank, [&]() noexcept { entered = turnstile_.enter(self, limit); });
        return entered;
    }

    Turnstile<Threads> turnstile_;
};

}  // namespace kidney::sched
