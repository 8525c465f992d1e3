/// The waiters of one file: `PollSource` over a lock.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/fs/poll.hpp"

#include <atomic>

namespace kidney::fs {

/// `Lock` is a spin lock where interrupts notify (terminals), and may be any lock elsewhere.
template <BasicLockable Lock>
class PollList final : public PollSource {
public:
    /// Enters `waiter`, if there is one. Call it before looking at the state.
    void enter(PollWaiter* waiter) noexcept EXCLUDES(lock_) {
        PollEntry* const entry = waiter == nullptr ? nullptr : waiter->claim();
        if (entry == nullptr) {
            return;
        }
        LockGuard guard(lock_);
        entry->source = this;
        entry->waiter = waiter;
        entries_.push_back(*entry);
        has_entries_.store(true, std::memory_order_relaxed);
    }
    /// The state changed, as far as `changed` says: wakes everybody, who will look again. Call it
    /// under the lock of that state or after it.
    void notify(Readiness changed = Readiness::all()) noexcept EXCLUDES(lock_) {
        // relaxed: the lock of the state orders it. A poll that did not see the change looked at
        // the state before us, and had entered before that.
        if (!has_entries_.load(std::memory_order_relaxed)) {
            return;
        }
        LockGuard guard(lock_);
        bool has_taker = false;
        for (PollEntry& entry : entries_) {
            if (!entry.is_exclusive) {
                entry.waiter->wake_for(changed);
            } else if (!has_taker) {
                has_taker = entry.waiter->wake_for(changed);
            }
        }
    }
    void remove(PollEntry& entry) noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        entries_.erase(entries_.iterator_to(entry));
        entry.source = nullptr;
        has_entries_.store(!entries_.empty(), std::memory_order_relaxed);
    }

private:
    using Entries = boost::intrusive::list<
        PollEntry,
        boost::intrusive::member_hook<PollEntry, decltype(PollEntry::hook), &PollEntry::hook>>;
    Lock lock_;
    Entries entries_ GUARDED_BY(lock_);
    std::atomic<bool> has_entries_ = false;
};

}  // namespace kidney::fs
