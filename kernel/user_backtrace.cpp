#include "kernel/user_backtrace.hpp"

#include "kernel/kernel.hpp"
#include "kernel/process/process.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kidney/core/log.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace kidney::kernel {
namespace {

constexpr int most_calls = 16;
constexpr std::uint32_t largest_frame = 1 << 20;

/// What a function has on its stack first, if it keeps a frame pointer.
struct Link {
    std::uint32_t caller_frame;
    std::uint32_t return_to;
};

/// Once in 2^27 ns: a program in a loop may die a thousand times a second.
[[nodiscard]] bool is_due() noexcept {
    static constinit std::atomic<std::uint32_t> latest{~0U};
    const auto now = static_cast<std::uint32_t>(Clock::now().nanoseconds() >> 27);
    return latest.exchange(now, std::memory_order_relaxed) != now;
}

struct Place {
    std::string_view file;  ///< empty: no code of a file
    std::uint32_t offset = 0;
};

/// What of which file is shown at an address of code. The name lies in `path`.
[[nodiscard]] Place place_of(Process& self, VirtAddr address,
                             std::array<char, 256>& path) noexcept {
    Place found;
    self.memory->for_each_region(
        [&](const mm::Region& region, const auto&) noexcept {
            mm::PageSource* const source = region.traits.source.get();
            if (region.range.contains(address) && region.traits.protection.execute &&
                source != nullptr && source->kind() == mm::SourceKind::file) {
                auto& node = static_cast<fs::MappableNode&>(*source);
                found.file =
                    vfs().paths().describe(*Snapshot(self, self.root), node, path).value_or("?");
                found.offset =
                    (region.traits.source_page << page_shift) + (address - region.range.start);
            }
            return false;
        },
        address);
    return found;
}

}  // namespace

void log_user_backtrace(const hal::TrapFrame& frame) noexcept {
    Process& self = current_process();
    if (!self.memory || !is_due()) {
        return;
    }
    std::array<char, 256> path;
    VirtAddr address(frame.eip);
    std::uint32_t base = frame.ebp;
    for (int n = 0; n < most_calls; ++n) {
        const Place place = place_of(self, address, path);
        if (place.file.empty() && n != 0) {
            return;
        }
        if (place.file.empty()) {  // it went astray; who sent it there has left that on the stack
            log::info<"process">("  {:08x} no code of a file", address.value());
            const Result<std::uint32_t> caller = get_user(UserPtr<const std::uint32_t>(frame.esp));
            address = VirtAddr(caller.value_or(0));
            continue;
        }
        log::info<"process">("  {:08x} {}+0x{:x}", address.value(), place.file, place.offset);
        const Result<Link> link = get_user(UserPtr<const Link>(base));
        if (!link) {
            return;
        }
        // Frames lie one above the other; this one is the last, if its caller's does not.
        const bool is_sane =
            link->caller_frame > base && link->caller_frame - base <= largest_frame;
        base = is_sane ? link->caller_frame : 0;
        address = VirtAddr(link->return_to);
    }
}

}  // namespace kidney::kernel
