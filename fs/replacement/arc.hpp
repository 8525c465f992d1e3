/// ARC, adaptive replacement: half recency, half frequency, and where the line between the two runs
/// is learnt from mistakes. Pages that were asked for once, and those that were so at least twice,
/// each row least recently used first; of both the names of those that went. Who asks for a name of
/// the first row would have found the page if that row had been longer, so its share grows; and the
/// other way round.
///
/// Theory: Megiddo, Modha, "ARC: A Self-Tuning, Low Overhead Replacement Cache" (2003). Its names
/// are T1, T2, B1, B2 (the ghosts) and p; the changes of p are rounded down to whole pages.
#pragma once

#include "fs/replacement/cache_extent.hpp"
#include "fs/replacement/entry_list.hpp"
#include "fs/replacement/ghosts.hpp"

#include <algorithm>
#include <optional>

namespace kidney::fs {

class AdaptiveReplacement {
public:
    static constexpr const char* name = "arc";
    static constexpr ReplacementTraits traits{.resists_scans = true, .remembers = true};

    [[nodiscard]] static constexpr std::size_t ghost_bytes(std::size_t ghosts) noexcept {
        return Ghosts::bytes(ghosts);
    }
    void use_ghosts(std::span<std::byte> memory) noexcept { gone_.use(memory); }
    void expect(PageName page) noexcept {
        expected_.reset();
        if (const std::optional<Row> row = gone_.find(page); row) {
            learn(*row);
            expected_ = ExpectedPage{page, *row};
        }
    }

    void enter(CacheEntry& entry, Arrival came) noexcept {
        extent_.end_evicting();
        if (came != Arrival::back) {
            entry.mark = came == Arrival::asked && recall(entry.name) ? often : once;
        }
        list_of(entry).add(entry);
        forget_surplus();
    }
    void use(CacheEntry& entry) noexcept {
        list_of(entry).remove(entry);
        entry.mark = often;
        often_.add(entry);
    }
    void leave(CacheEntry& entry, Departure left) noexcept {
        list_of(entry).remove(entry);
        if (left == Departure::evicted) {
            gone_.add(entry.mark == once ? Row::first : Row::second, entry.name);
        }
    }
    [[nodiscard]] CacheEntry* victim() noexcept {
        extent_.shrink_to(once_.size() + often_.size());
        share_ = std::min(share_, pages());
        const bool was_often = expected_ && expected_->row == Row::second;
        const bool is_long = once_.size() > share_ || (once_.size() == share_ && was_often);
        return (is_long && once_.size() > 0) || often_.size() == 0 ? once_.oldest()
                                                                   : often_.oldest();
    }

private:
    using Row = Ghosts::Row;
    static constexpr std::uint32_t once = 0, often = 1;

    [[nodiscard]] EntryList& list_of(const CacheEntry& entry) noexcept {
        return entry.mark == often ? often_ : once_;
    }
    [[nodiscard]] std::size_t pages() const noexcept {
        return extent_.pages(once_.size() + often_.size());
    }
    /// Somebody asks for a page of this row of ghosts.
    void learn(Row row) noexcept {
        const std::size_t first = gone_.size(Row::first);
        const std::size_t second = gone_.size(Row::second);
        if (row == Row::first) {
            share_ = std::min(share_ + std::max<std::size_t>(1, second / first), pages());
        } else {
            share_ -= std::min(share_, std::max<std::size_t>(1, first / second));
        }
    }
    [[nodiscard]] bool recall(PageName page) noexcept {
        const std::optional<Row> row = gone_.find(page);
        const bool is_expected = expected_ && expected_->name == page;
        if (is_expected) {
            expected_.reset();
        } else if (row) {
            learn(*row);
        }
        gone_.remove(page);
        return is_expected || row;
    }
    /// Names of at most as many pages as there are; and of those of the first row only as many as
    /// that row has room for.
    void forget_surplus() noexcept {
        const std::size_t c = pages();
        while (gone_.size(Row::first) > 0 && once_.size() + gone_.size(Row::first) > c) {
            gone_.drop_oldest(Row::first);
        }
        while (gone_.size(Row::second) > 0 &&
               once_.size() + often_.size() + gone_.size(Row::first) + gone_.size(Row::second) >
                   2 * c) {
            gone_.drop_oldest(Row::second);
        }
    }

    EntryList once_, often_;  ///< by their last use
    Ghosts gone_;             ///< first row: of once_; second: of often_
    std::size_t share_ = 0;   ///< pages that once_ should have
    std::optional<ExpectedPage> expected_;
    CacheExtent extent_;
};

static_assert(CacheReplacement<AdaptiveReplacement> && RemembersPages<AdaptiveReplacement>);

}  // namespace kidney::fs
