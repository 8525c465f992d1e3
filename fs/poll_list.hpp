/// The waiters of one file: `PollSource` over a lock.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/fs/poll.hpp"

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
    }
    /// The state changed: wakes everybody, who will look again.
    void notify() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (PollEntry& entry : entries_) {
            entry.waiter->wake();
        }
    }
    void remove(PollEntry& entry) noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        entries_.erase(entries_.iterator_to(entry));
        entry.source = nullptr;
    }

private:
    using Entries = boost::intrusive::list<
        PollEntry,
        boost::intrusive::member_hook<PollEntry, decltype(PollEntry::hook), &PollEntry::hook>>;
    Lock lock_;
    Entries entries_ GUARDED_BY(lock_);
};

}  // namespace kidney::fs
