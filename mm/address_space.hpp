/// A program's memory: regions, the pages in them, and what happens when it touches one.
///
/// Regions promise; pages come when they are touched: `handle_fault`, which is the lock around
/// fault_resolver.hpp. Shared by reference between threads and vfork relatives. Kernel code reaches
/// the memory of the *active* space through hal::UserMemory; `copy_to` and friends reach any space,
/// for exec.
///
/// Concurrency: any thread; one lock per space, held while a file's page is fetched, so it must be
/// one that may sleep. Errors are named at each function; no_memory everywhere, with nothing half
/// done.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/hal/page_fault.hpp"
#include "kidney/mm/make.hpp"
#include "mm/fault_resolver.hpp"
#include "mm/map_request.hpp"
#include "mm/region_map.hpp"
#include "mm/user_pages.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace kidney::mm {

template <hal::PageTableFormat Format, CountedFrames Frames, hal::PhysMap Phys, hal::Mmu Mmu,
          ObjectAllocator Heap, BasicLockable Lock>
class AddressSpace final
    : public HeapObject<AddressSpace<Format, Frames, Phys, Mmu, Heap, Lock>, Heap> {
public:
    using Environment = MemoryEnvironment<Frames, Phys, Heap>;
    using Self = Ref<AddressSpace>;

    /// An empty space.
    [[nodiscard]] static Result<Self> create(Environment& environment) noexcept {
        Self space = TRY(make_ref<AddressSpace>(environment.heap, environment));
        TRY(space->pages_.create(environment.kernel_root));
        return space;
    }
    explicit AddressSpace(Environment& environment) noexcept
        : environment_(environment),
          pages_(environment.frames, environment.phys),
          regions_(environment.heap) {}
    /// Not active on any CPU.
    ~AddressSpace() KIDNEY_NO_TSA("nobody else has a reference any more")
    {
        KIDNEY_INVARIANT(pages_.active().is_empty(), "mm: an active address space ends");
        for (const Region& region : regions_) {
            pages_.abandon(region.range);
        }
    }

    /// The calling CPU, which is `cpu`, uses this space from now on. Preemption is off.
    void activate(CpuId cpu) noexcept { pages_.activate(cpu); }
    /// `cpu` has activated another space, or the kernel's tables.
    void deactivate(CpuId cpu) noexcept { pages_.deactivate(cpu); }
    [[nodiscard]] PhysAddr root() const noexcept { return pages_.root().address(); }

    /// A copy that shares all pages until one side writes. Errors: no_memory.
    [[nodiscard]] Result<Self> fork() noexcept EXCLUDES(lock_) {
        Self child = TRY(create(environment_));
        const LockGuard guard(lock_);
        const Status status = copy_into(*child);
        // Even half a copy has taken rights from our pages.
        pages_.flush({VirtAddr(0), hal::user_end - VirtAddr(0)});
        if (!status) {
            return fail(status.error());
        }
        return child;
    }

    /// Adds a region; where is the answer. Errors: invalid_argument (empty, wraps, or fixed but not
    /// aligned), not_permitted (fixed below user_layout::lowest), exists, no_memory (no room, or
    /// beyond the end).
    [[nodiscard]] Result<VirtAddr> map(const MapRequest& request) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        const std::uint32_t size = request.size + page_mask & ~page_mask;
        if (size < request.size || size == 0 ||
            (request.fixed && !request.address.is_page_aligned())) {
            return fail(Errc::invalid_argument);
        }
        const VirtRange range{
            request.fixed ? TRY(check_fixed(request, size)) : choose_place(request.address, size),
            size};
        if (range.start.value() == 0) {
            return fail(Errc::no_memory);
        }
        if (request.fixed) {
            TRY(unmap_locked(range));
        }
        TRY(add(range, request.traits, range));
        return range.start;
    }

    /// Removes whatever lies in the range. Errors: invalid_argument (not aligned, empty or beyond
    /// the end), no_memory (a region would have to be split).
    [[nodiscard]] Status unmap(VirtRange range) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return unmap_locked(TRY(user_range(range)));
    }

    /// madvise(MADV_DONTNEED): private pages of the range are forgotten; the next touch brings
    /// zeros or the file's bytes again. Errors: invalid_argument.
    [[nodiscard]] Status discard(VirtRange where) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        const VirtRange range = TRY(user_range(where));
        for (auto at = regions_.first_after(range.start);
             at != regions_.end() && at->range.start < range.end(); ++at) {
            if (!at->traits.shared) {
                const VirtAddr start = std::max(at->range.start, range.start);
                const VirtAddr end = std::min(at->range.end(), range.end());
                pages_.drop({start, end - start});
            }
        }
        return {};
    }

    /// Changes rights. Errors: invalid_argument; no_memory (a hole in the range, or a region would
    /// have to be split); permission_denied (writing to what is never_writable).
    [[nodiscard]] Status protect(VirtRange where, Protection protection) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        const VirtRange range = TRY(user_range(where));
        VirtAddr covered = range.start;
        for (auto at = regions_.first_after(range.start);
             at != regions_.end() && at->range.start <= covered && covered < range.end(); ++at) {
            if (protection.write && at->traits.never_writable) {
                return fail(Errc::permission_denied);
            }
            covered = at->range.end();
        }
        if (covered < range.end()) {
            return fail(Errc::no_memory);
        }
        TRY(regions_.split(range.start));
        TRY(regions_.split(range.end()));
        for (auto at = regions_.first_after(range.start);
             at != regions_.end() && at->range.start < range.end(); ++at) {
            at->traits.protection = protection;
        }
        // Pages never keep the right to write: the next write fault decides what it means.
        pages_.narrow(range, flags_for(protection, false));
        return {};
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
            status = regions_.is_free(more) ? regions_.insert(more, heap_traits())
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

    /// Changes the size of one region, or of part of one, as mremap() does. Errors:
    /// invalid_argument, bad_address (not within one region), no_memory (no room where it is, and
    /// it must not move).
    [[nodiscard]] Result<VirtAddr> remap(VirtRange old_range, std::uint32_t new_bytes,
                                         bool may_move) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        const VirtRange old = TRY(user_range(old_range));
        const std::uint32_t new_size = new_bytes + page_mask & ~page_mask;
        if (new_size == 0) {
            return fail(Errc::invalid_argument);
        }
        if (new_size <= old.size) {
            if (new_size < old.size) {
                TRY(unmap_locked({old.start + new_size, old.size - new_size}));
            }
            return old.start;
        }
        Region* const region = regions_.find(old.start);
        if (region == nullptr || region->range.end() < old.end()) {
            return fail(Errc::bad_address);
        }
        const VirtRange more{old.end(), new_size - old.size};
        if (more.end() > old.end() && more.end() <= user_layout::highest &&
            regions_.is_free(more)) {
            TRY(widen(*region, more));
            return old.start;
        }
        if (!may_move) {
            return fail(Errc::no_memory);
        }
        RegionTraits traits = region->traits;
        traits.source_page = region->source_page(old.start);
        // Only what stays where it is can grow down to where it was meant to.
        traits.lowest = VirtAddr(0);
        return move_region(old, new_size, traits);
    }

    /// Resolves a page fault. Errors: as FaultResolver.
    [[nodiscard]] Status handle_fault(const hal::PageFault& fault) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return resolver().resolve(fault.address, fault.access);
    }

    /// Makes every page of the range present and fit for `access`. Errors: as handle_fault().
    [[nodiscard]] Status populate(VirtRange range, hal::Access access) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        return resolver().populate(range, access);
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

    /// Calls f(const Region&) for each region in address order, under the lock: f must not call
    /// back.
    template <class F>
    void for_each_region(F&& f) noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        for (const Region& region : regions_) {
            f(region);
        }
    }

    /// Pages that are present now, without the lock.
    [[nodiscard]] ResidentPages resident() const noexcept { return pages_.resident().read(); }
    /// Cost: a look at every region.
    [[nodiscard]] SpaceUsage usage() noexcept EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        SpaceUsage sum;
        sum.resident = pages_.resident().read();
        for (const Region& region : regions_) {
            sum.bytes += region.range.size;
        }
        return sum;
    }

private:
    using Pages = UserPages<Format, Frames, Phys, Mmu>;
    using Resolver = FaultResolver<Format, Frames, Phys, Mmu, Heap>;

    [[nodiscard]] Resolver resolver() noexcept REQUIRES(lock_) {
        return Resolver(environment_.frames, environment_.phys, regions_, pages_);
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
        return regions_.find_gap(size, user_layout::lowest, user_layout::mmap_ceiling);
    }

    Status unmap_locked(VirtRange range) noexcept REQUIRES(lock_) {
        // A boundary too many means nothing, so a failure in between leaves no trace.
        TRY(regions_.split(range.start));
        TRY(regions_.split(range.end()));
        for (auto at = regions_.first_after(range.start);
             at != regions_.end() && at->range.start < range.end();) {
            pages_.drop(at->range);
            at = regions_.erase(at);
        }
        return {};
    }

    /// WHY: pages of shared anonymous memory have no object behind them in which a forked child
    /// could find them later, so they must exist before any fork. Error: no_memory, with none left.
    Status fill(const RegionTraits& traits, VirtRange fresh) noexcept REQUIRES(lock_) {
        if (!traits.shared || traits.source) {
            return {};
        }
        Status status = resolver().fill_with_zeros(fresh, traits);
        if (!status) {
            pages_.drop(fresh);
        }
        return status;
    }
    /// A region with the pages of `fresh`, if it needs them. Error: no_memory.
    Status add(VirtRange range, const RegionTraits& traits, VirtRange fresh) noexcept
        REQUIRES(lock_) {
        TRY(regions_.insert(range, traits));
        Status status = fill(traits, fresh);
        if (!status) {
            ignore_error(unmap_locked(range), "splits at region ends allocate nothing");
        }
        return status;
    }
    /// `more` is free, and where the region ends. Error: no_memory.
    Status widen(Region& region, VirtRange more) noexcept REQUIRES(lock_) {
        region.range.size += more.size;
        Status status = fill(region.traits, more);
        region.range.size -= status ? 0 : more.size;
        return status;
    }

    Result<VirtAddr> move_region(VirtRange old, std::uint32_t new_size,
                                 const RegionTraits& traits) noexcept REQUIRES(lock_) {
        const VirtAddr to =
            regions_.find_gap(new_size, user_layout::lowest, user_layout::mmap_ceiling);
        if (to.value() == 0) {
            return fail(Errc::no_memory);
        }
        TRY(regions_.split(old.start));
        TRY(regions_.split(old.end()));
        TRY(pages_.prepare({to, old.size}));
        TRY(fill(traits, {to + old.size, new_size - old.size}));
        // Nothing from here on allocates: the region itself moves, it is not made again.
        pages_.move(old, to);
        regions_.relocate(*regions_.find(old.start), {to, new_size}, traits);
        return to;
    }

    Status copy_into(AddressSpace& child) noexcept REQUIRES(lock_)
        KIDNEY_NO_TSA("nobody else knows the child yet")
    {
        child.break_start_ = break_start_;
        child.break_ = break_;
        for (const Region& region : regions_) {
            TRY(child.regions_.insert(region.range, region.traits));
            TRY(pages_.share_with(child.pages_, region.range, region.traits.shared));
        }
        pages_.count_as_shared_with(child.pages_);
        return {};
    }

    Environment& environment_;
    Lock lock_;
    Pages pages_;  // its own set is atomic; entries: lock_
    RegionMap<Heap> regions_ GUARDED_BY(lock_);
    VirtAddr break_start_ GUARDED_BY(lock_);
    VirtAddr break_ GUARDED_BY(lock_);
};

}  // namespace kidney::mm
