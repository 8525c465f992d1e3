/// The page cache: file data and device metadata, page by page, in frames that everybody shares.
///
/// read(), write(), mmap and exec of one file see the same frames, because all of them come from
/// here. A page belongs to a `CachedObject` (a file, a disk) which knows how to fill it and how to
/// write it home. Who changes a page says so with mark_dirty(); write_back() brings changes home,
/// and until then they are only here. When memory runs short, clean pages go that nobody borrows.
#pragma once

#include "fs/cache/cached_object.hpp"
#include "fs/cache/dirty_limit.hpp"
#include "fs/cache/page_index.hpp"
#include "fs/cache/page_supply.hpp"
#include "fs/cache/read_ahead.hpp"
#include "fs/replacement/lru.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/hal/phys_map.hpp"
#include "kidney/mm/frame_reclaimer.hpp"
#include "kidney/mm/frame_service.hpp"
#include "kidney/mm/object_allocator.hpp"
#include "kidney/sched/waiting.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace kidney::fs {

/// Concurrency: any thread. A page that several threads miss is read once; the others wait in
/// `Queue`. No lock is held while a page is filled or written.
template <mm::ObjectAllocator Heap, mm::CountedFrames Frames, hal::PhysMap Map, BasicLockable Lock,
          class Queue, CacheReplacement Policy = LeastRecentlyUsed>
    requires sched::WaitQueueFor<Queue, Lock>
class PageCache final : public mm::FrameReclaimer {
public:
    static constexpr std::uint32_t read_ahead = ReadAhead::most;  ///< pages in one request
    using Neighbours = fs::Neighbours;
    /// Frames that the cache leaves to those who cannot ask it for more, at least. With fewer it
    /// grows at its own expense.
    static constexpr std::size_t keep_free = 64;

    /// `ghosts` is memory for the policy (`RemembersPages`).
    PageCache(Heap& heap, Frames& frames, Map& map, std::size_t leave_free = keep_free,
              std::span<std::byte> ghosts = {}) noexcept
        : supply_(heap, frames), map_(map), leave_free_(leave_free), index_(ghosts) {}
    ~PageCache() { KIDNEY_ASSERT(size() == 0); }
    PageCache(const PageCache&) = delete;
    PageCache& operator=(const PageCache&) = delete;

    /// The frame of page `index`, with a reference for the caller. The caller keeps `object` alive
    /// and has checked that the page exists. Errors: no_memory, and those of fill().
    [[nodiscard]] Result<FrameNumber> get(CachedObject& object, std::uint32_t index,
                                          Neighbours neighbours = Neighbours::ahead) noexcept
        EXCLUDES(lock_) {
        for (;;) {
            if (const auto found = TRY(find(object, index))) {
                return *found;
            }
            FillRun batch;
            TRY(collect(batch, wanted(object, index, neighbours)));
            if (!enter(batch, object, index)) {
                continue;  // somebody else began to fill it meanwhile
            }
            const Status filled = batch.fill(object, index, map_);
            if (filled) {
                return settle(batch, object);
            }
            withdraw(batch, object);
            supply_.free(batch);
            if (batch.count == 1) {
                return fail(filled.error());
            }
        }
    }
    /// The same if it is here, once it is filled or `at_once`; else nothing. Error: no_memory.
    [[nodiscard]] Result<std::optional<FrameNumber>> find(CachedObject& object, std::uint32_t index,
                                                          bool at_once = false) noexcept
        EXCLUDES(lock_) {
        do {
            LockGuard guard(lock_);
            auto* const page = at_once ? index_.find(object, index) : find_filled(object, index);
            if (page == nullptr || !page->ready) {
                return std::optional<FrameNumber>();
            }
            if (supply_.frames().retain(page->frame)) {
                index_.touch(*page);
                return std::optional(page->frame);
            }
        } while (reclaim(reclaim_batch) > 0);
        return fail(Errc::no_memory);
    }
    /// As get(), without reading: zeros, if the page is not here. For a page behind the end, for a
    /// hole, and for one that the caller overwrites as a whole at once, with bytes that are already
    /// in the kernel; it says so with mark_dirty(). Error: no_memory.
    [[nodiscard]] Result<FrameNumber> get_fresh(CachedObject& object, std::uint32_t index) noexcept
        EXCLUDES(lock_) {
        for (;;) {
            if (const auto found = TRY(find(object, index))) {
                return *found;
            }
            CachedPage* const page = TRY(make_page());
            std::memset(bytes(page->frame).data(), 0, page_size);
            const Result<bool> entered = enter(*page, object, index);
            if (entered && *entered) {
                return page->frame;
            }
            discard(*page);
            if (!entered) {
                return fail(entered.error());
            }
        }
    }
    /// A page of the caller's own, with any bytes, which he enters or discards: it can get new ones
    /// all over without being read, and nobody sees it before. Error: no_memory.
    [[nodiscard]] Result<CachedPage*> make_page() noexcept EXCLUDES(lock_) {
        FillRun batch;
        TRY(collect(batch, 1));
        return batch.pages[0];
    }
    void discard(CachedPage& page) noexcept { supply_.free(page); }
    /// Makes it page `index`, which the caller has borrowed then. False: there is one already.
    /// Error: no_memory.
    [[nodiscard]] Result<bool> enter(CachedPage& page, CachedObject& object,
                                     std::uint32_t index) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (index_.find(object, index) != nullptr) {
            return false;
        }
        TRY(supply_.frames().retain(page.frame));
        index_.link(page, object, index);
        index_.settle(page, Arrival::asked);
        return true;
    }
    /// Is the page here, and filled?
    [[nodiscard]] bool has(CachedObject& object, std::uint32_t index) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const CachedPage* const page = index_.find(object, index);
        return page != nullptr && page->ready;
    }
    /// The bytes of a frame from get().
    [[nodiscard]] std::span<std::byte, page_size> bytes(FrameNumber frame) noexcept {
        return map_.direct(frame);
    }
    void release(FrameNumber frame) noexcept { supply_.frames().release(frame); }
    /// The bytes of these sectors have changed, and go home in `phase`. The caller has the page
    /// borrowed since before the change and says so after it: what write_back() takes in between is
    /// marked again. Nothing, if the page was dropped meanwhile: its file was truncated.
    void mark_dirty(CachedObject& object, std::uint32_t index, SectorMask sectors = all_sectors,
                    Phase phase = first_phase) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        soil(object, index, sectors, phase);
    }
    /// The same for bytes [begin, end) of the object, with the lock taken once.
    void mark_dirty_bytes(CachedObject& object, std::uint64_t begin, std::uint64_t end) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        while (begin < end) {
            const PageSectors part = take_page(begin, end);
            soil(object, part.index, part.sectors, first_phase);
        }
    }
    /// What these sectors hold need not go home any more: the block was freed.
    void mark_clean(CachedObject& object, std::uint32_t index, SectorMask sectors) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        CachedPage* page = find_filled(object, index);
        while (page != nullptr && page->is_being_written()) {
            changed_.wait(lock_);
            page = find_filled(object, index);
        }
        if (page != nullptr) {
            index_.wash(*page, sectors);
        }
    }
    /// What of the page must go home, and when.
    [[nodiscard]] SectorPhases phases(CachedObject& object, std::uint32_t index) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return index_.phases(object, index);
    }
    [[nodiscard]] bool has_dirty(const CachedObject& object, Phase phase) const noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return index_.has_dirty(object, phase);
    }
    /// Brings home what is dirty (in `phase`, if one is given), in the order of the pages and
    /// neighbours together, and waits for what others are bringing. What gets dirty behind its back
    /// may stay. What cannot be written stays dirty; the rest is tried nevertheless. Errors: the
    /// first one of store().
    [[nodiscard]] Status write_back(CachedObject& object, PageRange range = {},
                                    std::optional<Phase> phase = {}) noexcept EXCLUDES(lock_) {
        Status result;
        StoreRun run;
        while (range.first <= range.last && take_run(run, object, range, phase)) {
            range.first = run.first() + static_cast<std::uint32_t>(run.count);
            const Status stored = run.store(object, map_);
            arrived(run, stored.has_value());
            if (result && !stored) {
                result = stored;
                // release: pairs with write_errors()
                object.write_errors_.fetch_add(1, std::memory_order_release);
            }
        }
        return result;
    }
    /// Drops every page of an object that nobody else uses any more, dirty or not.
    void forget(CachedObject& object) noexcept EXCLUDES(lock_) { drop_from(object, 0); }
    /// Drops the pages from `first` on, dirty or not: the file was truncated. Waits for those that
    /// are being filled or written. Whoever has borrowed one keeps it.
    void drop_from(CachedObject& object, std::uint32_t first) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        while (!drop_at_rest(object, first)) {
            changed_.wait(lock_);
        }
    }
    /// All pages of an object that are clean and not borrowed.
    void drop_pages(CachedObject& object) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (auto at = object.pages_.begin(); at != object.pages_.end();) {
            CachedPage& page = *at++;
            if (may_go(page)) {
                drop(page, Departure::dropped);
            }
        }
    }
    /// Clean pages that nobody borrows, in the order of the policy.
    std::size_t reclaim(std::size_t most) noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        std::size_t freed = 0;
        EntryList borrowed;
        for (CachedPage* page = nullptr; freed < most && (page = index_.victim()) != nullptr;) {
            const bool goes = may_go(*page);
            goes ? drop(*page, Departure::evicted) : index_.pass(*page, borrowed);
            freed += goes ? 1 : 0;
        }
        index_.bring_back(borrowed);
        if (freed < most && index_.counts().dirty > 0) {
            limit_.ask();
        }
        return freed;
    }

    /// From now on `watcher` hears when more than `most` pages are dirty, and throttle() waits.
    void set_dirty_limit(std::size_t most, DirtyWatcher& watcher) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        limit_.set(most, watcher);
    }
    /// For whoever is about to make pages dirty, before it takes a lock that a file system's sync()
    /// takes: waits while too many are, unless the watcher gets nowhere.
    void throttle() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const std::uint32_t begun = limit_.rounds();
        // Two: the first may have begun before us.
        while (limit_.is_exceeded(index_.counts()) && limit_.rounds() - begun < 2) {
            limit_.ask();
            changed_.wait(lock_);
        }
    }
    /// The watcher has tried everything once.
    void end_flush_round() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        limit_.end_round();
        changed_.wake_all();
    }
    [[nodiscard]] std::size_t size() const noexcept { return counts().pages; }
    [[nodiscard]] CacheCounts counts() const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return index_.counts();
    }

private:
    static constexpr std::size_t reclaim_batch = 32;
    void soil(CachedObject& object, std::uint32_t index, SectorMask sectors, Phase phase) noexcept
        REQUIRES(lock_) {
        if (CachedPage* const page = index_.find(object, index); page != nullptr && page->ready) {
            index_.soil(*page, sectors, phase);
            limit_.check(index_.counts());
        }
    }
    /// Waits while somebody fills the page. Null: it is not in the cache.
    [[nodiscard]] CachedPage* find_filled(const CachedObject& object, std::uint32_t index) noexcept
        REQUIRES(lock_) {
        CachedPage* page = index_.find(object, index);
        while (page != nullptr && !page->ready) {
            changed_.wait(lock_);
            page = index_.find(object, index);
        }
        return page;
    }
    /// Borrowing happens under our lock, so one reference means: only the cache.
    [[nodiscard]] bool may_go(const CachedPage& page) const noexcept REQUIRES(lock_) {
        return page.ready && page.is_clean() && supply_.frames().references(page.frame) == 1;
    }
    [[nodiscard]] std::uint32_t wanted(CachedObject& object, std::uint32_t index,
                                       Neighbours neighbours) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        index_.expect(object, index);
        return object.read_ahead_.window(index, neighbours, object.page_count() - index);
    }
    /// Fresh pages; fewer than wanted if memory is short, but at least one.
    [[nodiscard]] Status collect(FillRun& batch, std::uint32_t count) noexcept EXCLUDES(lock_) {
        if (supply_.frames().free_frames() < leave_free_) {
            reclaim(reclaim_batch);
        }
        while (batch.count < count || batch.count == 0) {
            Status made = supply_.make(batch);
            if (!made && reclaim(reclaim_batch) > 0) {
                made = supply_.make(batch);
            }
            if (!made) {
                return batch.count > 0 ? Status() : made;
            }
        }
        return {};
    }

    /// Enters the pages as being filled, up to the first that is there already, and frees the
    /// others. False: that is all of them.
    [[nodiscard]] bool enter(FillRun& batch, CachedObject& object, std::uint32_t index) noexcept
        EXCLUDES(lock_) {
        FillRun surplus;
        {
            LockGuard guard(lock_);
            surplus = index_.begin_filling(batch, object, index);
        }
        supply_.free(surplus);
        return batch.count > 0;
    }
    /// The pages are good: wakes those who wait, borrows the first for the caller. Error:
    /// no_memory.
    [[nodiscard]] Result<FrameNumber> settle(const FillRun& batch, CachedObject& object) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        index_.end_filling(batch, object);
        changed_.wake_all();
        TRY(supply_.frames().retain(batch.pages[0]->frame));
        return batch.pages[0]->frame;
    }
    /// The pages could not be read: those who wait will try for themselves.
    void withdraw(const FillRun& batch, CachedObject& object) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        index_.fail_filling(batch, object);
        changed_.wake_all();
    }

    /// Puts the next pages of `range` on their way home. False: there are no more.
    [[nodiscard]] bool take_run(StoreRun& run, CachedObject& object, PageRange range,
                                std::optional<Phase> phase) noexcept EXCLUDES(lock_) {
        run.count = 0;
        LockGuard guard(lock_);
        CachedPage* page = index_.next_to_write(object, range, phase);
        while (page != nullptr && page->is_being_written()) {
            changed_.wait(lock_);
            page = index_.next_to_write(object, range, phase);
        }
        if (page == nullptr) {
            return false;
        }
        index_.begin_writing(run, *page, range, phase);
        return true;
    }
    void arrived(const StoreRun& run, bool all_well) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        index_.end_writing(run, all_well);
        changed_.wake_all();
    }

    /// False: a page is being filled or written.
    [[nodiscard]] bool drop_at_rest(CachedObject& object, std::uint32_t first) noexcept
        REQUIRES(lock_) {
        bool all = true;
        for (auto at = object.pages_.begin(); at != object.pages_.end();) {
            CachedPage& page = *at++;
            const bool goes = page.index() >= first;
            const bool is_at_rest = page.ready && !page.is_being_written();
            if (goes && is_at_rest) {
                drop(page, Departure::dropped);
            }
            all = all && (is_at_rest || !goes);
        }
        return all;
    }
    void drop(CachedPage& page, Departure why) noexcept REQUIRES(lock_) {
        KIDNEY_ASSERT(page.ready);
        index_.unlink(page, why);
        supply_.free(page);
    }

    PageSupply<Heap, Frames> supply_;
    Map& map_;
    const std::size_t leave_free_;
    mutable Lock lock_;
    PageIndex<Policy> index_ GUARDED_BY(lock_);
    DirtyLimit limit_ GUARDED_BY(lock_);
    Queue changed_;  ///< a page is filled or written now, or cannot be; a flush round has ended
};

}  // namespace kidney::fs
