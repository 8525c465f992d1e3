/// Which pages there are, which of them may go, and which must go home first.
#pragma once

#include "fs/cache/cached_object.hpp"
#include "fs/replacement/entry_list.hpp"
#include "kidney/core/assert.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace kidney::fs {

/// Pages [first, last] of an object.
struct PageRange {
    std::uint32_t first = 0;
    std::uint32_t last = ~std::uint32_t{0};
};

/// Pages, how many of them must go home, and how many are going.
struct CacheCounts {
    std::size_t pages = 0, dirty = 0, being_written = 0;
};

/// Pages on their way in.
struct FillRun {
    std::array<CachedPage*, ReadAhead::most> pages{};
    std::size_t count = 0;

    template <hal::PhysMap Map>
    [[nodiscard]] Status fill(CachedObject& object, std::uint32_t first, Map& map) const noexcept {
        std::array<std::span<std::byte>, ReadAhead::most> memory;
        for (std::size_t n = 0; n < count; ++n) {
            memory[n] = map.direct(pages[n]->frame);
        }
        return object.fill(first, std::span(memory).first(count));
    }
};

/// Neighbours on their way home, in one request.
struct StoreRun {
    static constexpr std::size_t capacity = 32;
    std::array<CachedPage*, capacity> pages{};
    std::size_t count = 0;

    [[nodiscard]] std::uint32_t first() const noexcept { return pages[0]->index(); }
    /// What is on the way does not change until end_writing(), so this needs no lock.
    template <hal::PhysMap Map>
    [[nodiscard]] Status store(CachedObject& object, Map& map) const noexcept {
        std::array<StoredPage, capacity> stored;
        for (std::size_t n = 0; n < count; ++n) {
            stored[n] = {map.direct(pages[n]->frame), pages[n]->on_the_way.sectors()};
        }
        return object.store(first(), std::span(stored).first(count));
    }
};

/// The bookkeeping of a page cache; it owns nothing and knows no frames. Which page goes `Policy`
/// says: it has those that are filled and clean. Concurrency: none, the cache's lock.
template <CacheReplacement Policy>
class PageIndex {
public:
    explicit PageIndex(std::span<std::byte> ghosts) noexcept {
        if (!ghosts.empty()) {
            or_default::use_ghosts(policy_, ghosts);
        }
    }

    [[nodiscard]] const CacheCounts& counts() const noexcept { return counts_; }
    /// What to reclaim next: a clean page, which somebody may have borrowed. Null: there is none.
    [[nodiscard]] CachedPage* victim() noexcept {
        return static_cast<CachedPage*>(policy_.victim());
    }
    /// Somebody has borrowed it: the next victim is another one, until all of `passed` is brought
    /// back, which counts as if it came in now.
    void pass(CachedPage& page, EntryList& passed) noexcept {
        policy_.leave(page, Departure::aside);
        passed.add(page);
    }
    void bring_back(EntryList& passed) noexcept {
        while (CacheEntry* const page = passed.oldest()) {
            passed.remove(*page);
            policy_.enter(*page, Arrival::back);
        }
    }
    /// Somebody asks for a page that is not here.
    void expect(CachedObject& object, std::uint32_t index) noexcept {
        or_default::expect(policy_, name_of(object, index));
    }

    [[nodiscard]] CachedPage* find(const CachedObject& object, std::uint32_t index) noexcept {
        CachedPage* page = table_[bucket_of(object, index)];
        while (page != nullptr && (page->object != &object || page->index() != index)) {
            page = page->next_in_bucket;
        }
        return page;
    }
    [[nodiscard]] SectorPhases phases(const CachedObject& object, std::uint32_t index) noexcept {
        const CachedPage* const page = find(object, index);
        return page == nullptr ? SectorPhases() : page->phases;
    }
    /// Enters a page that has no bytes yet.
    void link(CachedPage& page, CachedObject& object, std::uint32_t index) noexcept {
        page.object = &object;
        page.name = name_of(object, index);
        page.ready = false;
        object.pages_.push_back(page);
        page.next_in_bucket = std::exchange(table_[bucket_of(object, index)], &page);
        ++counts_.pages;
    }
    /// It has its bytes.
    void settle(CachedPage& page, Arrival came) noexcept {
        page.ready = true;
        page.is_ahead = came == Arrival::ahead;
        policy_.enter(page, came);
    }
    /// Enters pages that are being filled, up to the first that is here already. Returns the
    /// others, which `run` has no longer.
    [[nodiscard]] FillRun begin_filling(FillRun& run, CachedObject& object,
                                        std::uint32_t index) noexcept {
        std::uint32_t n = 0;
        for (; n < run.count && find(object, index + n) == nullptr; ++n) {
            link(*run.pages[n], object, index + n);
        }
        FillRun others;
        while (run.count > n) {
            others.pages[others.count++] = run.pages[--run.count];
        }
        return others;
    }
    void end_filling(const FillRun& run, CachedObject& object) noexcept {
        for (std::size_t n = 0; n < run.count; ++n) {
            settle(*run.pages[n], n == 0 ? Arrival::asked : Arrival::ahead);
        }
        object.read_ahead_.has_read_to(run.pages[run.count - 1]->index() + 1);
    }
    void fail_filling(const FillRun& run, CachedObject& object) noexcept {
        for (CachedPage* const page : std::span(run.pages).first(run.count)) {
            unlink(*page, Departure::dropped);
        }
        if (run.count > 1) {
            object.read_ahead_.stop();  // it may be a neighbour that cannot be read
        }
    }
    /// Whatever it was. Not while it is being written.
    void unlink(CachedPage& page, Departure why) noexcept {
        KIDNEY_ASSERT(!page.is_being_written());
        wash(page, all_sectors);
        if (page.ready) {
            policy_.leave(page, why);
        }
        CachedPage** at = &table_[bucket_of(*page.object, page.index())];
        while (*at != &page) {
            at = &(*at)->next_in_bucket;
        }
        *at = page.next_in_bucket;
        page.object->pages_.erase(page.object->pages_.iterator_to(page));
        --counts_.pages;
    }
    /// It is used. The first use of a page that was read ahead is its arrival for the policy: it is
    /// not used again yet. Of all uses while it is dirty the policy hears as one.
    void touch(CachedPage& page) noexcept {
        if (!page.is_clean()) {
            page.was_used = true;
        } else if (std::exchange(page.is_ahead, false)) {
            policy_.leave(page, Departure::aside);
            policy_.enter(page, Arrival::asked);
        } else {
            policy_.use(page);
        }
    }

    /// These sectors must go home in `phase` or later.
    void soil(CachedPage& page, SectorMask sectors, Phase phase) noexcept {
        if (page.is_clean()) {
            policy_.leave(page, Departure::aside);
            page.object->dirty_.insert(page.object->dirty_.end(),
                                       page);  // mostly behind all others
        }
        change(page, [&](SectorPhases& phases) { phases.raise(sectors, phase); });
    }
    /// They need not go home any more.
    void wash(CachedPage& page, SectorMask sectors) noexcept {
        if (!page.is_clean()) {
            change(page, [&](SectorPhases& phases) { phases.clear(sectors); });
            note_if_clean(page);
        }
    }
    [[nodiscard]] bool has_dirty(const CachedObject& object, Phase phase) const noexcept {
        for (const CachedPage& page : object.dirty_) {
            if (page.phases.only(phase).any()) {
                return true;
            }
        }
        return false;
    }

    /// The first page of the range that must go home (if `phase` is given: in that one), or is on
    /// its way. Null: there is none.
    [[nodiscard]] CachedPage* next_to_write(CachedObject& object, PageRange range,
                                            std::optional<Phase> phase) noexcept {
        for (auto at = object.dirty_.lower_bound(range.first);
             at != object.dirty_.end() && at->index() <= range.last; ++at) {
            if (at->is_being_written() || chosen(*at, phase).any()) {
                return &*at;
            }
        }
        return nullptr;
    }
    /// Puts `page` and those behind it that go home now, too, on their way.
    void begin_writing(StoreRun& run, CachedPage& page, PageRange range,
                       std::optional<Phase> phase) noexcept {
        auto at = page.object->dirty_.iterator_to(page);
        std::uint32_t expected = page.index();
        for (; run.count < StoreRun::capacity && at != page.object->dirty_.end(); ++at) {
            const SectorPhases leaving = chosen(*at, phase);
            if (at->index() != expected++ || at->index() > range.last || at->is_being_written() ||
                !leaving.any()) {
                break;
            }
            at->on_the_way = leaving;
            change(*at, [&](SectorPhases& phases) { phases.clear(leaving.sectors()); });
            ++counts_.being_written;
            run.pages[run.count++] = &*at;
        }
    }
    /// They have arrived, or must try again.
    void end_writing(const StoreRun& run, bool arrived) noexcept {
        for (CachedPage* const page : std::span(run.pages).first(run.count)) {
            const SectorPhases sent = std::exchange(page->on_the_way, SectorPhases());
            --counts_.being_written;
            if (!arrived) {
                change(*page, [&](SectorPhases& phases) { phases.raise(sent); });
            }
            note_if_clean(*page);
        }
    }

private:
    static constexpr std::size_t buckets = 4096;

    [[nodiscard]] static std::size_t bucket_of(const CachedObject& object,
                                               std::uint32_t index) noexcept {
        const auto address = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(&object));
        return ((address >> 4) * 2654435761U + index) % buckets;
    }
    [[nodiscard]] PageName name_of(CachedObject& object, std::uint32_t index) noexcept {
        if (object.number_ == 0) {
            object.number_ = ++objects_;
        }
        return {object.number_, index};
    }
    [[nodiscard]] static SectorPhases chosen(const CachedPage& page,
                                             std::optional<Phase> phase) noexcept {
        return phase ? page.phases.only(*phase) : page.phases;
    }
    template <class Change>
    void change(CachedPage& page, Change&& how) noexcept {
        counts_.dirty -= page.phases.any() ? 1U : 0U;
        how(page.phases);
        counts_.dirty += page.phases.any() ? 1U : 0U;
    }
    /// For a page that was not clean.
    void note_if_clean(CachedPage& page) noexcept {
        if (page.is_clean()) {
            page.object->dirty_.erase(page.object->dirty_.iterator_to(page));
            policy_.enter(page, Arrival::back);
            if (std::exchange(page.was_used, false)) {
                touch(page);
            }
        }
    }

    std::array<CachedPage*, buckets> table_{};
    Policy policy_;
    CacheCounts counts_;
    std::uint32_t objects_ = 0;  ///< that have had a page
};

}  // namespace kidney::fs
