#include "kernel/syscall/ipc_calls.hpp"
#include "kernel/syscall/ipc_values.hpp"
#include "kernel/syscall/memory_calls.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kernel/system_v.hpp"

#include <optional>

namespace kidney::kernel::calls {
namespace {

Reply put_facts(const ipc::SegmentFacts& f, VirtAddr to) noexcept {
    UserSegment segment{.permission = user_permission(f.permission),
                        .size = f.size,
                        .attached = UserTime::of(f.attached),
                        .detached = UserTime::of(f.detached),
                        .changed = UserTime::of(f.changed),
                        .creator = f.creator,
                        .last = f.last,
                        .mappings = f.mappings,
                        .unused = {}};
    segment.permission.mode =
        static_cast<std::uint16_t>(f.permission.mode | (f.is_removed ? ipc_flags::removed : 0) |
                                   (f.is_locked ? ipc_flags::locked : 0));
    TRY(put_user(UserPtr<UserSegment>(to), segment));
    return 0U;
}

Reply put_limits(VirtAddr to) noexcept {
    const auto pages = static_cast<std::uint32_t>(frames().total_frames());
    const UserSegmentLimits limits{.most_bytes = pages << page_shift,
                                   .least_bytes = 1,
                                   .segments = SharedMemory::capacity,
                                   .per_process = SharedMemory::capacity,
                                   .pages = pages,
                                   .unused = {}};
    TRY(put_user(UserPtr<UserSegmentLimits>(to), limits));
    return static_cast<std::uint32_t>(shared_memory().usage().highest);
}

Reply put_usage(VirtAddr to) noexcept {
    const auto u = shared_memory().usage();
    const UserSegmentUsage usage{.segments = static_cast<std::int32_t>(u.segments),
                                 .pages = static_cast<std::uint32_t>(u.pages),
                                 .resident = static_cast<std::uint32_t>(u.pages),
                                 .swapped = 0,
                                 .attempts = 0,
                                 .successes = 0};
    TRY(put_user(UserPtr<UserSegmentUsage>(to), usage));
    return static_cast<std::uint32_t>(u.highest);
}

/// A part of the segment that was attached at `address`, if one is left; `of` null: any segment.
struct Part {
    VirtRange range;
    const mm::PageSource* pages;
};
std::optional<Part> part_at(AddressSpace& memory, VirtAddr address,
                            const mm::PageSource* of) noexcept {
    std::optional<Part> found;
    const auto look = [&](const mm::Region& region, const auto&) {
        const mm::PageSource* const pages = region.traits.source.get();
        if (SharedMemory::is_segment(pages) && (of == nullptr || pages == of) &&
            region.range.start >= address &&
            region.range.start - address == region.traits.source_page << page_shift) {
            found = Part{region.range, pages};
        }
        return !found;
    };
    memory.for_each_region(look, address);
    return found;
}

}  // namespace

Reply shmget(Process& self, std::int32_t key, std::uint32_t size, std::uint32_t flags) noexcept {
    return static_cast<std::uint32_t>(
        TRY(shared_memory().get(ipc_request(key, flags), size, IpcCaller(self))));
}

Reply shmat(Process& self, std::int32_t id, VirtAddr address, std::uint32_t flags) noexcept {
    const auto has = [flags](std::uint32_t flag) { return (flags & flag) != 0; };
    if (!address.is_page_aligned()) {
        if (!has(ipc_flags::round)) {
            return fail(Errc::invalid_argument);
        }
        address = address.page_base();
    }
    if (id < 0 || (address == VirtAddr(0) && has(ipc_flags::remap))) {
        return fail(Errc::invalid_argument);
    }
    const bool writes = !has(ipc_flags::read_only);
    const bool executes = has(ipc_flags::execute);
    const auto wanted = static_cast<ipc::Access>(4U | (writes ? 2U : 0U) | (executes ? 1U : 0U));
    auto segment = TRY(shared_memory().attach(id, wanted, IpcCaller(self)));
    mm::MapRequest request;
    request.address = address;
    request.size = segment.size;
    request.fixed = address != VirtAddr(0);
    request.replace = has(ipc_flags::remap);
    request.traits.protection = {.read = true, .write = writes, .execute = executes};
    request.traits.shared = true;
    request.traits.never_writable = !writes;
    request.traits.source = std::move(segment.pages);
    TRY(check_growth(self, request.size, false));
    const auto at = self.memory->map(request);
    if (!at) {
        return fail(at.error() == Errc::exists ? Errc::invalid_argument : at.error());
    }
    return at->value();
}

Reply shmdt(Process& self, VirtAddr address) noexcept {
    std::optional<Part> part;
    if (address.is_page_aligned()) {
        part = part_at(*self.memory, address, nullptr);
    }
    if (!part) {
        return fail(Errc::invalid_argument);
    }
    shared_memory().detached(part->pages, IpcCaller(self));
    // After an mprotect there are several.
    for (const mm::PageSource* const pages = part->pages; part;
         part = part_at(*self.memory, address, pages)) {
        TRY(self.memory->unmap(part->range));
    }
    return 0U;
}

Reply shmctl(Process& self, std::int32_t id, std::uint32_t command, VirtAddr buffer) noexcept {
    if (id < 0) {
        return fail(Errc::invalid_argument);
    }
    const IpcCaller caller(self);
    switch (command) {
        case ipc_info:
            return put_limits(buffer);
        case shm_info:
            return put_usage(buffer);
        case ipc_stat:
            return put_facts(TRY(shared_memory().facts(id, caller)), buffer);
        case shm_stat:
        case shm_stat_any: {
            const auto facts = TRY(shared_memory().facts_at(static_cast<std::uint32_t>(id), caller,
                                                            command == shm_stat));
            TRY(put_facts(facts, buffer));
            return static_cast<std::uint32_t>(facts.id);
        }
        case ipc_set: {
            const auto set = TRY(get_user(UserPtr<const UserSegment>(buffer)));
            TRY(shared_memory().change(id, set.permission.uid, set.permission.gid,
                                       set.permission.mode, caller));
            return 0U;
        }
        case ipc_remove:
            TRY(shared_memory().remove(id, caller));
            return 0U;
        case shm_lock:
        case shm_unlock:
            TRY(shared_memory().set_locked(id, command == shm_lock, caller));
            return 0U;
        default:
            return fail(Errc::invalid_argument);
    }
}

}  // namespace kidney::kernel::calls
