/// What the page cache keeps: pages, and the objects (files, disks) that they belong to.
#pragma once

#include "fs/cache/read_ahead.hpp"
#include "fs/cache/sector_phases.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/cache_replacement.hpp"
#include "kidney/hal/phys_map.hpp"
#include "kidney/mm/frame_service.hpp"
#include "kidney/mm/object_allocator.hpp"
#include "kidney/sched/waiting.hpp"

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs {

class CachedObject;

/// One page in the cache. Everything in it is guarded by the cache's lock.
///
/// It is absent, then being filled (not `ready`), then clean, dirty (some of `phases`), being
/// written (some of `on_the_way`) or both: a page that changes while it is being written stays
/// dirty and is written again. Only clean pages are reclaimed: the policy has those that are ready
/// and clean, and its part of each is the base.
struct CachedPage : CacheEntry {
    static constexpr const char* cache_name = "cached_page";
    using TreeHook = boost::intrusive::set_member_hook<
        boost::intrusive::link_mode<boost::intrusive::normal_link>,
        boost::intrusive::optimize_size<true>>;

    CachedPage() noexcept {}

    [[nodiscard]] bool is_being_written() const noexcept { return on_the_way.any(); }
    [[nodiscard]] bool is_clean() const noexcept { return !phases.any() && !on_the_way.any(); }

    [[nodiscard]] std::uint32_t index() const noexcept { return name.page; }

    Hook of_object;
    TreeHook by_index;  ///< in the object's set of others
    CachedPage* next_in_bucket = nullptr;
    CachedObject* object = nullptr;
    FrameNumber frame;        ///< the cache holds one reference
    bool ready = false;       ///< false while it is being filled
    bool is_ahead = false;    ///< nobody has asked for it yet
    bool was_used = false;    ///< while the policy did not have it
    SectorPhases phases;      ///< what must go home
    SectorPhases on_the_way;  ///< what is going home just now
};

/// A page on its way home.
struct StoredPage {
    std::span<const std::byte> bytes;  ///< the whole page
    SectorMask sectors = 0;            ///< what of it must be written; nothing else may be
};

/// Something that has pages. Must tell the cache to forget() it before it goes.
class CachedObject {
public:
    /// Reads the pages `first`, `first + 1`, ... into `pages`; bytes behind the end are zeroed. All
    /// or nothing. Called with no lock held; may use the cache for other objects.
    [[nodiscard]] virtual Status fill(std::uint32_t first,
                                      std::span<const std::span<std::byte>> pages) noexcept = 0;
    /// Writes the pages `first`, `first + 1`, ... home. If it fails, all of them stay dirty and
    /// come again. The bytes may change meanwhile: then the page comes again, too. Called without
    /// the cache's lock, with those that the caller of write_back() holds. A file whose pages are
    /// mapped takes them from the mappings first (PageSource::unmap, keep), so that the next store
    /// of a program is noticed.
    [[nodiscard]] virtual Status store(std::uint32_t /*first*/,
                                       std::span<const StoredPage> /*pages*/) noexcept {
        return fail(Errc::read_only);
    }
    /// Pages that exist; the cache reads ahead up to there.
    [[nodiscard]] virtual std::uint64_t page_count() const noexcept = 0;

    /// How many times pages could not be written home. Whoever must tell a program of it remembers
    /// the count of the time when it began to look, and compares. Concurrency: any thread.
    [[nodiscard]] std::uint32_t write_errors() const noexcept {
        // acquire: who sees the count also sees what was written before it
        return write_errors_.load(std::memory_order_acquire);
    }

protected:
    CachedObject() noexcept = default;
    ~CachedObject() { KIDNEY_ASSERT(pages_.empty()); }

private:
    struct ByIndex {
        using type = std::uint32_t;
        std::uint32_t operator()(const CachedPage& page) const noexcept { return page.index(); }
    };
    using Pages = boost::intrusive::list<
        CachedPage,
        boost::intrusive::member_hook<CachedPage, CachedPage::Hook, &CachedPage::of_object>>;
    using Dirty = boost::intrusive::set<
        CachedPage,
        boost::intrusive::member_hook<CachedPage, CachedPage::TreeHook, &CachedPage::by_index>,
        boost::intrusive::key_of_value<ByIndex>, boost::intrusive::constant_time_size<false>>;

    template <CacheReplacement P>
    friend class PageIndex;
    template <mm::ObjectAllocator H, mm::CountedFrames F, hal::PhysMap M, BasicLockable L, class Q,
              CacheReplacement P>
        requires sched::WaitQueueFor<Q, L>
    friend class PageCache;

    Pages pages_;
    Dirty dirty_;  ///< those that are not clean
    ReadAhead read_ahead_;
    std::uint32_t number_ = 0;  ///< in the names of its pages; given with the first one
    std::atomic<std::uint32_t> write_errors_ = 0;
};

}  // namespace kidney::fs
