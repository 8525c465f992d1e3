#include "kernel/syscall/memory_calls.hpp"

#include "kernel/process/process.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <asm/mman.h>
#include <linux/mman.h>

namespace kidney::kernel::calls {
namespace {

constexpr mm::Protection protection_of(std::uint32_t prot) noexcept {
    return {.read = (prot & PROT_READ) != 0,
            .write = (prot & PROT_WRITE) != 0,
            .execute = (prot & PROT_EXEC) != 0};
}

/// Puts a file behind a mapping. Errors: bad_descriptor, permission_denied, no_device.
Status map_file(Process& self, Fd fd, mm::RegionTraits& traits) noexcept {
    fs::File* const file = TRY(self.files.get(fd));
    traits.never_writable = traits.shared && !file->is_writable();
    if (!file->is_readable() || (traits.never_writable && traits.protection.write)) {
        return fail(Errc::permission_denied);
    }
    fs::Vnode* const node = file->vnode();
    if (node == nullptr) {
        return fail(Errc::no_device);
    }
    traits.source = TRY(node->pages());
    return {};
}

/// RLIMIT_AS and RLIMIT_DATA: may the program have `more` bytes? Error: no_memory. Mappings that a
/// fixed one would replace still count.
Status check_growth(Process& self, std::uint32_t more, bool more_is_data) noexcept {
    if (!self.limits.limits_memory()) [[likely]] {
        return {};
    }
    std::uint64_t mapped = 0;
    std::uint64_t data = 0;
    self.memory->for_each_region([&](const mm::Region& region) {
        const mm::RegionTraits& traits = region.traits;
        mapped += region.range.size;
        if (traits.protection.write && !traits.shared && traits.kind != mm::RegionKind::stack) {
            data += region.range.size;
        }
    });
    const std::uint64_t pages = (std::uint64_t{more} + page_mask) & ~std::uint64_t{page_mask};
    return self.limits.allows_memory(mapped, data, pages, more_is_data)
               ? Status()
               : Status(fail(Errc::no_memory));
}

}  // namespace

Reply brk(Process& self, VirtAddr end) noexcept {
    constexpr VirtAddr nowhere(0);  // asks where it is
    const VirtAddr now = self.memory->set_break(nowhere);
    if (end > now && !check_growth(self, end - now, true)) {
        return now.value();
    }
    return self.memory->set_break(end).value();
}

Reply mmap2(Process& self, VirtAddr address, std::uint32_t size, std::uint32_t protection,
            std::uint32_t flags, Fd fd, std::uint32_t page) noexcept {
    const std::uint32_t type = flags & MAP_TYPE;
    const bool shared = type == MAP_SHARED || type == MAP_SHARED_VALIDATE;
    if (!shared && type != MAP_PRIVATE) {
        return fail(Errc::invalid_argument);
    }
    mm::MapRequest request;
    request.address = address;
    request.size = size;
    request.fixed = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0;
    request.replace = (flags & MAP_FIXED_NOREPLACE) == 0;
    request.traits.protection = protection_of(protection);
    request.traits.shared = shared;
    if ((flags & MAP_ANONYMOUS) == 0) {
        TRY(map_file(self, fd, request.traits));
        request.traits.source_page = page;
    }
    TRY(check_growth(self, size, request.traits.protection.write && !shared));
    return TRY(self.memory->map(request)).value();
}

Reply old_mmap(Process& self, VirtAddr arguments) noexcept {
    struct Arguments {
        std::uint32_t address, size, protection, flags, fd, offset;
    };
    const Arguments a = TRY(get_user(UserPtr<const Arguments>(arguments)));
    if ((a.offset & page_mask) != 0) {
        return fail(Errc::invalid_argument);
    }
    return mmap2(self, VirtAddr(a.address), a.size, a.protection, a.flags, Fd(a.fd),
                 a.offset >> page_shift);
}

Reply munmap(Process& self, VirtAddr address, std::uint32_t size) noexcept {
    TRY(self.memory->unmap({address, size}));
    return 0U;
}

Reply mprotect(Process& self, VirtAddr address, std::uint32_t size,
               std::uint32_t protection) noexcept {
    if (size == 0 && address.is_page_aligned()) {
        return 0U;
    }
    TRY(self.memory->protect({address, size}, protection_of(protection)));
    return 0U;
}

Reply mremap(Process& self, VirtAddr address, std::uint32_t old_size, std::uint32_t new_size,
             std::uint32_t flags) noexcept {
    if ((flags & ~std::uint32_t{MREMAP_MAYMOVE}) != 0) {
        return fail(Errc::invalid_argument);  // MREMAP_FIXED has no user among our programs
    }
    if (new_size > old_size) {
        TRY(check_growth(self, new_size - old_size, true));
    }
    return TRY(self.memory->remap({address, old_size}, new_size, (flags & MREMAP_MAYMOVE) != 0))
        .value();
}

Reply madvise(Process& self, VirtAddr address, std::uint32_t size, std::uint32_t advice) noexcept {
    if (!address.is_page_aligned()) {
        return fail(Errc::invalid_argument);
    }
    if (advice == MADV_DONTNEED && size != 0) {
        // Anonymous private pages must read as zero afterwards: programs count on that.
        TRY(self.memory->discard({address, size}));
    }
    return 0U;
}

Reply msync(Process&, VirtAddr address, std::uint32_t, std::uint32_t) noexcept {
    // Mapped pages are the page cache's pages: read() sees them already.
    return address.is_page_aligned() ? Reply(0U) : Reply(fail(Errc::invalid_argument));
}

Reply mlock(Process&) noexcept {
    return 0U;
}  // nothing is ever swapped out

}  // namespace kidney::kernel::calls
