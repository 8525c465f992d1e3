#include "kernel/syscall/memory_calls.hpp"

#include "kernel/process/process.hpp"
#include "kernel/storage/mounts.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <algorithm>
#include <asm/mman.h>
#include <linux/mman.h>

namespace kidney::kernel::calls {
namespace {

constexpr mm::Protection protection_of(std::uint32_t prot) noexcept {
    return {.read = (prot & PROT_READ) != 0,
            .write = (prot & PROT_WRITE) != 0,
            .execute = (prot & PROT_EXEC) != 0};
}

/// A file that nobody else knows, behind memory that is shared with children. Error: no_memory.
Status map_memory_file(Process& self, std::uint32_t size, mm::RegionTraits& traits) noexcept {
    const fs::NewNode node{.permissions = fs::Permissions(0777),
                           .uid = self.identity.user.effective,
                           .gid = self.identity.group.effective};
    const Result<Ref<fs::Vnode>> file = create_memory_file(node, mm::rounded_size(size));
    if (!file) {
        return fail(Errc::no_memory);
    }
    traits.source = TRY((*file)->pages());
    return {};
}

bool is_zero_device(fs::Vnode& node) noexcept {
    const Result<fs::Attributes> now = node.attributes();
    return now && now->type == fs::NodeType::character && now->rdev == fs::DeviceNumber{1, 5};
}

/// Puts a file behind a mapping. Errors: permission_denied, unsuitable_device, invalid_argument
/// (stores would not reach it), no_memory.
Status map_file(Process& self, fs::File& file, std::uint32_t size,
                mm::RegionTraits& traits) noexcept {
    traits.never_writable = traits.shared && !file.is_writable();
    if (!file.is_readable() || (traits.never_writable && traits.protection.write)) {
        return fail(Errc::permission_denied);
    }
    fs::Vnode* const node = file.vnode();
    if (node == nullptr) {
        return fail(Errc::unsuitable_device);
    }
    if (node->type() == fs::NodeType::character && is_zero_device(*node)) {
        // The old way to ask for anonymous memory.
        traits.source_page = 0;
        return traits.shared ? map_memory_file(self, size, traits) : Status();
    }
    traits.source = TRY(node->pages());
    traits.told_errors = traits.source->write_errors();
    if (traits.shared && !traits.source->takes_stores()) {
        traits.never_writable = true;
        return traits.protection.write ? Status(fail(Errc::invalid_argument)) : Status();
    }
    return {};
}

/// Programs may ask for more altogether than there is, but not for more data at once than the
/// machine has memory: that is a mistake, and this is the time to say so. Error: no_memory.
Status check_sanity(std::uint32_t more) noexcept {
    return more >> page_shift <= frames().total_frames() ? Status() : Status(fail(Errc::no_memory));
}

}  // namespace

Status check_growth(Process& self, std::uint32_t more, bool more_is_data) noexcept {
    if (!self.limits.limits_memory()) [[likely]] {
        return {};
    }
    const mm::RegionTotals now = self.memory->totals();
    return self.limits.allows_memory(now.bytes, now.data, mm::rounded_size(more), more_is_data)
               ? Status()
               : Status(fail(Errc::no_memory));
}

namespace {

/// MAP_GROWSDOWN: how large it may get, by the limit of stacks.
std::uint32_t growth_limit(const Process& self) noexcept {
    constexpr std::uint64_t most = hal::user_end - VirtAddr(0);
    const std::uint64_t limit = self.limits.get(abi::limit_stack).value_or(Limit{}).current;
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(limit, page_size, most));
}

/// The flags of mmap() as a request. Errors: bad_descriptor, invalid_argument, value_overflow,
/// not_supported, no_memory, and those of map_file().
Status describe(Process& self, std::uint32_t flags, Fd fd, std::uint32_t page,
                mm::MapRequest& request) noexcept {
    // What malloc() asks for comes most often.
    constexpr std::uint32_t plain = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
    constexpr std::uint32_t largest = hal::user_end - VirtAddr(0);
    if ((flags | MAP_NORESERVE | MAP_STACK) == plain && page == 0 && request.size - 1 < largest)
        [[likely]] {
        return {};
    }
    const bool is_anonymous = (flags & MAP_ANONYMOUS) != 0;
    const OpenFile file = is_anonymous ? OpenFile() : TRY(self.files.get(fd));
    const std::uint32_t type = flags & MAP_TYPE;
    mm::RegionTraits& traits = request.traits;
    traits.shared = type == MAP_SHARED || type == MAP_SHARED_VALIDATE;
    const std::uint32_t pages = (request.size + page_mask) >> page_shift;
    const bool may_grow = is_anonymous && !traits.shared;
    if (request.size == 0 || (type != MAP_PRIVATE && !traits.shared) ||
        (is_anonymous && type == MAP_SHARED_VALIDATE) ||
        ((flags & MAP_GROWSDOWN) != 0 && !may_grow) ||
        (!is_anonymous && (flags & MAP_HUGETLB) != 0)) {
        return fail(Errc::invalid_argument);
    }
    if (page + pages < page) {
        return fail(Errc::value_overflow);
    }
    if (request.size > largest || (flags & MAP_HUGETLB) != 0) {
        return fail(Errc::no_memory);  // there are no huge pages
    }
    request.fixed = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0;
    request.replace = (flags & MAP_FIXED_NOREPLACE) == 0;
    if (file) {
        if (type == MAP_SHARED_VALIDATE && (flags & MAP_SYNC) != 0) {
            return fail(Errc::not_supported);
        }
        traits.source_page = page;
        return map_file(self, *file, request.size, traits);
    }
    request.growth = (flags & MAP_GROWSDOWN) != 0 ? growth_limit(self) : 0;
    return traits.shared ? map_memory_file(self, request.size, traits) : Status();
}

}  // namespace

Reply brk(Process& self, VirtAddr end) noexcept {
    constexpr VirtAddr nowhere(0);  // asks where it is
    const VirtAddr now = self.memory->set_break(nowhere);
    const bool is_locked = self.memory->locks_new_regions();
    if (end > now && (!check_sanity(end - now) || !check_growth(self, end - now, true) ||
                      (is_locked && !check_locked_growth(self, end - now)))) {
        return now.value();
    }
    const VirtAddr moved = self.memory->set_break(end);
    if (is_locked && moved > now) {
        ignore_error(
            self.memory->populate({now.page_ceiling(), moved.page_ceiling() - now.page_ceiling()}),
            "the next touch will tell");
    }
    return moved.value();
}

Reply mmap2(Process& self, VirtAddr address, std::uint32_t size, std::uint32_t protection,
            std::uint32_t flags, Fd fd, std::uint32_t page) noexcept {
    mm::MapRequest request;
    request.address = address;
    request.size = size;
    request.traits.protection = protection_of(protection);
    TRY(describe(self, flags, fd, page, request));
    if (request.traits.is_data() && (flags & MAP_NORESERVE) == 0) {
        TRY(check_sanity(size));
    }
    TRY(check_growth(self, size, request.traits.is_data()));
    const bool is_locked = (flags & MAP_LOCKED) != 0 || self.memory->locks_new_regions();
    if (is_locked) [[unlikely]] {
        TRY((flags & MAP_LOCKED) != 0 ? check_may_lock(self) : Status());
        TRY(check_locked_growth(self, size));
        request.traits.locked = true;
    }
    const VirtAddr at = TRY(self.memory->map(request));
    if (is_locked || (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE) [[unlikely]] {
        ignore_error(self.memory->populate({at, size}), "the next touch will tell");
    }
    return at.value();
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
    constexpr std::uint32_t known = PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM;
    const bool from_bottom = (protection & PROT_GROWSDOWN) != 0;
    const bool from_top = (protection & PROT_GROWSUP) != 0;
    if ((from_bottom && from_top) || !address.is_page_aligned()) {
        return fail(Errc::invalid_argument);
    }
    if (size == 0) {
        return 0U;
    }
    const VirtRange range = TRY(mapped_range(address, size));
    if (from_top || (protection & ~(known | PROT_GROWSDOWN)) != 0) {
        return fail(Errc::invalid_argument);
    }
    TRY(self.memory->protect(range, protection_of(protection), from_bottom));
    return 0U;
}

Reply mremap(Process& self, VirtAddr address, std::uint32_t old_size, std::uint32_t new_size,
             std::uint32_t flags, VirtAddr target) noexcept {
    const bool is_fixed = (flags & MREMAP_FIXED) != 0;
    const bool keeps_old = (flags & MREMAP_DONTUNMAP) != 0;
    const bool may_move = (flags & MREMAP_MAYMOVE) != 0;
    constexpr std::uint32_t known = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
    if ((flags & ~known) != 0 || ((is_fixed || keeps_old) && !may_move) ||
        (keeps_old && old_size != new_size)) {
        return fail(Errc::invalid_argument);
    }
    mm::RemapRequest request{.old = {address, old_size},
                             .new_size = new_size,
                             .may_move = may_move,
                             .keep_old = keeps_old};
    if (is_fixed) {
        request.target = target;
    }
    const std::uint32_t more = keeps_old ? new_size : new_size > old_size ? new_size - old_size : 0;
    bool is_locked = false;
    if (more != 0) {
        const auto traits = self.memory->traits_at(address);
        is_locked = traits && traits->locked;
        TRY(traits && traits->is_data() ? check_sanity(more) : Status());
        TRY(check_growth(self, more, traits && traits->is_data()));
        TRY(is_locked ? check_locked_growth(self, more) : Status());
    }
    const VirtAddr at = TRY(self.memory->remap(request));
    if (is_locked) {
        ignore_error(self.memory->populate({at, new_size}), "the next touch will tell");
    }
    return at.value();
}

}  // namespace kidney::kernel::calls
