/// A set of files of which a thread awaits the ready ones: epoll(7). docs/decisions/0045 has the
/// design.
///
/// An item stays in its file's list of pollers. When the file changes, it puts itself into the
/// set's list of those that may be ready; wait() looks at these only. What it finds is told; an
/// item that wants each change told is then out of the list, another one stays in it until a look
/// finds nothing.
#pragma once

#include "fs/event/anonymous_file.hpp"
#include "fs/event/event_links.hpp"
#include "fs/procfs/text.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kidney::fs {

/// `S` is an EventService. Its lock, a spin lock, guards the items of all sets and what is ready;
/// `scan_` makes those who change the set or look at its ready files take turns. Files are polled
/// under the latter only, and kept meanwhile. Cost: wait() O(ready), the others O(log items).
template <class S>
class EventSetFile final : public AnonymousFile<EventSetFile<S>, typename S::HeapType>,
                           public EventLinks<S>,
                           PollSource {
    using Base = AnonymousFile<EventSetFile<S>, typename S::HeapType>;
    using Links = EventLinks<S>;
    using Item = EventItem<S>;
    using Links::service_, Links::items_, Links::ready_, Links::pollers_, Links::waiters_;

public:
    explicit EventSetFile(S& service) noexcept
        : Base(service.heap(), {.read = true, .write = true}), Links(service) {}

    /// Errors: exists, no_memory, no_space (the user has too many), too_many_symlinks (sets would
    /// be nested in a circle, or too deep), invalid_argument (in too many ways).
    [[nodiscard]] Status add(File& file, std::uint32_t fd, const EventInterest& interest) noexcept
        EXCLUDES(scan_) {
        LockGuard guard(scan_);
        Share share;
        if (!service_.book(share)) {
            return fail(Errc::no_space);
        }
        Ref<Item> item = TRY(mm::make_ref<Item>(service_.heap(), service_, *this, file, fd,
                                                interest, std::move(share)));
        TRY(this->attach(item, *TRY(this->events_of(file))));
        look_at(*item, poll(*item, item.get()));
        return {};
    }
    /// Looks at the file again. Errors: not_found; invalid_argument (it is exclusive).
    [[nodiscard]] Status change(File& file, std::uint32_t fd,
                                const EventInterest& interest) noexcept EXCLUDES(scan_) {
        LockGuard guard(scan_);
        Ref<Item> item;
        {
            LockGuard inner(service_.lock);
            item = TRY(this->find(file, fd));
            if (item->interest.exclusive) {
                return fail(Errc::invalid_argument);
            }
            item->interest = interest;
        }
        look_at(*item, poll(*item, nullptr));
        return {};
    }
    /// Error: not_found.
    [[nodiscard]] Status remove(File& file, std::uint32_t fd) noexcept EXCLUDES(scan_) {
        LockGuard guard(scan_);
        Ref<Item> item;
        {
            LockGuard inner(service_.lock);
            item = TRY(this->find(file, fd));
            item = Links::detach(*item);
        }
        item->leave_all();
        return {};
    }

    /// Calls sink(events, data) -> Status for up to `most` ready files; sleeps until there is one,
    /// if `may_wait`, or until `deadline`. Returns how many. Errors: interrupted, the sink's for
    /// the first one.
    template <class Sink>
    [[nodiscard]] Result<std::size_t> wait(std::size_t most, bool may_wait, Instant deadline,
                                           Sink&& sink) noexcept EXCLUDES(scan_) {
        for (;;) {
            const std::size_t told = TRY(tell_ready(most, sink));
            if (told != 0 || !may_wait) {
                return told;
            }
            LockGuard guard(service_.lock);
            if (!ready_.empty()) {
                continue;
            }
            const Status woken =
                waiters_.wait(service_.lock, {.interruptible = true, .deadline = deadline});
            if (!woken) {
                return woken.error() == Errc::timed_out ? Result<std::size_t>(0U)
                                                        : fail(woken.error());
            }
        }
    }

    [[nodiscard]] Readiness poll(PollWaiter* waiter) noexcept override {
        enter(waiter);
        return {.readable = has_ready()};
    }
    [[nodiscard]] EventSet* event_set() noexcept override { return this; }
    [[nodiscard]] std::string_view label() const noexcept override {
        return "anon_inode:[eventpoll]";
    }
    void describe(TextOutput& out) noexcept override EXCLUDES(service_.lock) {
        constexpr std::uint32_t exclusive = 1U << 28, one_shot = 1U << 30, edge = 1U << 31;
        Look look;
        EventInterest wanted;
        for (typename Item::Key from; (look = item_from(from, wanted)).item;) {
            const Attributes of = look.file->attributes().value_or(Attributes{});
            format_to(out, "tfd: {:8} events: {:8x} data: {:16x}  pos:{} ino:{:x} sdev:{:x}\n",
                      look.item->fd,
                      wanted.events | (wanted.exclusive ? exclusive : 0) |
                          (wanted.one_shot ? one_shot : 0) | (wanted.edge ? edge : 0),
                      wanted.data, look.file->seek(0, Whence::current).value_or(0), of.inode,
                      (of.device >> 8U) << 20U | (of.device & 0xffU));
            from = {look.item->key().file, look.item->fd + 1};
        }
    }
    void dispose() noexcept override {
        let_go_of_all();
        Base::dispose();
    }

private:
    // --- Looking ---

    /// Of a file that the caller keeps.
    [[nodiscard]] static std::uint32_t poll(Item& item, PollWaiter* waiter) noexcept {
        return S::events_of(
            item.nested != nullptr
                ? Readiness{.readable = static_cast<EventSetFile*>(item.nested)->has_ready()}
                : item.file.poll(waiter));
    }
    /// It was added or changed: what is the case already counts as a change.
    void look_at(Item& item, std::uint32_t found) noexcept EXCLUDES(service_.lock) {
        LockGuard guard(service_.lock);
        if (item.set != nullptr && (item.interest.events & found) != 0) {
            Links::make_ready(item);
        }
    }
    /// An item with its file, while it is looked at.
    struct Look {
        Ref<Item> item;
        Ref<File> file;
        std::uint32_t changes = 0;
    };
    /// The first item from this key on with a file that stays, and what it wants.
    [[nodiscard]] Look item_from(const typename Item::Key& key, EventInterest& wanted) noexcept
        EXCLUDES(service_.lock) {
        LockGuard guard(service_.lock);
        for (auto at = items_.lower_bound(key, typename Links::ByKey()); at != items_.end(); ++at) {
            if (at->file.try_retain()) {
                wanted = at->interest;
                return {Ref<Item>::share(*at), Ref<File>::adopt(&at->file)};
            }
        }
        return {};
    }
    /// The first of those that may be ready, unless `scan` has seen it already. Null: there is
    /// none.
    [[nodiscard]] Look first_ready(std::uint32_t scan) noexcept EXCLUDES(service_.lock) {
        LockGuard guard(service_.lock);
        while (!ready_.empty()) {
            Item& item = ready_.front();
            if (scan != 0 && item.scan == scan) {
                break;
            }
            if (item.file.try_retain()) {
                if (scan != 0) {
                    item.scan = scan;
                }
                return {Ref<Item>::share(item), Ref<File>::adopt(&item.file), item.changes};
            }
            Links::drop_from_ready(item);  // its file goes at this moment
        }
        return {};
    }
    /// A look has found nothing. If the file has changed since, another look will find it.
    void note_idle(Look& look) noexcept REQUIRES(service_.lock) {
        Item& item = *look.item;
        if (item.set == nullptr || !item.is_ready) {
            return;
        }
        if (item.changes == look.changes) {
            Links::drop_from_ready(item);
        } else {
            requeue(item);
        }
    }
    void requeue(Item& item) noexcept REQUIRES(service_.lock) {
        ready_.splice(ready_.end(), ready_, Links::Ready::s_iterator_to(item));
    }
    /// Is there a file that wait() would tell of?
    [[nodiscard]] bool has_ready() noexcept EXCLUDES(service_.lock) {
        for (;;) {
            Look look = first_ready(0);
            if (!look.item) {
                return false;
            }
            const std::uint32_t found = poll(*look.item, nullptr);
            LockGuard guard(service_.lock);
            if (look.item->set != nullptr && (look.item->interest.events & found) != 0) {
                return true;
            }
            note_idle(look);
        }
    }
    /// The events to tell of, or 0. The item is told then, and is out of the list if it waits for
    /// another change.
    [[nodiscard]] std::uint32_t take(Look& look, std::uint32_t found,
                                     EventInterest& interest) noexcept EXCLUDES(service_.lock) {
        LockGuard guard(service_.lock);
        Item& item = *look.item;
        interest = item.interest;
        found &= interest.events;
        if (item.set == nullptr || found == 0) {
            note_idle(look);
            return 0;
        }
        if (interest.one_shot) {
            item.interest.events = 0;
        }
        if (!item.is_ready) {
            // has_ready() found nothing a moment ago: it has changed since.
        } else if (interest.one_shot || (interest.edge && item.changes == look.changes)) {
            Links::drop_from_ready(item);
        } else {
            requeue(item);
        }
        return found;
    }
    /// The sink did not take it: as if nobody had looked.
    void put_back(Item& item, const EventInterest& interest) noexcept EXCLUDES(service_.lock) {
        LockGuard guard(service_.lock);
        if (item.set != nullptr) {
            item.interest = interest;
            if (!item.is_ready) {
                item.is_ready = true;
                ready_.push_front(item);
            }
        }
    }
    template <class Sink>
    [[nodiscard]] Result<std::size_t> tell_ready(std::size_t most, Sink&& sink) noexcept
        EXCLUDES(scan_, service_.lock) {
        LockGuard guard(scan_);
        scans_ = scans_ + 1 == 0 ? 1 : scans_ + 1;
        std::size_t told = 0;
        Status status;
        while (told < most) {
            Look look = first_ready(scans_);
            if (!look.item) {
                break;
            }
            EventInterest interest;
            const std::uint32_t found = take(look, poll(*look.item, nullptr), interest);
            if (found == 0) {
                continue;
            }
            if (status = sink(found, interest.data); !status) {
                put_back(*look.item, interest);
                break;
            }
            ++told;
        }
        LockGuard inner(service_.lock);
        if ((told != 0 || !status) && !ready_.empty()) {
            waiters_.wake_one();  // there is more for another one
        }
        return told != 0 || status ? Result<std::size_t>(told) : fail(status.error());
    }

    // --- Pollers of the set itself ---

    void enter(PollWaiter* waiter) noexcept EXCLUDES(service_.lock) {
        PollEntry* const entry = waiter == nullptr ? nullptr : waiter->claim();
        if (entry != nullptr) {
            LockGuard guard(service_.lock);
            entry->source = this;
            entry->waiter = waiter;
            pollers_.push_back(*entry);
        }
    }
    void remove(PollEntry& entry) noexcept override EXCLUDES(service_.lock) {
        LockGuard guard(service_.lock);
        pollers_.erase(Links::Pollers::s_iterator_to(entry));
        entry.source = nullptr;
    }

    /// Nobody refers to the set any more.
    void let_go_of_all() noexcept EXCLUDES(service_.lock) {
        for (;;) {
            Look look;
            {
                LockGuard guard(service_.lock);
                if (items_.empty()) {
                    return;
                }
                Item& item = *items_.begin();
                if (item.file.try_retain()) {
                    look.file = Ref<File>::adopt(&item.file);
                    look.item = Links::detach(item);
                } else {
                    Links::leave_set(item);  // its file goes, and takes the item along
                }
            }
            if (look.item) {
                look.item->leave_all();
            }
        }
    }

    typename S::ScanLockType scan_;
    std::uint32_t scans_ GUARDED_BY(scan_) = 0;
};

}  // namespace kidney::fs
