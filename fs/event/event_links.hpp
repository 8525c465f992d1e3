/// How sets, items and files are linked: everything that the one lock of all sets guards.
#pragma once

#include "fs/event/event_item.hpp"
#include "kidney/core/lock.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace kidney::fs {

/// What of a set others reach: its items, and they it. Its own file is EventSetFile.
template <class S>
class EventLinks : public EventSet {
public:
    using Item = EventItem<S>;

    // Under the lock of the service, interrupts included.

    /// The file has changed in a way that the set wants to hear of: those who wait for the set, and
    /// the sets that it is in, are told. True: somebody waited for the set itself. Cost: in
    /// proportion to the items of all sets above, however many ways lead there.
    static bool make_ready(Item& item) noexcept {
        return make_ready(item, ++item.set->service_.wave);
    }
    /// Neither set nor file know it afterwards; the reference that they had is the caller's, who
    /// takes it out of the file's lists of pollers.
    [[nodiscard]] static Ref<Item> detach(Item& item) noexcept {
        if (item.set != nullptr) {
            leave_set(item);
        }
        if (item.nested != nullptr) {
            item.nested->above_.erase(ListOf<&Item::in_above>::s_iterator_to(item));
        }
        item.book->items.erase(FileEvents<S>::Items::s_iterator_to(item));
        item.book = nullptr;
        return Ref<Item>::adopt(&item);
    }

protected:
    explicit EventLinks(S& service) noexcept : service_(service) {}
    ~EventLinks() = default;

    struct ByKey {
        using Key = typename Item::Key;
        bool operator()(const Item& a, const Item& b) const noexcept { return a.key() < b.key(); }
        bool operator()(const Item& a, const Key& b) const noexcept { return a.key() < b; }
        bool operator()(const Key& a, const Item& b) const noexcept { return a < b.key(); }
    };
    using Items = boost::intrusive::set<
        Item, boost::intrusive::member_hook<Item, typename Item::TreeHook, &Item::in_set>,
        boost::intrusive::compare<ByKey>, boost::intrusive::constant_time_size<false>>;
    template <auto Hook>
    using ListOf =
        boost::intrusive::list<Item, boost::intrusive::member_hook<Item, typename Item::Hook, Hook>,
                               boost::intrusive::constant_time_size<false>>;
    using Ready = ListOf<&Item::in_ready>;
    using Pollers = boost::intrusive::list<
        PollEntry,
        boost::intrusive::member_hook<PollEntry, decltype(PollEntry::hook), &PollEntry::hook>,
        boost::intrusive::constant_time_size<false>>;

    /// `wave`: by which a set knows that it has told already what this change means.
    static bool make_ready(Item& item, std::uint64_t wave) noexcept {
        constexpr Readiness readable{.readable = true};
        EventLinks& set = *item.set;
        ++item.changes;
        if (!item.is_ready) {
            item.is_ready = true;
            set.ready_.push_back(item);
        }
        if (std::exchange(set.wave_, wave) == wave) {
            return false;
        }
        const bool has_woken = set.waiters_.wake_one();
        for (PollEntry& entry : set.pollers_) {
            entry.waiter->wake_for(readable);
        }
        for (Item& above : set.above_) {
            if (above.set != nullptr && (above.interest.events & S::events_of(readable)) != 0) {
                make_ready(above, wave);
            }
        }
        return has_woken;
    }
    static void drop_from_ready(Item& item) noexcept {
        if (item.is_ready) {
            item.is_ready = false;
            item.set->ready_.erase(Ready::s_iterator_to(item));
        }
    }
    /// The set forgets the item.
    static void leave_set(Item& item) noexcept {
        drop_from_ready(item);
        item.set->items_.erase(Items::s_iterator_to(item));
        if (item.nested != nullptr) {
            item.set->below_.erase(ListOf<&Item::in_below>::s_iterator_to(item));
        }
        item.set = nullptr;
    }
    /// Errors: exists, too_many_symlinks, invalid_argument.
    [[nodiscard]] Status attach(const Ref<Item>& item, FileEvents<S>& book) noexcept
        EXCLUDES(service_.lock) {
        LockGuard guard(service_.lock);
        typename Items::insert_commit_data place;
        if (!items_.insert_check(item->key(), ByKey(), place).second) {
            return fail(Errc::exists);
        }
        item->nested = static_cast<EventLinks*>(item->file.event_set());
        if (item->nested != nullptr) {
            TRY(check_nesting(*item->nested));
            item->nested->above_.push_back(*item);
            below_.push_back(*item);
        }
        items_.insert_commit(*item, place);
        item->book = &book;
        book.items.push_back(*item);
        item->retain();
        return {};
    }
    /// Error: not_found.
    [[nodiscard]] Result<Ref<Item>> find(const File& file, std::uint32_t fd) noexcept
        REQUIRES(service_.lock) {
        const auto found = items_.find(typename Item::Key{&file, fd}, ByKey());
        return found != items_.end() ? Result<Ref<Item>>(Ref<Item>::share(*found))
                                     : fail(Errc::not_found);
    }
    /// The book of a file that the caller keeps. Error: no_memory.
    [[nodiscard]] Result<FileEvents<S>*> events_of(File& file) noexcept EXCLUDES(service_.lock) {
        auto fresh = TRY(mm::make_box<FileEvents<S>>(service_.heap(), service_));
        LockGuard guard(service_.lock);
        if (FileWatcher* const known = file.watcher(File::WatchFor::events)) {
            return static_cast<FileEvents<S>*>(known);
        }
        file.watch(*fresh, File::WatchFor::events);
        return fresh.release();
    }

    /// May `below` be in this one? The longest chain of sets has an end, and a circle none; and who
    /// tells all sets above it does so with interrupts off. Errors: too_many_symlinks,
    /// invalid_argument (too many ways lead from one to another).
    [[nodiscard]] Status check_nesting(EventLinks& below) noexcept REQUIRES(service_.lock) {
        Nesting down{.end = this}, up{.is_up = true};
        down.measure(below, 1);
        up.measure(*this, 1);
        if (down.longest + up.longest > max_nesting) {
            return fail(Errc::too_many_symlinks);
        }
        return down.ways > max_ways || up.ways > max_ways ? Status(fail(Errc::invalid_argument))
                                                          : Status();
    }

    static constexpr std::uint32_t max_nesting = 5;
    static constexpr std::uint32_t max_ways = 1000;
    /// The chains of sets above one, or below it.
    struct Nesting {
        const EventLinks* end = nullptr;  ///< a chain that comes here has none
        bool is_up = false;
        std::uint32_t longest = 0;
        std::uint32_t ways = 0;

        /// `length`: of the chain, with `set`.
        void measure(EventLinks& set, std::uint32_t length) noexcept {
            longest = std::max(longest, &set == end ? max_nesting : length);
            ++ways;
            if (longest > max_nesting || ways > max_ways) {
                return;
            }
            for (Item& item : set.above_) {
                if (is_up && item.set != nullptr) {
                    measure(*item.set, length + 1);
                }
            }
            for (Item& item : set.below_) {
                if (!is_up) {
                    measure(*item.nested, length + 1);
                }
            }
        }
    };

    S& service_;
    // Guarded by the service's lock.
    Items items_;
    Ready ready_;
    ListOf<&Item::in_below> below_;  ///< those that are sets
    ListOf<&Item::in_above> above_;  ///< of the sets that this one is in
    Pollers pollers_;
    typename S::EventQueueType waiters_;
    std::uint64_t wave_ = 0;  ///< that has come here last
};

}  // namespace kidney::fs
