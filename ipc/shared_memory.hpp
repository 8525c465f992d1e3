/// Shared memory segments: shmget, shmat, shmdt, shmctl.
///
/// A segment's pages come from a factory (files in memory, in the kernel); a mapping holds a
/// reference to them, so the pages themselves know how often they are attached, and outlive the
/// segment's removal until the last mapping is gone.
#pragma once

#include "ipc/id_table.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/mm/make.hpp"
#include "kidney/mm/page_source.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace kidney::ipc {

/// Makes the pages of a segment: of zeros, `pages` of them. Errors: no_space, no_memory.
template <class F>
concept SegmentPages = requires(F& factory, std::uint32_t pages) {
    { factory(pages) } noexcept -> std::same_as<Result<Ref<mm::PageSource>>>;
};

/// What shmctl(IPC_STAT) tells.
struct SegmentFacts {
    Permission permission;
    std::int32_t id = 0;
    std::uint32_t size = 0;  ///< bytes, as asked for
    std::int64_t attached = 0, detached = 0, changed = 0;
    std::int32_t creator = 0, last = 0;
    std::uint32_t mappings = 0;
    bool is_removed = false;  ///< goes with the last mapping
    bool is_locked = false;
};

/// `Lock` may sleep. Concurrency: any thread. Errors of all calls with an id: invalid_argument (no
/// such segment), permission_denied.
template <mm::ObjectAllocator Heap, BasicLockable Lock, SegmentPages Factory, std::size_t Capacity>
class SharedMemory {
public:
    static constexpr std::size_t capacity = Capacity;

    /// A segment has at most `most_pages`.
    SharedMemory(Heap& heap, Factory factory, std::uint32_t most_pages) noexcept
        : heap_(heap), factory_(factory), most_pages_(most_pages) {}
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;
    ~SharedMemory() { KIDNEY_ASSERT(table_.count() == 0); }

    /// shmget(2). Errors: not_found, exists, permission_denied, invalid_argument (larger than the
    /// segment, or an impossible size), no_space, no_memory.
    [[nodiscard]] Result<std::int32_t> get(const Request& request, std::uint32_t size,
                                           const Caller& who) noexcept EXCLUDES(lock_) {
        const auto is_large_enough = [size](const Segment& known) {
            return size <= known.size ? Status() : Status(fail(Errc::invalid_argument));
        };
        {
            LockGuard guard(lock_);
            if (const Segment* const known =
                    TRY(table_.find_requested(request, who, is_large_enough))) {
                return known->id;
            }
        }
        Segment* const fresh = TRY(make_segment(request, size, who));
        Result<std::int32_t> id = fail(Errc::no_space);
        {
            LockGuard guard(lock_);
            const Result<Segment*> known = table_.find_requested(request, who, is_large_enough);
            if (!known) {
                id = fail(known.error());
            } else if (*known != nullptr) {  // somebody was faster
                id = (*known)->id;
            } else if (!table_.is_full()) {
                table_.insert(*fresh);
                return fresh->id;
            }
        }
        discard(fresh);
        return id;
    }

    struct Attachment {
        Ref<mm::PageSource> pages;
        std::uint32_t size = 0;
    };
    /// shmat(2): the pages, for the caller to map.
    [[nodiscard]] Result<Attachment> attach(std::int32_t id, Access access,
                                            const Caller& who) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Segment& segment = *TRY(table_.find(id, who, access));
        if (!segment.pages->try_retain()) {
            return fail(Errc::invalid_argument);  // the last mapping of a removed one goes just now
        }
        segment.attached = who.now;
        segment.last = who.pid;
        return Attachment{Ref<mm::PageSource>::adopt(segment.pages), segment.size};
    }
    [[nodiscard]] static bool is_segment(const mm::PageSource* pages) noexcept {
        return pages != nullptr && pages->kind() == mm::SourceKind::segment;
    }
    /// What a segment is called as long as it is mapped, whatever became of its key.
    struct Name {
        std::int32_t id = 0, key = 0;
    };
    /// Of pages that are mapped, and a segment's.
    [[nodiscard]] static Name name_of(const mm::PageSource& pages) noexcept {
        KIDNEY_ASSERT(is_segment(&pages));
        return static_cast<const Pages&>(pages).name();
    }
    /// The caller has just unmapped some of these pages.
    void detached(const mm::PageSource* pages, const Caller& who) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (Segment* const segment = find_pages(pages)) {
            segment->detached = who.now;
            segment->last = who.pid;
        }
    }

    // --- shmctl(2) ---

    [[nodiscard]] Result<SegmentFacts> facts(std::int32_t id, const Caller& who) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return facts_of(*TRY(table_.find(id, who, Access::read)));
    }
    /// By place: for SHM_STAT.
    [[nodiscard]] Result<SegmentFacts> facts_at(std::uint32_t place, const Caller& who,
                                                bool checks) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return facts_of(*TRY(table_.find_at(place, who, checks)));
    }
    /// Error: not_permitted.
    [[nodiscard]] Status change(std::int32_t id, std::uint32_t uid, std::uint32_t gid,
                                std::uint32_t mode, const Caller& who) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Segment& segment = *TRY(table_.find_owned(id, who));
        segment.permission.change(uid, gid, mode);
        segment.changed = who.now;
        return {};
    }
    /// SHM_LOCK, SHM_UNLOCK: noted; nothing is ever swapped out. Error: not_permitted.
    [[nodiscard]] Status set_locked(std::int32_t id, bool locked, const Caller& who) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Segment& segment = *TRY(table_.find_owned(id, who));
        segment.is_locked = locked;
        return {};
    }
    /// Error: not_permitted.
    [[nodiscard]] Status remove(std::int32_t id, const Caller& who) noexcept EXCLUDES(lock_) {
        Ref<mm::PageSource> own;
        {
            LockGuard guard(lock_);
            Segment& segment = *TRY(table_.find_owned(id, who));
            segment.permission.key = private_key;  // nobody finds it any more
            own = std::move(segment.own);
        }
        return {};  // with `own` goes the segment, unless it is mapped
    }
    struct Usage {
        std::size_t segments = 0, pages = 0, highest = 0;
    };
    [[nodiscard]] Usage usage() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        Usage sum{.segments = table_.count(), .highest = table_.highest()};
        table_.for_each([&](const Segment& segment) { sum.pages += pages_of(segment.size); });
        return sum;
    }

private:
    class Pages;
    struct Segment {
        Permission permission;
        std::int32_t id = -1;  ///< not in the table yet
        std::uint32_t size = 0;
        std::int64_t attached = 0, detached = 0, changed = 0;
        std::int32_t creator = 0, last = 0;
        bool is_locked = false;
        Pages* pages = nullptr;   ///< they end the segment
        Ref<mm::PageSource> own;  ///< to them, until the segment is removed
    };
    /// What a mapping refers to.
    class Pages final : public RefCounted, public mm::PageSource {
    public:
        Pages(SharedMemory& owner, Segment& segment, Ref<mm::PageSource> pages,
              std::int32_t key) noexcept
            : owner_(owner), segment_(segment), pages_(std::move(pages)), key_(key) {}
        [[nodiscard]] Name name() const noexcept { return {segment_.id, key_}; }
        [[nodiscard]] Result<FrameNumber> page(std::uint32_t index) noexcept override {
            return pages_->page(index);
        }
        [[nodiscard]] Status mark_dirty(std::uint32_t index) noexcept override {
            return pages_->mark_dirty(index);
        }
        [[nodiscard]] Status remove(mm::PageSpan span) noexcept override {
            TRY(pages_->remove(span));
            unmap(span, mm::PrivateCopies::keep);  // it is we who are mapped
            return {};
        }
        [[nodiscard]] bool is_resident(std::uint32_t index) noexcept override {
            return pages_->is_resident(index);
        }
        [[nodiscard]] bool is_memory() const noexcept override { return true; }
        [[nodiscard]] mm::SourceKind kind() const noexcept override {
            return mm::SourceKind::segment;
        }
        void retain() const noexcept override { RefCounted::retain(); }
        [[nodiscard]] bool release() const noexcept override { return RefCounted::release(); }
        void dispose() noexcept override {
            SharedMemory& owner = owner_;
            owner.pages_gone(segment_);
            mm::destroy(owner.heap_, this);
        }

    private:
        SharedMemory& owner_;
        Segment& segment_;
        const Ref<mm::PageSource> pages_;
        const std::int32_t key_;
    };

    [[nodiscard]] static constexpr std::uint32_t pages_of(std::uint32_t size) noexcept {
        return (size >> page_shift) + ((size & page_mask) != 0 ? 1U : 0U);
    }
    [[nodiscard]] Result<Segment*> make_segment(const Request& request, std::uint32_t size,
                                                const Caller& who) noexcept {
        if (size == 0) {
            return fail(Errc::invalid_argument);
        }
        if (pages_of(size) > most_pages_) {
            return fail(Errc::no_memory);
        }
        Ref<mm::PageSource> source = TRY(factory_(pages_of(size)));
        mm::Box<Segment, Heap> segment = TRY(mm::make_box<Segment>(heap_));
        Pages* const pages =
            TRY(mm::make<Pages>(heap_, *this, *segment, std::move(source), request.key));
        segment->permission = Permission::of_new(request.key, request.mode, who);
        segment->size = size;
        segment->changed = who.now;
        segment->creator = who.pid;
        segment->pages = pages;
        segment->own = Ref<mm::PageSource>::adopt(pages);
        return segment.release();
    }
    /// One that nobody knows.
    void discard(Segment* segment) noexcept { std::move(segment->own).reset(); }

    void pages_gone(Segment& segment) noexcept EXCLUDES(lock_) {
        {
            LockGuard guard(lock_);
            if (segment.id >= 0) {
                table_.erase(segment);
            }
        }
        mm::destroy(heap_, &segment);
    }
    [[nodiscard]] Segment* find_pages(const mm::PageSource* pages) const noexcept REQUIRES(lock_) {
        Segment* found = nullptr;
        table_.for_each([&](Segment& segment) {
            if (segment.pages == pages) {
                found = &segment;
            }
        });
        return found;
    }
    [[nodiscard]] static SegmentFacts facts_of(const Segment& s) noexcept {
        SegmentFacts facts;
        facts.permission = s.permission;
        facts.id = s.id;
        facts.size = s.size;
        facts.attached = s.attached;
        facts.detached = s.detached;
        facts.changed = s.changed;
        facts.creator = s.creator;
        facts.last = s.last;
        facts.mappings = s.pages->references() - (s.own ? 1 : 0);
        facts.is_removed = !s.own;
        facts.is_locked = s.is_locked;
        return facts;
    }

    Heap& heap_;
    Factory factory_;
    const std::uint32_t most_pages_;
    Lock lock_;
    IdTable<Segment, Capacity> table_ GUARDED_BY(lock_);
};

}  // namespace kidney::ipc
