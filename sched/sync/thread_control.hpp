/// What sleeping locks need of the dispatcher: a contract, so that they also run on the explorer's
/// tiny one (sim/explorer.hpp).
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/sched/refinements.hpp"
#include "kidney/sched/waiting.hpp"
#include "sched/sync/inheritance.hpp"

#include <concepts>

namespace kidney::sched {

/// All static: "the dispatcher" is the one of the machine that executes the call.
///   B1 wake(t) makes t ready if it waits; else t's next block() returns at once. The hint decides
///      where t runs, nothing else
///   B2 block() returns after a wake(), and perhaps without: callers loop
///   B3 block_until(d) is block(), but returns false soon after d
/// A Thread has `interrupted`, `held_mutexes`, `preempt_count` and `waits_for` (sched/thread.hpp).
template <class T>
concept ThreadControl = hal::Cpu<typename T::Cpu> &&
                        requires(typename T::Thread& thread, Instant deadline, WakeHint hint) {
                            { T::current() } noexcept -> std::same_as<typename T::Thread&>;
                            { T::block() } noexcept -> std::same_as<void>;
                            { T::block_until(deadline) } noexcept -> std::same_as<bool>;
                            { T::wake(thread, hint) } noexcept -> std::same_as<void>;
                            { T::preempt_point() } noexcept -> std::same_as<void>;
                            { T::wait_queue_rank } -> std::convertible_to<const LockRank&>;
                        };

/// A dispatcher whose policy has urgencies (`LendsUrgency`).
///   B4 urgency(t) is the scheduler's, lent included. lend(t, u): at least `u` until the next
///      lend(); false if just that was lent before
/// lend() is called, and a Thread's `borrower` used, under inheritance_lock().
template <class T>
concept LendingThreads = ThreadControl<T> && requires(typename T::Thread& thread, Urgency urgency) {
    { T::urgency(thread) } noexcept -> std::same_as<Urgency>;
    { T::lend(thread, urgency) } noexcept -> std::same_as<bool>;
    { T::inheritance_lock() } noexcept;
    { (thread.borrower) } -> std::same_as<Borrower&>;
};

/// The model over a `Dispatcher`: `Where::dispatcher()` gives the one of this world,
/// `Where::wait_queue_rank` the rank of the spin locks inside wait queues.
template <class D, class Where>
struct Threads {
    using Cpu = typename D::Cpu;
    using Thread = typename D::Thread;
    static constexpr const LockRank& wait_queue_rank = Where::wait_queue_rank;

    [[nodiscard]] static Thread& current() noexcept { return D::current(); }
    static void block() noexcept { Where::dispatcher().block(); }
    [[nodiscard]] static bool block_until(Instant deadline) noexcept {
        return Where::dispatcher().block_until(deadline);
    }
    static void wake(Thread& thread, WakeHint hint) noexcept {
        static_cast<void>(Where::dispatcher().wake(thread, hint));
    }
    static void preempt_point() noexcept { Where::dispatcher().preempt_point(); }
    /// Ends the thread's present or next interruptible sleep (Dispatcher::interrupt).
    static void interrupt(Thread& thread) noexcept { Where::dispatcher().interrupt(thread); }

    [[nodiscard]] static Urgency urgency(Thread& thread) noexcept
        requires LendsUrgency<typename D::Policy>
    {
        return Where::dispatcher().urgency(thread);
    }
    [[nodiscard]] static bool lend(Thread& thread, Urgency urgency) noexcept
        requires LendsUrgency<typename D::Policy>
    {
        return Where::dispatcher().lend(thread, urgency);
    }
    [[nodiscard]] static auto& inheritance_lock() noexcept
        requires LendsUrgency<typename D::Policy>
    {
        return Where::dispatcher().inheritance_lock();
    }
};

}  // namespace kidney::sched
