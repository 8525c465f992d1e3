/// A program's memory: regions, the pages in them, and what happens when it touches one.
///
/// Regions promise; pages come when they are touched: `handle_fault`, which is the lock around
/// fault_resolver.hpp. Shared by reference between threads and vfork relatives. Kernel code reaches
/// the memory of the *active* space through hal::UserMemory; `copy_to` and friends reach any space,
/// for exec.
///
/// Concurrency: any thread; one lock per space, which must be one that may sleep. A fault reads
/// files without it; whoever makes pages present himself (populate, exec) holds it. Errors are
/// named at each function; no_memory everywhere, with nothing half done.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/hal/page_fault.hpp"
#include "kidney/mm/make.hpp"
#include "mm/fault_resolver.hpp"
#include "mm/map_request.hpp"
#include "mm/range_advice.hpp"
#include "mm/region_map.hpp"
#include "mm/region_mover.hpp"
#include "mm/user_pages.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

namespace kidney::mm {

template <hal::PageTableFormat Format, CountedFrames Frames, hal::PhysMap Phys, hal::Mmu Mmu,
          ObjectAllocator Heap, BasicLockable Lock, class Mappings>
class AddressSpace final
    : public HeapObject<AddressSpace<Format, Frames, Phys, Mmu, Heap, Lock, Mappings>, Heap>,
      private MappingOwner {
public:
    static constexpr const char* cache_name = "address_space";
    using Environment = MemoryEnvironment<Frames, Phys, Heap, Mappings>;
    using Self = Ref<AddressSpace>;

    /// An empty space, in which mappings go down from `ceiling`.
    [[nodiscard]] static Result<Self> create(
        Environment& environment, VirtAddr ceiling = user_layout::mmap_ceiling) noexcept {
        Self space = TRY(make_ref<AddressSpace>(environment.heap, environment, ceiling));
        TRY(space->pages_.create(environment.kernel_root));
        return space;
    }
    AddressSpace(Environment& environment, VirtAddr ceiling) noexcept
        : environment_(environment),
          mmap_ceiling_(ceiling),
          pages_(environment.frames, environment.phys),
          regions_(environment.heap, environment.mappings, *this) {}
    /// Not active on any CPU.
    ~AddressSpace() KIDNEY_NO_TSA("nobody else has a reference any more")
    {
        KIDNEY_INVARIANT(pages_.active().is_empty(), "mm: an active address space ends");
        for (Region* at = regions_.first(); at != nullptr; at = at->next) {
            pages_.abandon(at->range);
        }
    }

    /// The calling CPU, which is `cpu`, uses this space from now on. Preemption is off.
    void activate(CpuId cpu) noexcept { pages_.activate(cpu); }
    /// `cpu` has activated another space, or the kernel's tables.
    void deactivate(CpuId cpu) noexcept { pages_.deactivate(cpu); }
    [[nodiscard]] PhysAddr root() const noexcept { return pages_.root().address(); }

    /// A copy that shares all pages until one side writes. Errors: no_memory.
    [[nodiscard]] Result<Self> fork() noexcept EXCLUDES(lock_) {
        Self child = TRY(create(environment_, mmap_ceiling_));
        const LockGuard guard(lock_);
        const Status status = copy_into(*child);
        // Even half a copy has taken rights from our pages.
        pages_.flush({VirtAddr(0), hal::user_end - VirtAddr(0)});
        if (!status) {
            return fail(status.error());
        }
        return child;
    }

    /// Adds a region; where is the answer. Errors: invalid_argument (empty, or fixed but not
    /// aligned), not_permitted (fixed below user_layout::lowest), exists, no_memory (no room, or
    /// beyond the end).
    [[nodiscard]] Result<VirtAddr> map(const MapRequest& request) noexcept EXCLUDES(lock_) {
        KIDNEY_ASSERT(!request.traits.shared || request.traits.source);
        const LockGuard guard(lock_);
        const std::uint32_t size = request.size + page_mask & ~page_mask;
        if (request.size == 0 || (request.fixed && !request.address.is_page_aligned())) {
            return fail(Errc::invalid_argument);
        }
        const VirtRange range{
            request.fixed ? TRY(check_fixed(request, size)) : choose_place(request.address, size),
            size};
        if (size == 0 || range.start.value() == 0) {
            return fail(Errc::no_memory);
        }
        if (request.fixed) {
            TRY(regions_.reserve());
            TRY(unmap_locked(range));
        }
        TRY(insert(range, request.traits, request.growth));
        return range.start;
    }

    /// Removes whatever lies in the range. Errors: invalid_argument (not aligned, empty or beyond
    /// the end), no_memory (a region would have to be split).
    [[nodiscard]] Status unmap(VirtRange range) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return unmap_locked(TRY(user_range(range)));
    }

    /// As RangeAdvice's, whose errors they have, and invalid_argument (not a user range).
    [[nodiscard]] Status protect(VirtRange range, Protection protection,
                                 bool from_bottom = false) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return advice().protect(TRY(user_range(range)), protection, from_bottom);
    }
    [[nodiscard]] Status advise(VirtRange range, Advice what) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return advice().advise(TRY(user_range(range)), what);
    }
    /// For remove_from_sources() and sync_sources().
    [[nodiscard]] Result<SourcePart> removable_part(VirtRange range) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return advice().removable_part(range);
    }
    [[nodiscard]] Ref<PageSource> next_stored_source(VirtRange range, VirtAddr& behind) noexcept
        EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return advice().next_stored_source(range, behind);
    }
    [[nodiscard]] bool has_new_errors(VirtRange range, PageSource& source) noexcept
        EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return advice().has_new_errors(range, source);
    }
    [[nodiscard]] Status set_locked(VirtRange range, bool locked) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return advice().set_locked(TRY(user_range(range)), locked);
    }
    [[nodiscard]] Status residency(VirtAddr start, std::span<std::uint8_t> pages) noexcept
        EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return advice().residency(start, pages);
    }
    /// mlockall() and munlockall(): what is there, unless that stays as it is, and what will come.
    void set_all_locked(std::optional<bool> present, bool future) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        new_is_locked_.store(future, std::memory_order_relaxed);
        if (present) {
            advice().set_all_locked(*present);
        }
    }
    [[nodiscard]] std::uint32_t locked_bytes(VirtRange range) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return advice().locked_bytes(range);
    }
    [[nodiscard]] bool locks_new_regions() const noexcept {
        return new_is_locked_.load(std::memory_order_relaxed);
    }

    /// Moves the end of the heap, as brk() does; the answer is the end after the call, unchanged
    /// if it cannot be moved there.
    VirtAddr set_break(VirtAddr wanted) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        if (wanted < break_start_ || wanted > user_layout::highest) {
            return break_;
        }
        const VirtAddr old_end = break_.page_ceiling();
        const VirtAddr new_end = wanted.page_ceiling();
        Status status;
        if (new_end > old_end) {
            const VirtRange more{old_end, new_end - old_end};
            status = regions_.is_free(more) ? insert(more, heap_traits())
                                            : Status(fail(Errc::no_memory));
        } else if (new_end < old_end) {
            status = unmap_locked({new_end, old_end - new_end});
        }
        if (status) {
            break_ = wanted;
        }
        return break_;
    }
    /// exec: the heap begins (and ends) here.
    void set_break_start(VirtAddr start) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        break_start_ = start;
        break_ = start;
    }

    /// mremap(): errors as RegionMover.
    [[nodiscard]] Result<VirtAddr> remap(const RemapRequest& request) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return RegionMover(regions_, pages_, mmap_ceiling_).remap(request);
    }

    /// Resolves a page fault. Errors: as FaultResolver.
    [[nodiscard]] Status handle_fault(const hal::PageFault& fault) noexcept EXCLUDES(lock_) {
        return read_between_attempts(environment_.frames, [&](MissingPage* missing) noexcept {
            const LockGuard guard(lock_);
            return resolver(missing).resolve(fault.address, fault.access);
        });
    }

    /// Makes every page of the range present and fit for `access`; by default for what its region
    /// allows, so that no fault comes later. Errors: as handle_fault(); no_memory also for a hole.
    [[nodiscard]] Status populate(VirtRange range,
                                  std::optional<hal::Access> access = std::nullopt) noexcept
        EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        Resolver touch = resolver();
        return regions_.for_each_part(range, [&](const Region& region, VirtRange part) {
            const bool writes = region.traits.protection.write && !region.traits.shared;
            return touch.populate(part,
                                  access.value_or(writes ? hal::Access::write : hal::Access::read));
        });
    }

    /// The same for all there is, as far as it goes.
    void populate_all() noexcept EXCLUDES(lock_) {
        VirtAddr at(0);
        while (const std::optional<VirtRange> range = range_after(at)) {
            ignore_error(populate(*range), "some must not be touched, some files are short");
            at = range->end();
        }
    }

    /// The page at an address, if it is present.
    [[nodiscard]] std::optional<PageMapping> query(VirtAddr address) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        const auto entry = pages_.entry(address.page_base());
        if (!Format::is_present(entry)) {
            return std::nullopt;
        }
        return PageMapping{Format::frame_of(entry), Format::flags_of(entry),
                           regions_.find(address)->traits.shared};
    }

    /// Writes to the program's memory, active or not, with the rights the program has. Errors: as
    /// handle_fault().
    [[nodiscard]] Status copy_to(VirtAddr to, std::span<const std::byte> bytes) noexcept
        EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return resolver().for_each_piece(to, bytes.size(), hal::Access::write,
                                         [&](std::span<std::byte> piece) {
                                             std::memcpy(piece.data(), bytes.data(), piece.size());
                                             bytes = bytes.subspan(piece.size());
                                         });
    }
    [[nodiscard]] Status fill_zero(VirtAddr to, std::size_t size) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return resolver().for_each_piece(
            to, size, hal::Access::write,
            [](std::span<std::byte> piece) { std::memset(piece.data(), 0, piece.size()); });
    }
    [[nodiscard]] Status copy_from(VirtAddr from, std::span<std::byte> bytes) noexcept
        EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return resolver().for_each_piece(from, bytes.size(), hal::Access::read,
                                         [&](std::span<std::byte> piece) {
                                             std::memcpy(bytes.data(), piece.data(), piece.size());
                                             bytes = bytes.subspan(piece.size());
                                         });
    }

    /// Calls f(const Region&, pages_in) under the lock for the regions that end behind `from`,
    /// until it says false. It must not call back, but pages_in(range) tells what is present there.
    template <class F>
    void for_each_region(F&& f, VirtAddr from = VirtAddr(0)) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        const auto pages_in = [this](VirtRange range) { return pages_.resident_in(range); };
        const Region* at = regions_.first_after(from);
        while (at != nullptr && f(*at, pages_in)) {
            at = at->next;
        }
    }

    /// What the region at an address is.
    [[nodiscard]] std::optional<RegionTraits> traits_at(VirtAddr address) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        const Region* const region = regions_.find(address);
        return region == nullptr ? std::nullopt : std::optional(region->traits);
    }
    [[nodiscard]] RegionTotals totals() noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return regions_.totals();
    }
    /// Pages that are present now, and frames that their tables take; without the lock.
    [[nodiscard]] ResidentPages resident() const noexcept { return pages_.resident().read(); }
    [[nodiscard]] std::uint32_t table_count() const noexcept { return pages_.table_count(); }
    [[nodiscard]] SpaceUsage usage() noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return SpaceUsage{regions_.totals().bytes, pages_.resident().read()};
    }

private:
    using Pages = UserPages<Format, Frames, Phys, Mmu>;
    using Regions = RegionMap<Heap, Mappings>;
    using Resolver = FaultResolver<Format, Frames, Phys, Mmu, Regions>;

    [[nodiscard]] std::optional<VirtRange> range_after(VirtAddr at) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        const Region* const region = regions_.first_after(at);
        return region == nullptr ? std::nullopt : std::optional(region->range);
    }
    [[nodiscard]] Resolver resolver(MissingPage* missing = nullptr) noexcept REQUIRES(lock_) {
        return Resolver(environment_.frames, environment_.phys, regions_, pages_, missing);
    }
    [[nodiscard]] RangeAdvice<Regions, Pages> advice() noexcept REQUIRES(lock_) {
        return {regions_, pages_};
    }
    [[nodiscard]] Result<VirtAddr> check_fixed(const MapRequest& request,
                                               std::uint32_t size) noexcept REQUIRES(lock_) {
        const VirtAddr start = request.address;
        if (start < user_layout::lowest) {
            return fail(Errc::not_permitted);
        }
        if (start > user_layout::highest || size > user_layout::highest - start) {
            return fail(Errc::no_memory);
        }
        if (!request.replace && !regions_.is_free({start, size})) {
            return fail(Errc::exists);
        }
        return start;
    }
    [[nodiscard]] VirtAddr choose_place(VirtAddr wish, std::uint32_t size) noexcept
        REQUIRES(lock_) {
        wish = wish.page_base();
        if (wish >= user_layout::lowest && wish < user_layout::highest &&
            size <= user_layout::highest - wish && regions_.is_free({wish, size})) {
            return wish;
        }
        return regions_.find_gap(size, user_layout::lowest, mmap_ceiling_);
    }

    Status insert(VirtRange range, const RegionTraits& traits, std::uint32_t growth = 0) noexcept
        REQUIRES(lock_) {
        if (growth == 0 && !locks_new_regions()) [[likely]] {
            return regions_.insert(range, traits);
        }
        RegionTraits special = traits;
        special.locked |= locks_new_regions();
        if (growth != 0) {
            special.lowest = growth < range.end() - user_layout::lowest
                                 ? (range.end() - growth).page_ceiling()
                                 : user_layout::lowest;
        }
        return regions_.insert(range, special);
    }
    Status unmap_locked(VirtRange range) noexcept REQUIRES(lock_) {
        return regions_.remove(range, [&](VirtRange piece) { pages_.drop(piece); });
    }

    Status copy_into(AddressSpace& child) noexcept REQUIRES(lock_)
        KIDNEY_NO_TSA("nobody else knows the child yet")
    {
        child.break_start_ = break_start_;
        child.break_ = break_;
        pages_.count_as_shared_with(child.pages_);
        for (const Region* at = regions_.first(); at != nullptr; at = at->next) {
            const RegionTraits& traits = at->traits;
            if (!traits.dont_fork) {
                TRY(child.regions_.append(*at));
            }
            if (traits.dont_fork || traits.wipe_on_fork) {
                pages_.count_as_kept_from(child.pages_, at->range);
            } else {
                TRY(pages_.share_with(child.pages_, at->range, traits.shared));
            }
        }
        child.regions_.publish();
        return {};
    }

    [[nodiscard]] bool hold() noexcept override { return this->try_retain(); }
    void let_go() noexcept override { Self::adopt(this).reset(); }
    void take_pages(PageSource& source, PageSpan span, PrivateCopies copies) noexcept override
        EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        while (SourceMapping* const mapping = environment_.mappings.visit_next(source, *this)) {
            const VirtRange part = static_cast<Region*>(mapping)->part_that_shows(span);
            if (part.size != 0) {
                pages_.drop(part, copies);
            }
        }
    }

    Environment& environment_;
    const VirtAddr mmap_ceiling_;
    Lock lock_;
    Pages pages_;  // its own set is atomic; entries: lock_
    Regions regions_ GUARDED_BY(lock_);
    std::atomic<bool> new_is_locked_ = false;  ///< mlockall(MCL_FUTURE); changed under the lock
    VirtAddr break_start_ GUARDED_BY(lock_);
    VirtAddr break_ GUARDED_BY(lock_);
};

}  // namespace kidney::mm
