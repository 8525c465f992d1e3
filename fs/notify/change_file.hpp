/// A file that tells what happens to nodes: inotify(7).
#pragma once

#include "fs/event/anonymous_file.hpp"
#include "fs/notify/change_queue.hpp"
#include "fs/notify/watch.hpp"
#include "fs/poll_list.hpp"
#include "fs/procfs/text.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/poll.hpp"

#include <boost/intrusive/set.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

namespace kidney::fs {

/// A watch, for people.
struct WatchFacts {
    std::int32_t number = 0;
    WatchRule rule{};
    Ref<Vnode> node{};  ///< null: it goes at this moment
};

/// `S` is a ChangeService, whose lock guards all of it. Concurrency: any thread.
template <class S>
class ChangeFile final : public AnonymousFile<ChangeFile<S>, typename S::HeapType> {
    using Base = AnonymousFile<ChangeFile<S>, typename S::HeapType>;
    using Queue = ChangeQueue<typename S::HeapType>;

public:
    static constexpr std::string_view name = "anon_inode:inotify";

    /// Takes `lost` over: see ChangeQueue.
    ChangeFile(S& service, QueuedChange<typename S::HeapType>& lost, Share paid, Share bytes,
               bool non_blocking) noexcept
        : Base(service.heap(), {.read = true, .non_blocking = non_blocking}),
          service_(service),
          paid_(std::move(paid)),
          queue_(service.heap(), lost, std::move(bytes), service.limits().records,
                 service.limits().bytes) {}

    /// As many records as there are and as there is room for; waits for the first. Errors:
    /// invalid_argument (no room for the first), would_block, interrupted, bad_address: then what
    /// was taken is lost.
    [[nodiscard]] Result<std::size_t> read(ReadBuffer& to) noexcept override
        EXCLUDES(service_.lock) {
        const std::size_t wanted = to.remaining();
        for (;;) {
            QueuedChange<typename S::HeapType>* change = nullptr;
            const Status taken = take(to.remaining(), to.remaining() == wanted, change);
            if (change == nullptr) {
                return transferred(wanted - to.remaining(), taken);
            }
            Status put = S::Format::put(to, change->record());
            queue_.done_with(change);
            TRY(put);
        }
    }
    [[nodiscard]] Result<std::size_t> write(WriteBuffer&) noexcept override {
        return fail(Errc::bad_descriptor);
    }
    [[nodiscard]] Readiness poll(PollWaiter* waiter) noexcept override EXCLUDES(service_.lock) {
        pollers_.enter(waiter);
        LockGuard guard(service_.lock);
        return {.readable = queue_.front() != nullptr};
    }
    [[nodiscard]] Result<std::uint32_t> readable_bytes() noexcept override EXCLUDES(service_.lock) {
        LockGuard guard(service_.lock);
        return static_cast<std::uint32_t>(queue_.sum(&S::Format::size_of));
    }
    [[nodiscard]] std::string_view label() const noexcept override { return name; }
    void describe(TextOutput& out) noexcept override {
        constexpr std::uint32_t one_shot = 0x8000'0000, named_files_only = 0x0400'0000;
        WatchFacts watch;
        for (std::int32_t from = 0; next_watch(from, watch); from = watch.number + 1) {
            const Attributes of =
                watch.node ? watch.node->attributes().value_or(Attributes{}) : Attributes{};
            const std::uint32_t wanted = static_cast<std::uint32_t>(watch.rule.wanted) |
                                         (watch.rule.one_shot ? one_shot : 0) |
                                         (watch.rule.named_files_only ? named_files_only : 0);
            format_to(out, "inotify wd:{:x} ino:{:x} sdev:{:x} mask:{:x} ignored_mask:0 \n",
                      static_cast<std::uint32_t>(watch.number), of.inode,
                      (of.device >> 8U) << 20U | (of.device & 0xffU), wanted);
        }
    }
    void dispose() noexcept override {
        service_.forget_file(*this);
        Base::dispose();
    }

    /// The first watch with a number not below `from`. False: there is none.
    [[nodiscard]] bool next_watch(std::int32_t from, WatchFacts& facts) noexcept
        EXCLUDES(service_.lock) {
        Ref<Vnode> old = std::move(facts.node);  // goes without the lock
        LockGuard guard(service_.lock);
        const auto at = watches_.lower_bound(from);
        if (at == watches_.end()) {
            return false;
        }
        Vnode& node = at->node.node;
        facts = {at->number, at->rule, node.try_retain() ? Ref<Vnode>::adopt(&node) : Ref<Vnode>()};
        return true;
    }

    // For the service, under its lock (which the checker of locks cannot know to be the same).

    void push(const ChangeRecord& record) noexcept {
        if (queue_.push(record)) {
            readers_.wake_all();
            pollers_.notify({.readable = true});
        }
    }
    /// Numbers are not used again before all have been.
    [[nodiscard]] std::int32_t next_number() noexcept {
        do {
            last_number_ =
                last_number_ == std::numeric_limits<std::int32_t>::max() ? 1 : last_number_ + 1;
        } while (watches_.find(last_number_) != watches_.end());
        return last_number_;
    }
    void enter(Watch<S>& watch) noexcept { watches_.insert(watch); }
    void leave(Watch<S>& watch) noexcept { watches_.erase(Watches::s_iterator_to(watch)); }
    /// Null: there is no such watch.
    [[nodiscard]] Watch<S>* find(std::int32_t number) noexcept {
        const auto at = watches_.find(number);
        return at == watches_.end() ? nullptr : &*at;
    }
    [[nodiscard]] Watch<S>* any_watch() noexcept {
        return watches_.empty() ? nullptr : &*watches_.begin();
    }

private:
    using Watches = boost::intrusive::set<
        Watch<S>,
        boost::intrusive::member_hook<Watch<S>, decltype(Watch<S>::in_file), &Watch<S>::in_file>,
        boost::intrusive::key_of_value<typename Watch<S>::KeyOf>,
        boost::intrusive::constant_time_size<false>>;

    /// The first record, if it fits into `room`. Errors: those of read(); none of them if there is
    /// nothing more after the first.
    [[nodiscard]] Status take(std::size_t room, bool is_first,
                              QueuedChange<typename S::HeapType>*& change) noexcept
        EXCLUDES(service_.lock) {
        LockGuard guard(service_.lock);
        while (queue_.front() == nullptr) {
            if (!is_first) {
                return {};
            }
            if (this->is_non_blocking()) {
                return fail(Errc::would_block);
            }
            TRY(readers_.wait(service_.lock, {.interruptible = true}));
        }
        if (S::Format::size_of(queue_.front()->name.size()) > room) {
            return fail(Errc::invalid_argument);
        }
        change = queue_.pop();
        return {};
    }

    S& service_;
    Share paid_;
    Queue queue_;
    Watches watches_;
    std::int32_t last_number_ = 0;
    typename S::QueueType readers_;
    PollList<typename S::PollLockType> pollers_;
};

}  // namespace kidney::fs
