/// 2Q, the full version: a page that comes in waits in a queue, a quarter of the cache, whatever
/// happens to it: programs use a page a few times at once and never again. Only who is asked for
/// again after it has left that queue is kept with the others that are worth it, least recently
/// used first. To know it, the names of the last pages that left the queue are kept, for half as
/// many pages as the cache has.
///
/// A scan passes through the queue and touches nothing else.
///
/// Theory: Johnson, Shasha, "2Q: A Low Overhead High Performance Buffer Management Replacement
/// Algorithm" (1994). Its names are A1in, A1out (the ghosts) and Am; Kin = c/4, Kout = c/2.
#pragma once

#include "fs/replacement/cache_extent.hpp"
#include "fs/replacement/entry_list.hpp"
#include "fs/replacement/ghosts.hpp"

#include <optional>

namespace kidney::fs {

class TwoQueues {
public:
    static constexpr const char* name = "two_q";
    static constexpr ReplacementTraits traits{.resists_scans = true, .remembers = true};

    [[nodiscard]] static constexpr std::size_t ghost_bytes(std::size_t ghosts) noexcept {
        return Ghosts::bytes(ghosts);
    }
    void use_ghosts(std::span<std::byte> memory) noexcept { left_.use(memory); }
    void expect(PageName page) noexcept {
        expected_.reset();
        if (left_.find(page)) {
            expected_ = ExpectedPage{page, Row::first};
        }
    }

    void enter(CacheEntry& entry, Arrival came) noexcept {
        extent_.end_evicting();
        if (came != Arrival::back) {
            entry.mark = came == Arrival::asked && recall(entry.name) ? kept : queued;
        }
        list_of(entry).add(entry);
    }
    void use(CacheEntry& entry) noexcept {
        if (entry.mark == kept) {
            kept_.renew(entry);
        }
    }
    void leave(CacheEntry& entry, Departure left) noexcept {
        list_of(entry).remove(entry);
        if (left == Departure::evicted && entry.mark == queued) {
            left_.add(Row::first, entry.name);
            while (left_.size(Row::first) > std::max<std::size_t>(1, pages() / 2)) {
                left_.drop_oldest(Row::first);
            }
        }
    }
    [[nodiscard]] CacheEntry* victim() noexcept {
        extent_.shrink_to(queue_.size() + kept_.size());
        const bool is_long = queue_.size() > pages() / 4;
        return is_long || kept_.size() == 0 ? queue_.oldest() : kept_.oldest();
    }

private:
    using Row = Ghosts::Row;
    static constexpr std::uint32_t queued = 0, kept = 1;

    [[nodiscard]] EntryList& list_of(const CacheEntry& entry) noexcept {
        return entry.mark == kept ? kept_ : queue_;
    }
    [[nodiscard]] std::size_t pages() const noexcept {
        return extent_.pages(queue_.size() + kept_.size());
    }
    [[nodiscard]] bool recall(PageName page) noexcept {
        const bool is_expected = expected_ && expected_->name == page;
        const bool is_known = is_expected || left_.find(page);
        left_.remove(page);
        if (is_expected) {
            expected_.reset();
        }
        return is_known;
    }

    EntryList queue_;  ///< by arrival
    EntryList kept_;   ///< by their last use
    Ghosts left_;
    std::optional<ExpectedPage> expected_;
    CacheExtent extent_;
};

static_assert(CacheReplacement<TwoQueues> && RemembersPages<TwoQueues>);

}  // namespace kidney::fs
