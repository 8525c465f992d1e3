/// Who watches locks: a debug kernel keeps books on every lock that is wanted, got and released
/// (sched/sync/lock_checks.hpp).
///
/// Locks are portable and find their watcher through the CPU, as they find everything else. One
/// without a watcher, and every release build, pays nothing.
#pragma once

#include "kidney/core/lock.hpp"

#include <concepts>

namespace kidney::hal {

/// What who wants it does meanwhile.
enum class LockKind : std::uint8_t { spins, sleeps };

/// A CPU's `Watch`. `held` is what this CPU (of locks that spin) or this thread (of those that
/// sleep) holds.
///   W1 wanted(held, rank, kind): before the waiting, `rank` is not among `held` yet
///   W2 taken(held, kind, tried): the innermost of `held` was got; it may note() when and where
///   W3 released(held, rank, kind, taking, interrupts_come): it is not among `held` any more;
///      interrupts are let in next, or stay as they are
///   W4 may_sleep(): before what might sleep, even if it need not this time
/// Any context. They take no lock that is watched.
template <class W>
concept LockWatcher = requires(HeldRanks& held, const HeldRanks& held_only, const LockRank& rank,
                               LockKind kind, const HeldRanks::Taking& taking, bool flag) {
    { W::wanted(held_only, rank, kind) } noexcept -> std::same_as<void>;
    { W::taken(held, kind, flag) } noexcept -> std::same_as<void>;
    { W::released(held_only, rank, kind, taking, flag) } noexcept -> std::same_as<void>;
    { W::may_sleep() } noexcept -> std::same_as<void>;
};

template <class C>
concept WatchesLocks = LockWatcher<typename C::Watch>;

/// A CPU's `Waits`, in release builds too: told when somebody begins to wait for a lock, and when
/// that ends. Who gets the lock at once never comes here. Any context.
template <class C>
concept TracesLockWaits = requires(const LockRank& rank) {
    { C::Waits::begins(rank) } noexcept -> std::same_as<void>;
    { C::Waits::ends(rank) } noexcept -> std::same_as<void>;
};

}  // namespace kidney::hal
