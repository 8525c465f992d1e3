#include "kernel/lock_checks.hpp"

#include "arch/i686/cpu/cpu_local.hpp"
#include "kernel/kernel.hpp"
#include "kernel/magic/backtrace.hpp"
#include "kernel/symbols.hpp"
#include "kidney/core/log.hpp"
#include "kidney/hal/upcalls.hpp"
#include "sched/sync/lock_checks.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

namespace kidney::kernel {
namespace {

using hal::LockKind;
using sched::LockStack;
using sched::MayNotSleep;

constexpr Duration longest_spin = Duration::milliseconds(1);
constexpr Duration longest_mutex = Duration::milliseconds(100);

template <class Line>
void for_each_call(const LockStack& stack, Line&& line) noexcept {
    for (const std::uintptr_t address : stack.view()) {
        const Symbol symbol = symbol_at(VirtAddr(address));
        TextBuffer<log::max_line> text;
        format_to(text, "    {} {}+0x{:x}", VirtAddr(address), symbol.name, symbol.offset);
        line(text.view());
    }
}
void report(const LockStack& stack) noexcept {
    for_each_call(stack, [](std::string_view line) { log::info<"locks">("{}", line); });
}
void report(const sched::LockPlaces& places) noexcept {
    LockStack stack;
    for (const std::uintptr_t place : places) {
        if (place != 0) {
            stack.push(place);
        }
    }
    report(stack);
}

/// The log takes the console's lock, and whoever holds that cannot be told anything.
bool may_report() noexcept {
    const HeldRanks& held = Cpu::held_ranks();
    for (std::size_t n = 0; const LockRank* const rank = held.at(n); ++n) {
        if (rank->value == ranks::console.value) {
            return false;
        }
    }
    return true;
}

struct LockWorld {
    using Cpu = kernel::Cpu;
    using Where = const void*;  ///< the frame of the upcall

    [[nodiscard]] static Instant now() noexcept { return Clock::now(); }
    [[nodiscard]] static sched::LockPlaces places(Where where) noexcept {
        sched::LockPlaces places;
        const auto* frame = static_cast<const std::uintptr_t*>(where);
        for (std::uintptr_t& place : places) {
            // The first frame of a stack, and of what was interrupted, has no frame above it.
            place = frame == nullptr ? 0 : frame[1] - 1;  // inside the call, not after it
            frame = frame == nullptr ? nullptr : reinterpret_cast<const std::uintptr_t*>(frame[0]);
        }
        return places;
    }
    [[nodiscard]] static LockStack stack(Where where) noexcept {
        LockStack stack;
        for (const std::uint32_t address : backtrace_from(where).calls.view()) {
            stack.push(address);
        }
        return stack;
    }
    [[nodiscard]] static bool in_interrupt() noexcept {
        return arch::this_cpu().interrupt_depth != 0;
    }
    [[nodiscard]] static bool preemption_off() noexcept {
        const auto* const thread = static_cast<const Thread*>(Cpu::thread());
        return thread != nullptr && thread->preempt_count != 0;
    }
    [[nodiscard]] static Duration limit(LockKind kind) noexcept {
        return kind == LockKind::spins ? longest_spin : longest_mutex;
    }

    static void report_circle(const sched::LockCircle& circle) noexcept {
        if (!may_report()) {
            return;
        }
        const sched::LockStep& now = circle.view().front();
        log::warning<"locks">("a deadlock is possible: '{}' is wanted while '{}' is held",
                              now.wanted, now.held);
        log::info<"locks">("'{}' was taken by", now.held);
        report(now.places);
        log::info<"locks">("'{}' is wanted by", now.wanted);
        report(now.stack);
        for (const sched::LockStep& before : circle.view().subspan(1)) {
            log::info<"locks">("but earlier '{}' was taken by", before.held);
            report(before.places);
            log::info<"locks">("and then '{}' wanted by", before.wanted);
            report(before.stack);
        }
    }
    static void report_interrupts(const char* name, const LockStack& interrupt,
                                  const LockStack& interruptible) noexcept {
        if (!may_report()) {
            return;
        }
        log::warning<"locks">("an interrupt that wants '{}' may come to who holds it", name);
        log::info<"locks">("it was taken in an interrupt by");
        report(interrupt);
        log::info<"locks">("it was held with interrupts on by");
        report(interruptible);
    }
    static void report_sleep(MayNotSleep why, std::string_view name,
                             const LockStack& stack) noexcept {
        if (!may_report()) {
            return;
        }
        switch (why) {
            case MayNotSleep::under_spin_lock:
                log::warning<"locks">("may sleep while the spin lock '{}' is held", name);
                break;
            case MayNotSleep::in_interrupt:
                log::warning<"locks">("may sleep in an interrupt");
                break;
            case MayNotSleep::interrupts_off:
                log::warning<"locks">("may sleep with interrupts off");
                break;
            case MayNotSleep::preemption:
                log::warning<"locks">("may sleep with preemption off");
                break;
        }
        report(stack);
    }
    static void report_full(const char* what) noexcept {
        if (may_report()) {
            log::warning<"locks">("more {} than the tables hold: what else comes is not seen",
                                  what);
        }
    }
};

using Checks = sched::LockChecks<LockWorld>;
constinit Checks checks;

/// What the two reports have in common.
template <class F>
void for_each_kind(F&& f) noexcept {
    for (std::size_t n = 0; n < checks.kinds(); ++n) {
        f(checks.figures(n));
    }
}

}  // namespace

void write_locks(fs::TextOutput& out) noexcept {
    if constexpr (!checks_lock_ranks) {
        out.write("only a debug kernel knows\n");
    } else {
        format_to(out, "kinds {} of {}, orders {} of {}\n", checks.kinds(), Checks::most_kinds,
                  checks.edges(), Checks::most_edges);
        format_to(out, "{:<16} {:<6} {:10} {:10} {:12} in\n", "lock", "waits", "taken", "too long",
                  "longest/us");
        for_each_kind([&](const sched::LockFigures& kind) {
            format_to(out, "{:<16} {:<6} {:10} {:10} {:12} {}\n", std::string_view(kind.name),
                      std::string_view(kind.kind == LockKind::spins ? "spins" : "sleeps"),
                      kind.taken, kind.too_long,
                      static_cast<std::uint64_t>(kind.longest.count()) / 1000,
                      std::string_view(kind.in_interrupts ? "interrupts too" : "threads"));
        });
    }
}

void report_long_holds() noexcept {
    if constexpr (checks_lock_ranks) {
        for_each_kind([](const sched::LockFigures& kind) {
            if (kind.too_long != 0) {
                log::info<"key">("'{}' was held too long {} times, for {} us at most, by",
                                 kind.name, kind.too_long,
                                 static_cast<std::uint64_t>(kind.longest.count()) / 1000);
                for_each_call(kind.longest_stack,
                              [](std::string_view line) { log::info<"key">("{}", line); });
            }
        });
    }
}

}  // namespace kidney::kernel

namespace kidney::hal {

// Not inlined: the frame is the border between the lock and the books about it.

[[gnu::noinline]] void LockUpcalls::wanted(const HeldRanks& held, const LockRank& rank,
                                           LockKind kind) noexcept {
    kernel::checks.wanted(held, rank, kind, __builtin_frame_address(0));
}

[[gnu::noinline]] void LockUpcalls::taken(HeldRanks& held, LockKind kind, bool tried) noexcept {
    kernel::checks.taken(held, kind, tried, __builtin_frame_address(0));
}

[[gnu::noinline]] void LockUpcalls::released(const HeldRanks& held, const LockRank& rank,
                                             LockKind kind, const HeldRanks::Taking& taking,
                                             bool interrupts_come) noexcept {
    kernel::checks.released(held, rank, kind, taking, interrupts_come, __builtin_frame_address(0));
}

[[gnu::noinline]] void LockUpcalls::may_sleep() noexcept {
    kernel::checks.may_sleep(__builtin_frame_address(0));
}

}  // namespace kidney::hal
