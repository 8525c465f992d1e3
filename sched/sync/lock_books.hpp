/// What a lock does for the books about it, beside locking: the ranks that are held, and whoever
/// watches. In release builds nothing of it is left.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/hal/lock_watch.hpp"

namespace kidney::sched {

/// `held` belongs to this CPU or thread, as `Kind` says.
template <hal::Cpu C, hal::LockKind Kind>
struct LockBooks {
    /// Before one waits for it, so that what is wrong is told before it is too late.
    static void wanted([[maybe_unused]] HeldRanks& held,
                       [[maybe_unused]] const LockRank& rank) noexcept {
        if constexpr (checks_lock_ranks) {
            if constexpr (hal::WatchesLocks<C>) {
                C::Watch::wanted(held, rank, Kind);
            }
            held.push(rank);
        }
    }
    /// What was wanted last is held now.
    static void taken([[maybe_unused]] HeldRanks& held) noexcept {
        if constexpr (checks_lock_ranks && hal::WatchesLocks<C>) {
            C::Watch::taken(held, Kind, false);
        }
    }
    /// Got without waiting, by try_lock().
    static void tried([[maybe_unused]] HeldRanks& held,
                      [[maybe_unused]] const LockRank& rank) noexcept {
        if constexpr (checks_lock_ranks) {
            held.push(rank);
            if constexpr (hal::WatchesLocks<C>) {
                C::Watch::taken(held, Kind, true);
            }
        }
    }
    /// Wanted, but not got.
    static void given_up([[maybe_unused]] HeldRanks& held,
                         [[maybe_unused]] const LockRank& rank) noexcept {
        if constexpr (checks_lock_ranks) {
            static_cast<void>(held.pop(rank));
        }
    }
    /// `next`: what the interrupt flag will be.
    static void released(
        [[maybe_unused]] HeldRanks& held, [[maybe_unused]] const LockRank& rank,
        [[maybe_unused]] hal::InterruptState next = hal::InterruptState::disabled) noexcept {
        if constexpr (checks_lock_ranks) {
            [[maybe_unused]] const HeldRanks::Taking taking = held.pop(rank);
            if constexpr (hal::WatchesLocks<C>) {
                C::Watch::released(held, rank, Kind, taking, next == hal::InterruptState::enabled);
            }
        }
    }
};

/// First thing in what may sleep, whether or not it will this time: a mistake is found the first
/// time, not when it meets a lock that is taken.
template <hal::Cpu C>
void may_sleep() noexcept {
    if constexpr (checks_lock_ranks && hal::WatchesLocks<C>) {
        C::Watch::may_sleep();
    }
}

/// Calls wait(), which waits for a lock of that rank, and tells whoever traces that.
template <hal::Cpu C, class Wait>
void traced_wait([[maybe_unused]] const LockRank& rank, Wait&& wait) noexcept {
    if constexpr (hal::TracesLockWaits<C>) {
        C::Waits::begins(rank);
        wait();
        C::Waits::ends(rank);
    } else {
        wait();
    }
}

}  // namespace kidney::sched
