/// Deadlines in order: what a CPU's one-shot timer is armed from.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/time.hpp"

#include <boost/intrusive/set.hpp>
#include <boost/intrusive/set_hook.hpp>

namespace kidney::sched {

/// One deadline; lives in its owner (often on the stack of a sleeper).
struct TimerEntry {
    /// What happens. Runs in the timer interrupt under the timer lock: wake a thread, post a
    /// signal; never arm or cancel timers. Returns the next deadline, or Instant::never().
    using Fired = Instant (*)(TimerEntry& entry, Instant now) noexcept;

    Instant deadline;
    Fired fired = nullptr;

    // The queue's.
    boost::intrusive::set_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>
        hook;
    std::uint32_t cpu = 0;
    bool queued = false;

    friend bool operator<(const TimerEntry& a, const TimerEntry& b) noexcept {
        return a.deadline < b.deadline;
    }
};

/// Equal deadlines fire in the order of insertion. Cost: O(log n). Callers serialise.
class TimerQueue {
public:
    void insert(TimerEntry& entry) noexcept {
        KIDNEY_INVARIANT(!entry.queued, "timer armed twice");
        entry.queued = true;
        entries_.insert(entry);
    }
    /// False if it was not in the queue.
    bool remove(TimerEntry& entry) noexcept {
        if (!entry.queued) {
            return false;
        }
        entry.queued = false;
        entries_.erase(entries_.iterator_to(entry));
        return true;
    }
    [[nodiscard]] Instant first_deadline() const noexcept {
        return entries_.empty() ? Instant::never() : entries_.begin()->deadline;
    }
    /// Fires all that are due at `now`.
    void fire_due(Instant now) noexcept {
        while (!entries_.empty() && entries_.begin()->deadline <= now) {
            TimerEntry& entry = *entries_.begin();
            remove(entry);
            const Instant next = entry.fired(entry, now);
            if (next != Instant::never()) {
                entry.deadline = next;
                insert(entry);
            }
        }
    }

private:
    using Hook =
        boost::intrusive::member_hook<TimerEntry, decltype(TimerEntry::hook), &TimerEntry::hook>;
    boost::intrusive::multiset<TimerEntry, Hook> entries_;
};

}  // namespace kidney::sched
