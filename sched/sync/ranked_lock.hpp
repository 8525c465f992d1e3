/// The lock inside the dispatcher: unlike a `SpinLock` it can be held across a context switch, and
/// its rank is a value.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/thread_safety.hpp"
#include "kidney/hal/cpu.hpp"
#include "sched/sync/lock_books.hpp"
#include "sched/sync/ticket_lock.hpp"

namespace kidney::sched {

/// Interrupts are off while it is held; turning them off is the caller's business.
template <hal::Cpu C>
class CAPABILITY("ranked lock") RankedLock {
public:
    RankedLock() noexcept = default;
    RankedLock(const RankedLock&) = delete;
    RankedLock& operator=(const RankedLock&) = delete;

    /// Before first use.
    void set_rank(LockRank rank) noexcept { rank_ = rank; }

    void lock() noexcept ACQUIRE() KIDNEY_NO_TSA("the capability is this object, not ticket_")
    {
        Books::wanted(C::held_ranks(), rank_);
        ticket_.lock([this](auto&& wait) noexcept { traced_wait<C>(rank_, wait); });
        Books::taken(C::held_ranks());
    }
    void unlock() noexcept RELEASE() KIDNEY_NO_TSA("the capability is this object, not ticket_")
    {
        ticket_.unlock();
        Books::released(C::held_ranks(), rank_);
    }

    /// A mere attempt cannot deadlock, so it may go against the order and records no rank.
    [[nodiscard]] bool try_lock() noexcept TRY_ACQUIRE(true)
        KIDNEY_NO_TSA("the capability is this object, not ticket_")
    {
        return ticket_.try_lock();
    }
    void unlock_tried() noexcept RELEASE()
        KIDNEY_NO_TSA("the capability is this object, not ticket_")
    {
        ticket_.unlock();
    }

private:
    using Books = LockBooks<C, hal::LockKind::spins>;

    TicketLock<C> ticket_;
    LockRank rank_{};
};

}  // namespace kidney::sched
