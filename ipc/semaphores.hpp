/// Sets of semaphores: semget, semop, semctl.
///
/// A list of operations happens all at once or not at all; who cannot go on waits. What a process
/// did with `undo` is taken back when it ends.
#pragma once

#include "ipc/id_table.hpp"
#include "ipc/semaphore_set.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

namespace kidney::ipc {

/// What semctl(IPC_STAT) tells.
struct SemaphoreSetFacts {
    Permission permission;
    std::int32_t id = 0;
    std::int64_t operated = 0, changed = 0;
    std::uint32_t count = 0;
};

/// `Lock` may sleep; `Queue` is where threads wait. Concurrency: any thread. Errors of all calls
/// with an id: invalid_argument (no such set). Waiters look again whenever something has changed:
/// there are few.
template <mm::ObjectAllocator Heap, BasicLockable Lock, class Queue, std::size_t Capacity>
class Semaphores {
public:
    static constexpr std::size_t capacity = Capacity;

    explicit Semaphores(Heap& heap) noexcept : heap_(heap) {}
    Semaphores(const Semaphores&) = delete;
    Semaphores& operator=(const Semaphores&) = delete;
    ~Semaphores() KIDNEY_NO_TSA("last owner")
    {
        table_.for_each([this](Set& set) { destroy(&set); });
    }

    /// semget(2). Errors: not_found, exists, permission_denied, invalid_argument (more semaphores
    /// than the set has, or none or too many of a new one), no_space, no_memory.
    [[nodiscard]] Result<std::int32_t> get(const Request& request, std::uint32_t count,
                                           const Caller& who) noexcept EXCLUDES(lock_) {
        if (count > most_in_set) {
            return fail(Errc::invalid_argument);
        }
        LockGuard guard(lock_);
        const auto has_enough = [count](const Set& set) {
            return count <= set.count ? Status() : Status(fail(Errc::invalid_argument));
        };
        if (const Set* const set = TRY(table_.find_requested(request, who, has_enough))) {
            return set->id;
        }
        if (count == 0) {
            return fail(Errc::invalid_argument);
        }
        if (table_.is_full()) {
            return fail(Errc::no_space);
        }
        Set* const set = TRY(make_set(count));
        set->permission = Permission::of_new(request.key, request.mode, who);
        set->changed = who.now;
        table_.insert(*set);
        return set->id;
    }

    /// semtimedop(2). Errors: file_too_big (no such semaphore), permission_denied, out_of_range (a
    /// value would be too large), would_block (`no_wait`, or the deadline), interrupted,
    /// identifier_removed, no_memory.
    [[nodiscard]] Status operate(std::int32_t id, std::span<const SemaphoreOperation> operations,
                                 const Caller& who, Instant deadline) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Set* set = TRY(table_.find(id));
        TRY(set->check(operations, who));
        TRY(prepare_undo(*set, operations, who));
        for (;;) {
            std::size_t blocked = 0;
            const Status done = set->attempt(operations, who, blocked);
            if (done || done.error() != Errc::would_block) {
                changed_.wake_all();
                return done;
            }
            const SemaphoreOperation& first = operations[blocked];
            if (first.no_wait) {
                return fail(Errc::would_block);
            }
            set->count_waiter(first, 1);
            const Status woken =
                changed_.wait(lock_, {.interruptible = true, .deadline = deadline});
            set = TRY(table_.find_again(id));
            set->count_waiter(first, -1);
            if (!woken) {
                return woken.error() == Errc::timed_out ? Status(fail(Errc::would_block)) : woken;
            }
        }
    }

    /// The process has ended: what it did with `undo` is taken back, as far as that goes.
    void process_gone(const Caller& who) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        table_.for_each([&](Set& set) KIDNEY_NO_TSA("called under the lock") {
            for (Undo** at = &set.undos; *at != nullptr;) {
                Undo* const undo = *at;
                if (undo->pid != who.pid) {
                    at = &undo->next;
                    continue;
                }
                set.take_back(*undo, who);
                *at = undo->next;
                destroy_undo(set, undo);
            }
        });
        changed_.wake_all();
    }

    // --- semctl(2) ---

    /// Errors of all: permission_denied too. `place` instead of an id for SEM_STAT.
    [[nodiscard]] Result<SemaphoreSetFacts> facts(std::int32_t id, const Caller& who) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return facts_of(*TRY(table_.find(id, who, Access::read)));
    }
    [[nodiscard]] Result<SemaphoreSetFacts> facts_at(std::uint32_t place, const Caller& who,
                                                     bool checks) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return facts_of(*TRY(table_.find_at(place, who, checks)));
    }
    /// Error: not_permitted.
    [[nodiscard]] Status change(std::int32_t id, std::uint32_t uid, std::uint32_t gid,
                                std::uint32_t mode, const Caller& who) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Set& set = *TRY(table_.find_owned(id, who));
        set.permission.change(uid, gid, mode);
        set.changed = who.now;
        return {};
    }
    /// Whoever waits gets identifier_removed. Error: not_permitted.
    [[nodiscard]] Status remove(std::int32_t id, const Caller& who) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Set& set = *TRY(table_.find_owned(id, who));
        table_.erase(set);
        destroy(&set);
        changed_.wake_all();
        return {};
    }
    /// One semaphore. Error: invalid_argument.
    [[nodiscard]] Result<SemaphoreValue> value(std::int32_t id, std::uint32_t number,
                                               const Caller& who) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Set& set = *TRY(table_.find(id, who, Access::read));
        if (number >= set.count) {
            return fail(Errc::invalid_argument);
        }
        return set.values()[number];
    }
    /// GETALL: the values of the first semaphores; how many the set has is the answer.
    [[nodiscard]] Result<std::uint32_t> values(std::int32_t id, std::span<std::uint16_t> to,
                                               const Caller& who) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Set& set = *TRY(table_.find(id, who, Access::read));
        for (std::size_t n = 0; n < set.count && n < to.size(); ++n) {
            to[n] = set.values()[n].value;
        }
        return set.count;
    }
    /// SETVAL. Errors: invalid_argument, out_of_range.
    [[nodiscard]] Status set_value(std::int32_t id, std::uint32_t number, std::int32_t value,
                                   const Caller& who) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Set& set = *TRY(table_.find(id, who, Access::write));
        if (number >= set.count) {
            return fail(Errc::invalid_argument);
        }
        if (value < 0 || value > highest_semaphore) {
            return fail(Errc::out_of_range);
        }
        set.assign(number, static_cast<std::uint16_t>(value), who);
        set.changed = who.now;
        changed_.wake_all();
        return {};
    }
    /// How many values SETALL must have.
    [[nodiscard]] Result<std::uint32_t> size_to_set(std::int32_t id, const Caller& who) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const Set& set = *TRY(table_.find(id, who, Access::write));
        return set.count;
    }
    /// SETALL, of exactly the set's size. Errors: invalid_argument, out_of_range.
    [[nodiscard]] Status set_values(std::int32_t id, std::span<const std::uint16_t> values,
                                    const Caller& who) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Set& set = *TRY(table_.find(id, who, Access::write));
        if (values.size() != set.count) {
            return fail(Errc::invalid_argument);  // another set by now
        }
        for (const std::uint16_t value : values) {
            if (value > highest_semaphore) {
                return fail(Errc::out_of_range);
            }
        }
        for (std::size_t n = 0; n < values.size(); ++n) {
            set.assign(n, values[n], who);
        }
        set.changed = who.now;
        changed_.wake_all();
        return {};
    }
    struct Usage {
        std::size_t sets = 0, semaphores = 0, highest = 0;
    };
    [[nodiscard]] Usage usage() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Usage sum{.sets = table_.count(), .highest = table_.highest()};
        table_.for_each([&](const Set& set) { sum.semaphores += set.count; });
        return sum;
    }

private:
    using Set = SemaphoreSet;
    using Undo = SemaphoreUndo;

    [[nodiscard]] static std::size_t bytes_of(std::uint32_t count) noexcept {
        return sizeof(Set) + count * sizeof(SemaphoreValue);
    }
    [[nodiscard]] Result<Set*> make_set(std::uint32_t count) noexcept {
        Set* const set = ::new (TRY(heap_.allocate(bytes_of(count)))) Set;
        set->count = count;
        for (std::uint32_t n = 0; n < count; ++n) {
            ::new (set->values() + n) SemaphoreValue;
        }
        return set;
    }
    void destroy(Set* set) noexcept {
        while (set->undos != nullptr) {
            Undo* const undo = std::exchange(set->undos, set->undos->next);
            destroy_undo(*set, undo);
        }
        heap_.free(set, bytes_of(set->count));
    }
    [[nodiscard]] static std::size_t undo_bytes(const Set& set) noexcept {
        return sizeof(Undo) + set.count * sizeof(std::int16_t);
    }
    void destroy_undo(const Set& set, Undo* undo) noexcept { heap_.free(undo, undo_bytes(set)); }

    [[nodiscard]] Status prepare_undo(Set& set, std::span<const SemaphoreOperation> operations,
                                      const Caller& who) noexcept REQUIRES(lock_) {
        bool wanted = false;
        for (const SemaphoreOperation& operation : operations) {
            wanted |= operation.undo;
        }
        if (!wanted || set.undo_of(who.pid) != nullptr) {
            return {};
        }
        Undo* const undo = ::new (TRY(heap_.allocate(undo_bytes(set)))) Undo;
        undo->pid = who.pid;
        std::fill_n(undo->changes(), set.count, std::int16_t{0});
        undo->next = std::exchange(set.undos, undo);
        return {};
    }
    [[nodiscard]] static SemaphoreSetFacts facts_of(const Set& set) noexcept {
        return {set.permission, set.id, set.operated, set.changed, set.count};
    }

    Heap& heap_;
    Lock lock_;
    IdTable<Set, Capacity> table_ GUARDED_BY(lock_);
    Queue changed_;
};

}  // namespace kidney::ipc
