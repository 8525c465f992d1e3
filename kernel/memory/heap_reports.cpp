#include "kernel/memory/heap_reports.hpp"

#include "kernel/kernel.hpp"
#include "kernel/panic.hpp"
#include "kernel/symbols.hpp"
#include "kidney/core/log.hpp"

#include <cstddef>

namespace kidney::kernel {
namespace {

/// The function that a return address leads into. One back: the call may be the last thing in it.
/// Only debug kernels ask.
[[nodiscard, maybe_unused]] Symbol caller(std::uintptr_t return_address) noexcept {
    return symbol_at(VirtAddr(static_cast<std::uint32_t>(return_address) - 1));
}

template <class H>
void write_slabs(const H& heap, fs::TextOutput& out) noexcept {
    out.write(
        "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> "
        "<objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : "
        "slabdata <active_slabs> <num_slabs> <sharedavail>\n");
    if constexpr (requires { heap.report(); }) {
        for (const mm::HeapClassUse& use : heap.report()) {
            if (use.slabs != 0) {
                TextBuffer<24> name;
                if (use.name != nullptr) {
                    format_to(name, "{}", use.name);
                } else {
                    format_to(name, "kmalloc-{}", use.object_bytes);
                }
                format_to(out,
                          "{:<17} {:6} {:6} {:6} {:4} {:4} : tunables    0    0    0 : "
                          "slabdata {:6} {:6}      0\n",
                          name.view(), use.active, use.objects, use.object_bytes,
                          use.objects / use.slabs, use.pages / use.slabs, use.slabs, use.slabs);
            }
        }
    }
}

template <class H>
void write_sites(const H& heap, fs::TextOutput& out) noexcept {
    if constexpr (requires { heap.site(std::size_t{}); }) {
        for (std::size_t n = 0; n < H::most_sites; ++n) {
            if (const mm::HeapSite site = heap.site(n); site.objects != 0) {
                const Symbol symbol = caller(site.at);
                format_to(out, "{} {} {}\n", site.bytes, site.objects,
                          site.at == 0 ? "others" : symbol.name);
            }
        }
    } else {
        out.write("only a debug kernel knows\n");
    }
}

}  // namespace

void write_slab_info(void* /*context*/, fs::TextOutput& out) noexcept {
    write_slabs(heap(), out);
}

void write_heap_sites(void* /*context*/, fs::TextOutput& out) noexcept {
    write_sites(heap(), out);
}

#ifdef KIDNEY_DEBUG
void HeapReports::misuse(const mm::HeapMisuse& misuse) noexcept {
    log::error<"heap">("an object of {} bytes at {} was {}", misuse.bytes, misuse.object,
                       misuse.what);
    log::error<"heap">("allocated by {}", caller(misuse.allocated_at).name);
    if (misuse.freed_at != 0) {
        log::error<"heap">("freed by {}", caller(misuse.freed_at).name);
    }
    log::error<"heap">("noticed by {}, in thread {}", caller(misuse.noticed_at).name,
                       current_thread().name());
    panic("heap: an object was {}", misuse.what);
}
#endif

}  // namespace kidney::kernel
