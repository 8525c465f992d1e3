/// The spin lock: short critical sections, interrupts off while it is held.
///
/// Under it: no sleeping, no user copy, no disk. Where the section may sleep, take a `Mutex`.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/thread_safety.hpp"
#include "kidney/hal/cpu.hpp"
#include "sched/sync/lock_books.hpp"
#include "sched/sync/ticket_lock.hpp"

namespace kidney::sched {

/// Fair, for any context including interrupt handlers. Rank is its place in the global order.
/// `Bare` is what it spins on: `TicketLock`, or `McsLock` where many CPUs want it.
template <const LockRank& Rank, hal::Cpu C, template <hal::Cpu> class Bare = TicketLock>
class CAPABILITY("spin lock") SpinLock {
public:
    static constexpr const LockRank& rank = Rank;

    constexpr SpinLock() noexcept = default;
    SpinLock(const SpinLock&) = delete;
    SpinLock& operator=(const SpinLock&) = delete;

    void lock() noexcept ACQUIRE() KIDNEY_NO_TSA("the capability is this object, not bare_")
    {
        const hal::InterruptState before = C::interrupts_disable();
        Books::wanted(C::held_ranks(), Rank);
        bare_.lock([](auto&& wait) noexcept { traced_wait<C>(Rank, wait); });
        Books::taken(C::held_ranks());
        before_ = before;
    }

    /// Never waits: for reports about a machine that may be stuck.
    [[nodiscard]] bool try_lock() noexcept TRY_ACQUIRE(true)
        KIDNEY_NO_TSA("the capability is this object, not bare_")
    {
        const hal::InterruptState before = C::interrupts_disable();
        if (!bare_.try_lock()) {
            C::interrupts_restore(before);
            return false;
        }
        Books::tried(C::held_ranks(), Rank);
        before_ = before;
        return true;
    }

    void unlock() noexcept RELEASE() KIDNEY_NO_TSA("the capability is this object, not bare_")
    {
        const hal::InterruptState before = before_;
        bare_.unlock();
        Books::released(C::held_ranks(), Rank, before);
        C::interrupts_restore(before);
    }

private:
    using Books = LockBooks<C, hal::LockKind::spins>;

    Bare<C> bare_;
    hal::InterruptState before_ = hal::InterruptState::disabled;  ///< the holder's
};

}  // namespace kidney::sched
