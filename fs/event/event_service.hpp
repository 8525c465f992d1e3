/// Makes files that carry events: counters, and sets of files.
#pragma once

#include "fs/event/event_counter.hpp"
#include "fs/event/event_set.hpp"
#include "kidney/core/user_account.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <cstdint>
#include <limits>
#include <utility>

namespace kidney::fs {

/// What an EventService stands on.
///   `Lock`, `Queue`: of one counter; `PollLock`: of its pollers, a spin lock
///   `SetLock`, `SetQueue`: of all sets, a spin lock, and those who wait for one of them
///   `ScanLock`: of one set; taken before all that a file may take which is polled, or which ends
///   `Format::events_of(Readiness)`: the bits by which programs name events
///   `Payers` tells who pays for an item
template <class E>
concept EventEnvironment =
    mm::ObjectAllocator<typename E::Heap> && BasicLockable<typename E::Lock> &&
    BasicLockable<typename E::PollLock> && BasicLockable<typename E::SetLock> &&
    BasicLockable<typename E::ScanLock> && requires(Readiness ready) {
        { E::events_of(ready) } noexcept -> std::same_as<std::uint32_t>;
        typename E::Queue;
        typename E::SetQueue;
        typename E::Payers;
    };

template <EventEnvironment E>
class EventService {
public:
    using HeapType = typename E::Heap;
    using LockType = typename E::Lock;
    using QueueType = typename E::Queue;
    using PollLockType = typename E::PollLock;
    using ScanLockType = typename E::ScanLock;
    using EventQueueType = typename E::SetQueue;

    /// A user may have so many items in sets.
    explicit EventService(HeapType& heap, std::uint32_t most_items =
                                              std::numeric_limits<std::uint32_t>::max()) noexcept
        : heap_(heap), most_items_(most_items) {}

    /// Error: no_memory.
    [[nodiscard]] Result<Ref<File>> create_counter(std::uint64_t count, bool takes_one,
                                                   bool non_blocking) noexcept {
        return Ref<File>(TRY(mm::make_ref<EventCounter<EventService>>(heap_, *this, count,
                                                                      takes_one, non_blocking)));
    }
    /// Error: no_memory.
    [[nodiscard]] Result<Ref<File>> create_set() noexcept {
        return Ref<File>(TRY(mm::make_ref<EventSetFile<EventService>>(heap_, *this)));
    }
    /// Null: `file` is no set.
    [[nodiscard]] static EventSetFile<EventService>* set_of(File& file) noexcept {
        return static_cast<EventSetFile<EventService>*>(file.event_set());
    }

    // For what it makes.
    [[nodiscard]] HeapType& heap() noexcept { return heap_; }
    [[nodiscard]] static std::uint32_t events_of(Readiness ready) noexcept {
        return E::events_of(ready);
    }
    /// False: the user has too many items.
    [[nodiscard]] bool book(Share& share) noexcept {
        return share.take(typename E::Payers()(), Holding::watches, 1, most_items_);
    }

    typename E::SetLock lock;  ///< of all sets
    std::uint64_t wave = 0;    ///< changes told, under the lock

private:
    HeapType& heap_;
    const std::uint32_t most_items_;
};

}  // namespace kidney::fs
