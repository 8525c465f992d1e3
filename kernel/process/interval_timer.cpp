#include "kernel/process/interval_timer.hpp"

#include "kernel/process/process.hpp"
#include "kernel/signal/send.hpp"

namespace kidney::kernel {

Instant IntervalTimer::fired(sched::TimerEntry& entry, Instant now) noexcept {
    auto& own = static_cast<Entry&>(entry);
    {
        LockGuard guard(process_lock);
        send_signal(*own.owner, abi::sig_alrm, {});
    }
    return next_ring(own.deadline, own.interval, now);
}

IntervalTimer::Setting IntervalTimer::get() noexcept {
    if (!armed_) {
        return {};
    }
    const Duration left = entry_.deadline - Clock::now();
    if (left <= Duration() && entry_.interval == Duration()) {
        return {};
    }
    return {left, entry_.interval};
}

IntervalTimer::Setting IntervalTimer::set(Process& owner, Setting next) noexcept {
    const Setting before = get();
    cancel();
    if (next.remaining > Duration()) {
        entry_.owner = &owner;
        entry_.interval = next.interval;
        entry_.fired = &IntervalTimer::fired;
        entry_.deadline = Clock::now() + next.remaining;
        armed_ = true;
        dispatcher().arm_timer(entry_);
    }
    return before;
}

void IntervalTimer::cancel() noexcept {
    if (armed_) {
        static_cast<void>(dispatcher().cancel_timer(entry_));  // false: it has fired already
        armed_ = false;
    }
}

}  // namespace kidney::kernel
