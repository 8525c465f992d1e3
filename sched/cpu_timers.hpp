/// The deadlines of one CPU: what its one-shot timer is armed for.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"
#include "sched/dispatcher_config.hpp"
#include "sched/sync/ranked_lock.hpp"
#include "sched/timer_queue.hpp"

namespace kidney::sched {

/// Interrupts are off in every call. insert() and remove() may come from any CPU; arming and firing
/// is this CPU's own business.
template <DispatcherConfig Config>
class CpuTimers {
public:
    CpuTimers() noexcept { lock_.set_rank(Config::timer_rank); }

    void insert(TimerEntry& entry) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        queue_.insert(entry);
    }
    /// False if it was not in the queue. Once this has returned, nobody uses the entry any more.
    bool remove(TimerEntry& entry) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return queue_.remove(entry);
    }

    /// The hardware timer has fired: fires what is due. The answer is the next deadline.
    [[nodiscard]] Instant fire_due(Instant now) noexcept EXCLUDES(lock_) {
        armed_ = Instant::never();
        LockGuard guard(lock_);
        queue_.fire_due(now);
        return queue_.first_deadline();
    }

    /// Sets this CPU's timer unless it fires earlier anyway. An early tick is harmless, and most
    /// switches find one armed: that keeps the timer's registers out of the switch path.
    void arm_hardware(Instant deadline) noexcept {
        if (deadline < armed_) {
            armed_ = deadline;
            Config::Timer::arm(deadline);
        }
    }

private:
    RankedLock<typename Config::Cpu> lock_;
    TimerQueue queue_ GUARDED_BY(lock_);
    Instant armed_ = Instant::never();  ///< what the hardware is set to; the CPU's own
};

}  // namespace kidney::sched
