/// Calls about memory that is there already: madvise, mincore, msync, mlock and their kin.
#include "kernel/process/process.hpp"
#include "kernel/syscall/memory_calls.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <algorithm>
#include <array>
#include <asm/mman.h>
#include <cstddef>
#include <linux/mman.h>

namespace kidney::kernel::calls {
namespace {

/// Errors: invalid_argument (no such advice), not_permitted (only for machine checks).
Result<mm::Advice> advice_of(const Process& self, std::uint32_t advice) noexcept {
    switch (advice) {
        case MADV_NORMAL:
        case MADV_RANDOM:
        case MADV_SEQUENTIAL:
        case MADV_WILLNEED:
        case MADV_MERGEABLE:
        case MADV_UNMERGEABLE:
        case MADV_HUGEPAGE:
        case MADV_NOHUGEPAGE:
        case MADV_DONTDUMP:  // there are no core files
        case MADV_DODUMP:
            return mm::Advice::none;
        case MADV_COLD:
        case MADV_PAGEOUT:
            return mm::Advice::unless_locked;
        case MADV_DONTNEED:
            return mm::Advice::discard;
        case MADV_DONTNEED_LOCKED:
            return mm::Advice::discard_locked;
        case MADV_FREE:
            return mm::Advice::free;
        case MADV_DONTFORK:
            return mm::Advice::dont_fork;
        case MADV_DOFORK:
            return mm::Advice::do_fork;
        case MADV_WIPEONFORK:
            return mm::Advice::wipe_on_fork;
        case MADV_KEEPONFORK:
            return mm::Advice::keep_on_fork;
        case MADV_HWPOISON:
        case MADV_SOFT_OFFLINE:
            return fail(self.identity.is_privileged() ? Errc::invalid_argument
                                                      : Errc::not_permitted);
        default:
            return fail(Errc::invalid_argument);
    }
}

/// MADV_POPULATE_READ and _WRITE. Errors: no_memory (a hole, too), invalid_argument (not allowed),
/// bad_address (beyond the end of the file).
Status populate(Process& self, VirtRange range, hal::Access access) noexcept {
    const Status status = self.memory->populate(range, access);
    if (status || status.error() == Errc::no_memory) {
        return status;
    }
    return fail(status.error() == Errc::permission_denied ? Errc::invalid_argument
                                                          : Errc::bad_address);
}

/// The pages that mlock() rounds to. Errors: invalid_argument (wraps), no_memory (beyond the end).
Result<VirtRange> locked_range(VirtAddr start, std::uint32_t size) noexcept {
    const VirtAddr first = start.page_base();
    const std::uint32_t rounded = size + start.page_offset() + page_mask & ~page_mask;
    if (first.value() + rounded < first.value()) {
        return fail(Errc::invalid_argument);
    }
    return rounded == 0 ? VirtRange{first, 0} : TRY(mapped_range(first, rounded));
}

/// Locked pages are present: the errors of populate() as mlock() tells them.
Status make_present(Process& self, VirtRange range) noexcept {
    const Status status = self.memory->populate(range);
    if (status) {
        return status;
    }
    return fail(status.error() == Errc::no_memory ? Errc::would_block : Errc::no_memory);
}

}  // namespace

Result<VirtRange> mapped_range(VirtAddr start, std::uint32_t size) noexcept {
    const Result<VirtRange> range = mm::user_range({start, size});
    return range ? range : fail(Errc::no_memory);
}

Reply madvise(Process& self, VirtAddr address, std::uint32_t size, std::uint32_t advice) noexcept {
    const bool removes = advice == MADV_REMOVE;
    const bool populates = advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE;
    const mm::Advice meant = populates || removes ? mm::Advice::none : TRY(advice_of(self, advice));
    const std::uint32_t rounded = size + page_mask & ~page_mask;
    if (!address.is_page_aligned() || (rounded == 0 && size != 0) ||
        address.value() + rounded < address.value()) {
        return fail(Errc::invalid_argument);
    }
    if (size == 0) {
        return 0U;
    }
    const VirtRange range = TRY(mapped_range(address, size));
    if (populates) {
        TRY(populate(self, range,
                     advice == MADV_POPULATE_READ ? hal::Access::read : hal::Access::write));
    } else if (removes) {
        TRY(mm::remove_from_sources(*self.memory, range));
    } else {
        TRY(self.memory->advise(range, meant));
    }
    return 0U;
}

Reply mincore(Process& self, VirtAddr address, std::uint32_t size, VirtAddr pages) noexcept {
    if (!address.is_page_aligned()) {
        return fail(Errc::invalid_argument);
    }
    if (size == 0) {
        return 0U;
    }
    const VirtRange range = TRY(mapped_range(address, size));
    std::array<std::uint8_t, 256> chunk;
    for (std::uint32_t done = 0; done < range.size >> page_shift;) {
        const std::uint32_t left = (range.size >> page_shift) - done;
        const std::span part(chunk.data(), std::min<std::size_t>(chunk.size(), left));
        TRY(self.memory->residency(range.start + (done << page_shift), part));
        TRY(copy_out(pages + done, std::as_bytes(part)));
        done += static_cast<std::uint32_t>(part.size());
    }
    return 0U;
}

Reply msync(Process& self, VirtAddr address, std::uint32_t size, std::uint32_t flags) noexcept {
    constexpr std::uint32_t known = MS_ASYNC | MS_INVALIDATE | MS_SYNC;
    if ((flags & ~known) != 0 || !address.is_page_aligned() ||
        ((flags & MS_ASYNC) != 0 && (flags & MS_SYNC) != 0)) {
        return fail(Errc::invalid_argument);
    }
    if ((size + page_mask & ~page_mask) == 0) {
        return 0U;
    }
    // Mapped pages are the page cache's pages: read() sees them already, and the flusher finds
    // them.
    const VirtRange range = TRY(mapped_range(address, size));
    const Status status = self.memory->advise(
        range, (flags & MS_INVALIDATE) != 0 ? mm::Advice::unless_locked : mm::Advice::none);
    if (!status && status.error() == Errc::invalid_argument) {
        return fail(Errc::busy);
    }
    if ((flags & MS_SYNC) != 0) {
        TRY(mm::sync_sources(*self.memory, range));
    }
    return status ? Reply(0U) : fail(status.error());
}

Reply mlock2(Process& self, VirtAddr address, std::uint32_t size, std::uint32_t flags) noexcept {
    if ((flags & ~std::uint32_t{MLOCK_ONFAULT}) != 0) {
        return fail(Errc::invalid_argument);
    }
    TRY(check_may_lock(self));
    const Result<VirtRange> place = locked_range(address, size);
    if (!place) {
        return fail(check_locked_growth(self, size) ? place.error() : Errc::no_memory);
    }
    const VirtRange range = *place;
    if (range.size == 0) {
        return 0U;
    }
    // What is locked already counts once.
    if (!check_locked_growth(self, range.size) &&
        !check_locked_growth(self, range.size - self.memory->locked_bytes(range))) {
        return fail(Errc::no_memory);
    }
    TRY(self.memory->set_locked(range, true));
    if (flags == 0) {
        TRY(make_present(self, range));
    }
    return 0U;
}

Reply mlock(Process& self, VirtAddr address, std::uint32_t size) noexcept {
    return mlock2(self, address, size, 0);
}

Reply munlock(Process& self, VirtAddr address, std::uint32_t size) noexcept {
    const VirtRange range = TRY(locked_range(address, size));
    if (range.size != 0) {
        TRY(self.memory->set_locked(range, false));
    }
    return 0U;
}

Reply mlockall(Process& self, std::uint32_t flags) noexcept {
    constexpr std::uint32_t known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
    if (flags == 0 || (flags & ~known) != 0 || flags == MCL_ONFAULT) {
        return fail(Errc::invalid_argument);
    }
    TRY(check_may_lock(self));
    const bool present = (flags & MCL_CURRENT) != 0;
    const mm::RegionTotals now = self.memory->totals();
    if (present && !check_locked_growth(self, now.bytes - now.locked)) {
        return fail(Errc::no_memory);
    }
    self.memory->set_all_locked(present ? std::optional(true) : std::nullopt,
                                (flags & MCL_FUTURE) != 0);
    if (present && (flags & MCL_ONFAULT) == 0) {
        // Holes and what cannot be touched do not matter here.
        self.memory->populate_all();
    }
    return 0U;
}

Reply munlockall(Process& self) noexcept {
    self.memory->set_all_locked(false, false);
    return 0U;
}

Status check_may_lock(const Process& self) noexcept {
    const bool may = self.identity.is_privileged() ||
                     self.limits.get(abi::limit_locked).value_or(Limit{}).current != 0;
    return may ? Status() : Status(fail(Errc::not_permitted));
}

Status check_locked_growth(Process& self, std::uint32_t more) noexcept {
    const std::uint64_t limit = self.limits.get(abi::limit_locked).value_or(Limit{}).current;
    if (self.identity.is_privileged() || limit == unlimited) {
        return {};
    }
    return self.memory->totals().locked + mm::rounded_size(more) <= limit
               ? Status()
               : Status(fail(Errc::would_block));
}

}  // namespace kidney::kernel::calls
