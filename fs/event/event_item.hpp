/// One file in one set: what the set wants to hear of it, and where the two keep each other.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/core/user_account.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/poll.hpp"
#include "kidney/mm/make.hpp"

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <array>
#include <cstdint>
#include <utility>

namespace kidney::fs {

/// What open files know of sets: that they are some.
class EventSet {
protected:
    ~EventSet() = default;
};

/// What is wanted of a file. The bits of events are the program's: EventService::events_of().
struct EventInterest {
    std::uint32_t events = 0;  ///< none: nothing until this changes
    std::uint64_t data = 0;    ///< told with the event
    bool edge = false;         ///< told once for each change
    bool one_shot = false;     ///< told once
    bool exclusive = false;    ///< of several sets that wait for the file one is enough
};

template <class S>
class EventLinks;
template <class S>
class FileEvents;

/// Life: made and owned by its set and its file together; detached once, by whoever comes first:
/// the set, the end of the set, or the end of the file. Those who look at it meanwhile keep it.
template <class S>
class EventItem final : public mm::HeapObject<EventItem<S>, typename S::HeapType>,
                        public PollWaiter {
public:
    using Set = EventLinks<S>;
    using Hook = boost::intrusive::list_member_hook<
        boost::intrusive::link_mode<boost::intrusive::normal_link>>;
    using TreeHook = boost::intrusive::set_member_hook<
        boost::intrusive::link_mode<boost::intrusive::normal_link>>;
    /// A file may be in a set several times, by different descriptors.
    struct Key {
        const File* file = nullptr;
        std::uint32_t fd = 0;
        friend constexpr auto operator<=>(const Key&, const Key&) noexcept = default;
    };

    EventItem(S& s, Set& in, File& of, std::uint32_t number, const EventInterest& wanted,
              Share paid) noexcept
        : PollWaiter(entries_),
          service(s),
          file(of),
          fd(number),
          interest(wanted),
          set(&in),
          share_(std::move(paid)) {
        for (PollEntry& entry : entries_) {
            entry.is_exclusive = wanted.exclusive;
        }
    }

    void wake() noexcept override { wake_for(Readiness::all()); }
    bool wake_for(Readiness changed) noexcept override {
        const std::uint32_t events = S::events_of(changed);
        LockGuard guard(service.lock);
        if (set == nullptr || (interest.events & events) == 0) {
            return false;
        }
        // Of several that share the work, one must do it: nobody waits here, so try the next.
        return Set::make_ready(*this) || !interest.exclusive;
    }
    [[nodiscard]] Key key() const noexcept { return {&file, fd}; }

    S& service;
    File& file;  ///< there, as long as this is attached
    const std::uint32_t fd;

    // Guarded by the service's lock.
    EventInterest interest;
    Set* set;                       ///< null: detached, or the set is gone
    Set* nested = nullptr;          ///< `file`, if that is a set
    FileEvents<S>* book = nullptr;  ///< those of the file; null: detached
    bool is_ready = false;          ///< in the set's list of those that may be
    std::uint32_t changes = 0;      ///< how often it was found there since
    std::uint32_t scan = 0;         ///< the last one that has looked at it
    Hook in_ready, in_file, in_above, in_below;
    TreeHook in_set;

private:
    std::array<PollEntry, 2> entries_;
    Share share_;
};

/// The items of one file, which hear of its end. Made with the first of them.
template <class S>
class FileEvents final : public FileWatcher {
public:
    using Item = EventItem<S>;
    using Items = boost::intrusive::list<
        Item, boost::intrusive::member_hook<Item, typename Item::Hook, &Item::in_file>,
        boost::intrusive::constant_time_size<false>>;

    explicit FileEvents(S& service) noexcept : service_(service) {}

    void file_gone(File&) noexcept override {
        // Its lists of pollers are still there, and nobody enters them any more.
        while (const Ref<Item> item = take_one()) {
            item->leave_all();
        }
        S& service = service_;
        mm::destroy(service.heap(), this);
    }

    Items items;  ///< guarded by the service's lock

private:
    [[nodiscard]] Ref<Item> take_one() noexcept {
        LockGuard guard(service_.lock);
        return items.empty() ? Ref<Item>() : Item::Set::detach(items.front());
    }

    S& service_;
};

}  // namespace kidney::fs
