#include "kernel/memory/leak_report.hpp"

#include "kernel/kernel.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/storage/mounts.hpp"
#include "kernel/symbols.hpp"
#include "kidney/core/log.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kidney::kernel {
namespace {

#ifdef KIDNEY_DEBUG

constinit std::array<std::size_t, Heap::most_sites> at_start{};  ///< objects, by place

[[nodiscard]] std::string_view name_of(std::uintptr_t site) noexcept {
    return site == 0 ? "others" : symbol_at(VirtAddr(static_cast<std::uint32_t>(site) - 1)).name;
}

void empty_caches() noexcept {
    const std::size_t all = frames().total_frames();
    vfs().forget_names();
    static_cast<void>(kernel_objects.page_cache.get().reclaim(all));
    static_cast<void>(heap().reclaim(all));
    static_cast<void>(stacks().reclaim(all));
}

/// Frames that are out, by the place that took them.
void report_frames() noexcept {
    struct Taken {
        std::uintptr_t site = 0;  // 0 in the last entry: all that found no room
        std::size_t frames = 0;
    };
    std::array<Taken, 16> taken{};
    frames().for_each_taken([&](std::uintptr_t site, std::size_t count) {
        auto place = std::find_if(taken.begin(), taken.end() - 1, [&](const Taken& entry) {
            return entry.frames == 0 || entry.site == site;
        });
        place->site = place == taken.end() - 1 ? 0 : site;
        place->frames += count;
    });
    for (const Taken& entry : taken) {
        if (entry.frames != 0) {
            log::warning<"leaks">("{} frames, taken by {}", entry.frames, name_of(entry.site));
        }
    }
}

#endif

[[gnu::noinline]] void leak_on_purpose() noexcept {
    for (int n = 0; n < 3; ++n) {
        static_cast<void>(MUST(heap().allocate(40)));  // a machine that has just booted
        static_cast<void>(MUST(frames().allocate(mm::FrameZone::direct)));
    }
}

}  // namespace

void start_leak_watch(bool with_a_leak) noexcept {
#ifdef KIDNEY_DEBUG
    empty_caches();
    for (std::size_t n = 0; n < at_start.size(); ++n) {
        at_start[n] = heap().site(n).objects;
    }
    frames().forget_sites();
#endif
    if (with_a_leak) {
        leak_on_purpose();
    }
}

void report_leaks() noexcept {
#ifdef KIDNEY_DEBUG
    {
        LockGuard guard(World::process_lock);
        if (const std::size_t others = processes().count() - 1; others != 0) {
            log::info<"leaks">("{} programs still run: nobody looks for leaks", others);
            return;
        }
    }
    discard_memory_files();  // what programs have left there is no leak
    empty_caches();
    for (std::size_t n = 0; n < at_start.size(); ++n) {
        const mm::HeapSite site = heap().site(n);
        if (site.objects > at_start[n]) {
            log::warning<"leaks">("{} objects, {} bytes in all, allocated by {}",
                                  site.objects - at_start[n], site.bytes, name_of(site.at));
        }
    }
    report_frames();
#endif
}

}  // namespace kidney::kernel
