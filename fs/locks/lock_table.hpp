/// Advisory locks on files: who holds which bytes, and who waits for them.
///
/// One engine serves fcntl's record locks (an owner is a process, ranges split and merge) and flock
/// (an owner is an open file, the range is always the whole file); the two do not see each other,
/// so a kernel has one table for each. Locks are kept in one list: there are few, and a file that
/// nobody has locked costs nothing.
#pragma once

#include "fs/locks/lock_request.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/result.hpp"
#include "kidney/core/user_account.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"
#include "kidney/sched/waiting.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

namespace kidney::fs {

/// `Lock` guards the table; `Queue` is where owners sleep; `Payers` tells who asks. Concurrency:
/// any thread; set() sleeps if asked to. Nodes are retained while locked, and let go of without the
/// lock held.
template <mm::ObjectAllocator Heap, BasicLockable Lock, class Queue, class Payers = NobodyPays>
    requires sched::WaitQueueFor<Queue, Lock>
class LockTable {
public:
    /// One user has no more than `most` locks, about: a change needs two for a moment.
    explicit LockTable(Heap& heap,
                       std::uint32_t most = std::numeric_limits<std::uint32_t>::max()) noexcept
        : heap_(heap), most_(most) {}
    LockTable(const LockTable&) = delete;
    LockTable& operator=(const LockTable&) = delete;
    ~LockTable() KIDNEY_NO_TSA("last owner")
    {
        discard(std::exchange(held_, nullptr));
    }

    /// F_GETLK: the first lock, by position, that `wanted` would have to wait for.
    [[nodiscard]] std::optional<LockRequest> find_conflict(const Vnode& node,
                                                           const LockRequest& wanted) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const Held* const found = blocker_of(node, wanted);
        return found == nullptr ? std::nullopt : std::optional(found->what);
    }

    /// Locks the range, whatever the owner held in it before. On error nothing has changed. Errors:
    /// would_block (unless `wait`), deadlock (`wait`, among processes), interrupted, no_memory,
    /// no_locks (the user has too many).
    [[nodiscard]] Status set(Vnode& node, const LockRequest& wanted, bool wait) noexcept
        EXCLUDES(lock_) {
        Spares spares(heap_);
        TRY(spares.fill(node, most_));
        LockGuard guard(lock_);
        while (blocker_of(node, wanted) != nullptr) {
            if (!wait) {
                return fail(Errc::would_block);
            }
            TRY(wait_for(node, wanted));
        }
        carve(node, wanted.owner, wanted.range, spares);
        insert(wanted, spares);
        changed_.wake_all();  // an exclusive lock may have become a shared one
        return {};
    }

    /// Unlocks the owner's part of the range. Errors, when a lock falls in two: no_memory,
    /// no_locks.
    [[nodiscard]] Status clear(Vnode& node, LockOwner owner, LockRange range) noexcept
        EXCLUDES(lock_) {
        Spares spares(heap_);
        const Status filled = spares.fill(node, most_);
        LockGuard guard(lock_);
        if (!filled && falls_in_two(node, owner, range)) {
            return filled;
        }
        carve(node, owner, range, spares);
        changed_.wake_all();
        return {};
    }

    /// The owner has closed this file, or is gone altogether (no node given).
    void release(LockOwner owner, const Vnode* node = nullptr) noexcept EXCLUDES(lock_) {
        Held* gone = nullptr;
        {
            LockGuard guard(lock_);
            for (Held** at = &held_; *at != nullptr;) {
                Held& held = **at;
                if (held.what.owner == owner && (node == nullptr || held.node.get() == node)) {
                    *at = std::exchange(held.next, gone);
                    gone = &held;
                } else {
                    at = &held.next;
                }
            }
            changed_.wake_all();
        }
        discard(gone);
    }

private:
    struct Held {
        Ref<Vnode> node;
        LockRequest what;
        Share share;
        Held* next = nullptr;
    };
    /// A thread in set(), on its own stack.
    struct Waiting {
        const Vnode& node;
        const LockRequest& what;
        Waiting* next = nullptr;
        bool is_reached = false;  ///< of the search for a circle
    };

    /// Objects to change the list with, made before the lock is taken, and objects that have left
    /// it: the constructor's caller pays for memory and nodes outside of the lock.
    class Spares {
    public:
        explicit Spares(Heap& heap) noexcept : heap_(heap) {}
        ~Spares() { discard_in(heap_, free_); }
        Spares(const Spares&) = delete;
        Spares& operator=(const Spares&) = delete;

        /// One for the new lock, one in case an old one falls in two.
        [[nodiscard]] Status fill(Vnode& node, std::uint32_t most) noexcept {
            const Payer payer = Payers()();
            for (int i = 0; i < 2; ++i) {
                Share share;
                if (!share.take(payer, Holding::file_locks, 1, most)) {
                    return fail(Errc::no_locks);
                }
                put(*TRY(mm::make<Held>(heap_, Ref<Vnode>::share(node),
                                        LockRequest{LockOwner::process(0)}, std::move(share),
                                        nullptr)));
            }
            return {};
        }
        void put(Held& held) noexcept { held.next = std::exchange(free_, &held); }
        [[nodiscard]] Held& take() noexcept {
            KIDNEY_INVARIANT(free_ != nullptr, "a change of locks needs two objects at most");
            return *std::exchange(free_, free_->next);
        }

    private:
        Heap& heap_;
        Held* free_ = nullptr;
    };

    static void discard_in(Heap& heap, Held* list) noexcept {
        while (list != nullptr) {
            Held* const next = list->next;
            mm::destroy(heap, list);
            list = next;
        }
    }
    void discard(Held* list) noexcept { discard_in(heap_, list); }

    [[nodiscard]] const Held* blocker_of(const Vnode& node,
                                         const LockRequest& wanted) const noexcept REQUIRES(lock_) {
        const Held* first = nullptr;
        for (const Held* held = held_; held != nullptr; held = held->next) {
            if (held->node.get() == &node && conflict(held->what, wanted) &&
                (first == nullptr || held->what.range.first < first->what.range.first)) {
                first = held;
            }
        }
        return first;
    }

    /// Would the range leave two parts of a lock that the owner holds?
    [[nodiscard]] bool falls_in_two(const Vnode& node, LockOwner owner,
                                    LockRange range) const noexcept REQUIRES(lock_) {
        for (const Held* held = held_; held != nullptr; held = held->next) {
            const LockRange& old = held->what.range;
            if (held->node.get() == &node && held->what.owner == owner && old.first < range.first &&
                range.last < old.last) {
                return true;
            }
        }
        return false;
    }
    /// Takes the range out of what the owner holds.
    void carve(const Vnode& node, LockOwner owner, LockRange range, Spares& spares) noexcept
        REQUIRES(lock_) {
        for (Held** at = &held_; *at != nullptr;) {
            Held& held = **at;
            LockRange& old = held.what.range;
            if (held.node.get() != &node || held.what.owner != owner || !old.overlaps(range)) {
                at = &held.next;
                continue;
            }
            const bool keeps_begin = old.first < range.first;
            const bool keeps_end = range.last < old.last;
            if (keeps_begin && keeps_end) {
                Held& rest = spares.take();
                rest.what = held.what;
                rest.what.range.first = range.last + 1;
                rest.next = std::exchange(held.next, &rest);
                old.last = range.first - 1;
                at = &rest.next;
            } else if (keeps_begin) {
                old.last = range.first - 1;
                at = &held.next;
            } else if (keeps_end) {
                old.first = range.last + 1;
                at = &held.next;
            } else {
                *at = held.next;
                spares.put(held);
            }
        }
    }
    /// Adds a lock where its owner holds nothing, joined with neighbours of its kind.
    void insert(const LockRequest& wanted, Spares& spares) noexcept REQUIRES(lock_) {
        Held& fresh = spares.take();
        fresh.what = wanted;
        LockRange& range = fresh.what.range;
        for (Held** at = &held_; *at != nullptr;) {
            Held& held = **at;
            const LockRequest& what = held.what;
            if (held.node == fresh.node && what.owner == wanted.owner && what.kind == wanted.kind &&
                what.range.touches(range)) {
                range.first = what.range.first < range.first ? what.range.first : range.first;
                range.last = what.range.last > range.last ? what.range.last : range.last;
                *at = held.next;
                spares.put(held);
            } else {
                at = &held.next;
            }
        }
        fresh.next = std::exchange(held_, &fresh);
    }

    [[nodiscard]] Status wait_for(const Vnode& node, const LockRequest& wanted) noexcept
        REQUIRES(lock_) {
        if (wanted.owner.is_process() && would_close_a_circle(node, wanted)) {
            return fail(Errc::deadlock);
        }
        Waiting self{node, wanted, waiting_};
        waiting_ = &self;
        const Status result = changed_.wait(lock_, {.interruptible = true});
        for (Waiting** at = &waiting_;; at = &(*at)->next) {
            if (*at == &self) {
                *at = self.next;
                break;
            }
        }
        return result;
    }
    /// Would the owner wait for somebody who waits, over any number of others, for the owner?
    [[nodiscard]] bool would_close_a_circle(const Vnode& node, const LockRequest& wanted) noexcept
        REQUIRES(lock_) {
        for (Waiting* w = waiting_; w != nullptr; w = w->next) {
            w->is_reached = blocks(w->what.owner, node, wanted);
        }
        for (bool grown = true; grown;) {
            grown = false;
            for (Waiting* w = waiting_; w != nullptr; w = w->next) {
                if (!w->is_reached) {
                    continue;
                }
                if (blocks(wanted.owner, w->node, w->what)) {
                    return true;
                }
                for (Waiting* other = waiting_; other != nullptr; other = other->next) {
                    if (!other->is_reached && blocks(other->what.owner, w->node, w->what)) {
                        other->is_reached = grown = true;
                    }
                }
            }
        }
        return false;
    }
    [[nodiscard]] bool blocks(LockOwner owner, const Vnode& node,
                              const LockRequest& wanted) const noexcept REQUIRES(lock_) {
        for (const Held* held = held_; held != nullptr; held = held->next) {
            if (held->what.owner == owner && held->node.get() == &node &&
                conflict(held->what, wanted)) {
                return true;
            }
        }
        return false;
    }

    Heap& heap_;
    const std::uint32_t most_;
    Lock lock_;
    Held* held_ GUARDED_BY(lock_) = nullptr;
    Waiting* waiting_ GUARDED_BY(lock_) = nullptr;
    Queue changed_;  ///< a lock has been given up, or has become weaker
};

}  // namespace kidney::fs
