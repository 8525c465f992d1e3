/// The page cache: file data and device metadata, page by page, in frames that everybody shares.
///
/// read(), mmap and exec of one file see the same frames, because all of them come from here. A
/// page belongs to a `CachedObject` (a file, a disk) which knows how to fill it. Pages are clean;
/// when memory runs short, those that nobody borrows go, least recently used first.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/hal/phys_map.hpp"
#include "kidney/mm/frame_reclaimer.hpp"
#include "kidney/mm/frame_service.hpp"
#include "kidney/mm/make.hpp"
#include "kidney/sched/waiting.hpp"

#include <boost/intrusive/list.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace kidney::fs {

class CachedObject;

/// One page in the cache. Belongs to PageCache, and everything in it is guarded by the cache's
/// lock.
struct CachedPage {
    static constexpr const char* cache_name = "cached_page";
    using Hook = boost::intrusive::list_member_hook<
        boost::intrusive::link_mode<boost::intrusive::normal_link>>;

    CachedPage() noexcept {}

    Hook of_object, by_use;
    CachedPage* next_in_bucket = nullptr;
    CachedObject* object = nullptr;
    std::uint32_t index = 0;
    FrameNumber frame;   ///< the cache holds one reference
    bool ready = false;  ///< false while it is being filled
};

/// Something that has pages. Must tell the cache to forget() it before it goes.
class CachedObject {
public:
    /// Reads the pages `first`, `first + 1`, ... into `pages`; bytes behind the end are zeroed. All
    /// or nothing. Called with no lock held; may use the cache for other objects.
    [[nodiscard]] virtual Status fill(std::uint32_t first,
                                      std::span<const std::span<std::byte>> pages) noexcept = 0;
    /// Pages that exist; the cache reads ahead up to there.
    [[nodiscard]] virtual std::uint64_t page_count() const noexcept = 0;

protected:
    CachedObject() noexcept = default;
    ~CachedObject() { KIDNEY_ASSERT(pages_.empty()); }

private:
    template <mm::ObjectAllocator H, mm::CountedFrames F, hal::PhysMap M, BasicLockable L, class Q>
        requires sched::WaitQueueFor<Q, L>
    friend class PageCache;
    boost::intrusive::list<CachedPage, boost::intrusive::member_hook<CachedPage, CachedPage::Hook,
                                                                     &CachedPage::of_object>>
        pages_;
    std::uint32_t next_expected_ = 0;  ///< a miss there is a sequential reader
};

/// Concurrency: any thread. A page that several threads miss is read once; the others wait in
/// `Queue`.
template <mm::ObjectAllocator Heap, mm::CountedFrames Frames, hal::PhysMap Map, BasicLockable Lock,
          class Queue>
    requires sched::WaitQueueFor<Queue, Lock>
class PageCache final : public mm::FrameReclaimer {
public:
    static constexpr std::uint32_t read_ahead = 8;  ///< pages in one request, at most

    /// Which pages a miss reads along with the one that was asked for.
    enum class Neighbours : std::uint8_t {
        ahead,   ///< those that follow, for a reader that has been going straight on
        around,  ///< the rest of the aligned window: programs jump, but not far
    };

    /// Frames that the cache leaves to those who cannot ask it for more, at least. With fewer it
    /// grows at its own expense.
    static constexpr std::size_t keep_free = 64;

    PageCache(Heap& heap, Frames& frames, Map& map, std::size_t leave_free = keep_free) noexcept
        : heap_(heap), frames_(frames), map_(map), leave_free_(leave_free) {}
    ~PageCache() { KIDNEY_ASSERT(size_ == 0); }
    PageCache(const PageCache&) = delete;
    PageCache& operator=(const PageCache&) = delete;

    /// The frame of page `index`, with a reference for the caller. The caller keeps `object` alive
    /// and has checked that the page exists. Errors: no_memory, and those of fill().
    [[nodiscard]] Result<FrameNumber> get(CachedObject& object, std::uint32_t index,
                                          Neighbours neighbours = Neighbours::ahead) noexcept
        EXCLUDES(lock_) {
        for (;;) {
            const Result<Found> found = find_or_wait(object, index);
            if (!found) {
                if (reclaim(reclaim_batch) > 0) {
                    continue;
                }
                return fail(found.error());
            }
            if (found->is_ready) {
                return found->frame;
            }
            Batch batch;
            TRY(collect(batch, wanted(object, index, neighbours)));
            if (!enter(batch, object, index)) {
                give_back(batch);
                continue;  // somebody else began to fill it meanwhile
            }
            const Status filled = fill(batch, object, index);
            if (filled) {
                return settle(batch, object, index);
            }
            withdraw(batch);
            const bool alone = batch.count == 1;
            give_back(batch);
            if (alone) {
                return fail(filled.error());
            }
            read_one_alone(object);  // it may be a neighbour that cannot be read
        }
    }
    /// Is the page here, and filled?
    [[nodiscard]] bool has(CachedObject& object, std::uint32_t index) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const CachedPage* const page = find(object, index);
        return page != nullptr && page->ready;
    }
    /// The bytes of a frame from get().
    [[nodiscard]] std::span<std::byte, page_size> bytes(FrameNumber frame) noexcept {
        return map_.direct(frame);
    }
    void release(FrameNumber frame) noexcept { frames_.release(frame); }

    /// Drops every page of an object that nobody else uses any more.
    void forget(CachedObject& object) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        while (!object.pages_.empty()) {
            drop(object.pages_.front());
        }
    }
    /// The device behind the object has new bytes at `offset` of a page: they replace the old ones
    /// if the page is here. A page that is filled from now on has them anyway.
    void update(CachedObject& object, std::uint32_t index, std::size_t offset,
                std::span<const std::byte> fresh) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (const CachedPage* const page = find_filled(object, index); page != nullptr) {
            std::memcpy(bytes(page->frame).data() + offset, fresh.data(), fresh.size());
        }
    }
    /// The next reader fills the page again; whoever has borrowed it keeps what it was.
    void drop_page(CachedObject& object, std::uint32_t index) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (CachedPage* const page = find_filled(object, index); page != nullptr) {
            drop(*page);
        }
    }
    /// The same for all pages that are not being filled just now.
    void drop_pages(CachedObject& object) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (auto at = object.pages_.begin(); at != object.pages_.end();) {
            CachedPage& page = *at++;
            if (page.ready) {
                drop(page);
            }
        }
    }
    /// Frees up to `most` pages that nobody borrows, least recently used first. Returns how many.
    std::size_t reclaim(std::size_t most) noexcept override EXCLUDES(lock_) {
        LockGuard guard(lock_);
        std::size_t freed = 0;
        for (auto at = used_.begin(); at != used_.end() && freed < most;) {
            CachedPage& page = *at++;
            // Borrowing happens under our lock, so one reference means: only the cache.
            if (page.ready && frames_.references(page.frame) == 1) {
                drop(page);
                ++freed;
            }
        }
        return freed;
    }
    [[nodiscard]] std::size_t size() const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return size_;
    }

private:
    static constexpr std::size_t buckets = 4096;
    static constexpr std::size_t reclaim_batch = 32;
    static constexpr std::uint32_t no_neighbours = ~std::uint32_t{0};  ///< of next_expected_

    struct Found {
        bool is_ready = false;
        FrameNumber frame;
    };
    /// Pages on their way in.
    struct Batch {
        std::array<CachedPage*, read_ahead> pages{};
        std::size_t count = 0;
    };
    using Uses = boost::intrusive::list<
        CachedPage,
        boost::intrusive::member_hook<CachedPage, CachedPage::Hook, &CachedPage::by_use>>;

    [[nodiscard]] static std::size_t bucket_of(const CachedObject& object,
                                               std::uint32_t index) noexcept {
        const auto address = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(&object));
        return ((address >> 4) * 2654435761U + index) % buckets;
    }
    [[nodiscard]] CachedPage* find(const CachedObject& object, std::uint32_t index) noexcept
        REQUIRES(lock_) {
        CachedPage* page = table_[bucket_of(object, index)];
        while (page != nullptr && (page->object != &object || page->index != index)) {
            page = page->next_in_bucket;
        }
        return page;
    }
    /// Waits while somebody fills the page. Null: it is not in the cache.
    [[nodiscard]] CachedPage* find_filled(const CachedObject& object, std::uint32_t index) noexcept
        REQUIRES(lock_) {
        CachedPage* page = find(object, index);
        while (page != nullptr && !page->ready) {
            filled_.wait(lock_);
            page = find(object, index);
        }
        return page;
    }
    /// Borrows the page, once it is filled. Not ready means: it is not in the cache. Error:
    /// no_memory.
    [[nodiscard]] Result<Found> find_or_wait(CachedObject& object, std::uint32_t index) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        CachedPage* const page = find_filled(object, index);
        if (page == nullptr) {
            return Found();
        }
        TRY(frames_.retain(page->frame));
        used_.splice(used_.end(), used_, used_.iterator_to(*page));
        return Found{true, page->frame};
    }

    /// How many pages to read: one, or a window. What lies before `index` is left to a miss of its
    /// own: a request has one first page, the one that must come.
    [[nodiscard]] std::uint32_t wanted(CachedObject& object, std::uint32_t index,
                                       Neighbours neighbours) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const bool sequential = index == object.next_expected_;
        const bool alone = object.next_expected_ == no_neighbours;
        object.next_expected_ = index + 1;
        std::uint32_t window = 1;
        if (sequential) {
            window = read_ahead;
        } else if (neighbours == Neighbours::around && !alone) {
            window = read_ahead - index % read_ahead;
        }
        const std::uint64_t left = object.page_count() - index;
        return left < window ? static_cast<std::uint32_t>(left) : window;
    }
    void read_one_alone(CachedObject& object) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        object.next_expected_ = no_neighbours;
    }

    /// Fresh pages; fewer than wanted if memory is short, but at least one.
    [[nodiscard]] Status collect(Batch& batch, std::uint32_t count) noexcept EXCLUDES(lock_) {
        if (frames_.free_frames() < leave_free_) {
            reclaim(reclaim_batch);
        }
        while (batch.count < count || batch.count == 0) {
            Result<CachedPage*> page = make_page();
            if (!page && reclaim(reclaim_batch) > 0) {
                page = make_page();
            }
            if (!page) {
                return batch.count > 0 ? Status() : Status(fail(page.error()));
            }
            batch.pages[batch.count++] = *page;
        }
        return {};
    }
    [[nodiscard]] Result<CachedPage*> make_page() noexcept {
        CachedPage* const page = TRY(mm::make<CachedPage>(heap_));
        const Result<FrameNumber> frame = frames_.allocate(mm::FrameZone::direct);
        if (!frame) {
            mm::destroy(heap_, page);
            return fail(frame.error());
        }
        page->frame = *frame;
        return page;
    }
    void give_back(const Batch& batch) noexcept {
        for (std::size_t n = 0; n < batch.count; ++n) {
            free(*batch.pages[n]);
        }
    }
    void free(CachedPage& page) noexcept {
        frames_.release(page.frame);
        mm::destroy(heap_, &page);
    }

    /// Enters the pages as being filled. False if the first is there already; read-ahead stops at
    /// the first page that is.
    [[nodiscard]] bool enter(Batch& batch, CachedObject& object, std::uint32_t index) noexcept
        EXCLUDES(lock_) {
        Batch surplus;
        {
            LockGuard guard(lock_);
            std::uint32_t n = 0;
            for (; n < batch.count && find(object, index + n) == nullptr; ++n) {
                link(*batch.pages[n], object, index + n);
            }
            if (n == 0) {
                return false;
            }
            while (batch.count > n) {
                surplus.pages[surplus.count++] = batch.pages[--batch.count];
            }
        }
        give_back(surplus);
        return true;
    }
    [[nodiscard]] Status fill(const Batch& batch, CachedObject& object,
                              std::uint32_t index) noexcept {
        std::array<std::span<std::byte>, read_ahead> memory;
        for (std::size_t n = 0; n < batch.count; ++n) {
            memory[n] = map_.direct(batch.pages[n]->frame);
        }
        return object.fill(index, std::span(memory).first(batch.count));
    }
    /// The pages are good: wakes those who wait, borrows the first for the caller. Error:
    /// no_memory.
    [[nodiscard]] Result<FrameNumber> settle(const Batch& batch, CachedObject& object,
                                             std::uint32_t index) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (std::size_t n = 0; n < batch.count; ++n) {
            batch.pages[n]->ready = true;
        }
        object.next_expected_ = index + static_cast<std::uint32_t>(batch.count);
        filled_.wake_all();
        TRY(frames_.retain(batch.pages[0]->frame));
        return batch.pages[0]->frame;
    }
    /// The pages could not be read: those who wait will try for themselves.
    void withdraw(const Batch& batch) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        for (std::size_t n = 0; n < batch.count; ++n) {
            unlink(*batch.pages[n]);
        }
        filled_.wake_all();
    }

    void link(CachedPage& page, CachedObject& object, std::uint32_t index) noexcept
        REQUIRES(lock_) {
        page.object = &object;
        page.index = index;
        page.ready = false;
        object.pages_.push_back(page);
        used_.push_back(page);
        page.next_in_bucket = std::exchange(table_[bucket_of(object, index)], &page);
        ++size_;
    }
    void unlink(CachedPage& page) noexcept REQUIRES(lock_) {
        CachedPage** at = &table_[bucket_of(*page.object, page.index)];
        while (*at != &page) {
            at = &(*at)->next_in_bucket;
        }
        *at = page.next_in_bucket;
        used_.erase(used_.iterator_to(page));
        page.object->pages_.erase(page.object->pages_.iterator_to(page));
        --size_;
    }
    void drop(CachedPage& page) noexcept REQUIRES(lock_) {
        KIDNEY_ASSERT(page.ready);
        unlink(page);
        free(page);
    }

    Heap& heap_;
    Frames& frames_;
    Map& map_;
    const std::size_t leave_free_;
    mutable Lock lock_;
    std::array<CachedPage*, buckets> table_ GUARDED_BY(lock_){};
    Uses used_ GUARDED_BY(lock_);  ///< most recently used last
    std::size_t size_ GUARDED_BY(lock_) = 0;
    Queue filled_;
};

}  // namespace kidney::fs
