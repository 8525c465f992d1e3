/// How poll(2) waits for several files at once.
///
/// A file that can become ready owns a `PollList` (fs/poll_list.hpp) and calls notify() on it at
/// every change. poll() makes one `PollWaiter` with an entry per file and then
///
///     1. asks every File: `readiness = file.poll(&waiter)`, which also enters it in the list;
///     2. if nothing is ready, sleeps until wake() was called (or until the deadline);
///     3. calls `waiter.leave_all()` before it returns or looks again.
///
/// Registration comes before the look at the state, both under the list's lock, so no change is
/// missed between the two. The caller keeps a Ref to every file until leave_all().
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/fs/file.hpp"

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <span>

namespace kidney::fs {

class PollSource;

/// The place of one waiter in the list of one file.
struct PollEntry {
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>
        hook;
    PollSource* source = nullptr;  ///< null: not entered anywhere
    PollWaiter* waiter = nullptr;
    bool is_exclusive = false;  ///< of those that are, one is told: the first who can do with it
};

/// A list that entries can be taken out of, whatever lock protects it.
class PollSource {
public:
    virtual void remove(PollEntry& entry) noexcept = 0;

protected:
    ~PollSource() = default;
};

/// One poll() in progress, or a place in a set of files that stays (fs/event). Owned by one thread;
/// only wake() comes from elsewhere.
class PollWaiter {
public:
    /// Called with the list's spin lock held, from any CPU, perhaps from an interrupt: it may wake
    /// a thread and nothing more. More than one call is harmless.
    virtual void wake() noexcept = 0;
    /// The same for who can tell what may have `changed` from what it waits for. False: that does
    /// not concern it.
    virtual bool wake_for(Readiness /*changed*/) noexcept {
        wake();
        return true;
    }

    /// A free entry for one more list, or null: the poll named fewer files than that.
    [[nodiscard]] PollEntry* claim() noexcept {
        return used_ < entries_.size() ? &entries_[used_++] : nullptr;
    }
    void leave_all() noexcept {
        for (PollEntry& entry : entries_.first(used_)) {
            if (entry.source != nullptr) {
                entry.source->remove(entry);
            }
        }
        used_ = 0;
    }

protected:
    /// `entries`: as many as lists will be entered; a file enters at most two.
    explicit PollWaiter(std::span<PollEntry> entries) noexcept : entries_(entries) {}
    ~PollWaiter() { KIDNEY_ASSERT(used_ == 0); }

private:
    std::span<PollEntry> entries_;
    std::size_t used_ = 0;
};

}  // namespace kidney::fs
