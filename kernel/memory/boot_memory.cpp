#include "kernel/memory/boot_memory.hpp"

#include "arch/i686/boot/boot.hpp"
#include "arch/i686/boot/layout.h"
#include "arch/i686/vdso/vdso.hpp"
#include "kernel/kernel.hpp"
#include "kernel/memory/frame_trace.hpp"
#include "kidney/core/log.hpp"
#include "mm/early_frames.hpp"
#include "mm/frame_setup.hpp"

#include <algorithm>
#include <cstring>

namespace kidney::kernel {
namespace {

constexpr FrameNumber direct_limit{layout::direct_map_size >> page_shift};

using Ranges = BoundedList<FrameRange, 64>;

/// The whole frames inside a byte range below 4 GiB; RAM above it is out of reach.
FrameRange frames_inside(std::uint64_t start, std::uint64_t size) noexcept {
    constexpr std::uint64_t limit = std::uint64_t{1} << 32;
    const std::uint64_t end = std::min(start + std::min(size, limit), limit) >> page_shift;
    const std::uint64_t first = (std::min(start, limit) + page_mask) >> page_shift;
    if (first >= end) {
        return {};
    }
    return {FrameNumber(static_cast<std::uint32_t>(first)),
            static_cast<std::uint32_t>(end - first)};
}

/// All frames that a byte range touches.
FrameRange frames_around(PhysAddr start, std::uint32_t size) noexcept {
    const FrameNumber first = FrameNumber::containing(start);
    const std::uint32_t offset = start.page_offset();
    return {first, (offset + size + page_mask) >> page_shift};
}

mm::EarlyFrames frames_of(const BootInfo& info) noexcept {
    Ranges usable;
    Ranges reserved;
    for (const MemoryRegion& region : info.memory.view()) {
        if (region.kind == MemoryKind::usable) {
            usable.push(frames_inside(region.start, region.size));
        } else {
            // Firmware maps overlap now and then; what anybody calls reserved stays reserved.
            const FrameRange inside = frames_inside(region.start & ~std::uint64_t{page_mask},
                                                    region.size + 2 * page_size);
            reserved.push(inside);
        }
    }
    const arch::ImagePlace image = arch::image_place();
    reserved.push(frames_around(image.start, image.size));
    reserved.push(frames_around(PhysAddr(AP_TRAMPOLINE), page_size));
    for (const BootModule& module : info.modules.view()) {
        reserved.push(frames_around(module.start, module.size));
    }
    return mm::EarlyFrames(usable.view(), reserved.view());
}

/// Frames for page tables, from the start of memory, which the trampoline has mapped.
class ZeroedFrames {
public:
    explicit ZeroedFrames(mm::EarlyFrames& early) noexcept : early_(early) {}
    FrameNumber take_zeroed() noexcept {
        const FrameNumber frame = MUST(early_.take(1, direct_limit));
        std::memset(direct_pointer(frame), 0, page_size);
        return frame;
    }

private:
    mm::EarlyFrames& early_;
};

FrameNumber frame_of(const void* page) noexcept {
    return FrameNumber::containing(
        PhysAddr(static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(page)) - KERNEL_BASE));
}

/// Every program's view of the clock and of the vDSO.
void show_to_programs(KernelTables& tables) noexcept {
    static_assert(layout::user_clock.value() == USER_CLOCK &&
                  layout::user_vdso.value() == USER_VDSO);
    tables.set(layout::user_clock, frame_of(&arch::clock_state), {.user = true, .global = true});
    tables.set(layout::user_vdso, frame_of(arch::vdso_image),
               {.executable = true, .user = true, .global = true});
}

std::uint32_t next_device_page = 0;  // boot CPU only

}  // namespace

void start_memory(const BootInfo& info, bool trace_frames) noexcept {
    Kernel& k = kernel_objects;
    mm::EarlyFrames early = frames_of(info);
    const FrameNumber direct_end = std::min(early.span().end(), direct_limit);

    ZeroedFrames zeroed(early);
    KernelTables& tables = k.tables.create();
    const arch::ImagePlace image = arch::image_place();
    tables.create(direct_end.value(), {image.code, image.constants, image.variables}, zeroed);
    show_to_programs(tables);
    Mmu::activate(tables.root().address());

    PhysMap& phys = k.phys_map.create(tables);
    if (trace_frames) {
        start_frame_trace(early, direct_end, phys);
    }
    Frames& frames = k.frames.create();
    MUST(mm::set_up_frames(frames, early, phys, direct_end));
    if (trace_frames) {
        frames.keep_none_at_hand();
    }
    ReclaimingFrames& reclaiming = k.reclaiming_frames.create(frames);
    Heap& heap = k.heap.create(frames, phys);
    k.stacks.create(tables, frames);
    ReverseMap& mappings = k.reverse_map.create();
    k.memory_environment.create(reclaiming, phys, heap, mappings, tables.root());

    const mm::FrameCounts counts = frames.counts();
    log::info<"memory">("{} MiB of RAM, {} MiB directly mapped", counts.total >> 8,
                        counts.total_direct >> 8);
}

Result<std::span<std::byte>> map_device(PhysAddr start, std::uint32_t size) noexcept {
    const FrameRange range = frames_around(start, size);
    if (range.count > (layout::devices.size >> page_shift) - next_device_page) {
        return fail(Errc::no_memory);
    }
    const VirtAddr first = layout::devices.start + (next_device_page << page_shift);
    for (std::uint32_t i = 0; i < range.count; ++i) {
        const auto flags = hal::PageFlags{.writable = true, .global = true, .uncached = true};
        kernel_tables().set(first + (i << page_shift), range.first + i, flags);
    }
    next_device_page += range.count;
    return std::span(reinterpret_cast<std::byte*>(first.value() + start.page_offset()), size);
}

}  // namespace kidney::kernel
