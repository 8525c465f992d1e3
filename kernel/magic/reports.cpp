#include "kernel/magic/reports.hpp"

#include "arch/i686/cpu/cpu_local.hpp"
#include "arch/i686/smp/online.hpp"
#include "kernel/kernel.hpp"
#include "kernel/lock_checks.hpp"
#include "kernel/magic/backtrace.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/symbols.hpp"
#include "kidney/core/log.hpp"

#include <array>
#include <string_view>

namespace kidney::kernel {
namespace {

/// A thread's name, bounded: of a thread that another CPU is about to end it may be anything.
struct Name {
    std::array<char, 16> text{};
    explicit Name(const Thread& thread) noexcept : text(thread.name_text) { text.back() = '\0'; }
    [[nodiscard]] std::string_view view() const noexcept { return text.data(); }
};

void report(const Backtrace& trace) noexcept {
    for (const std::uint32_t address : trace.calls.view()) {
        const Symbol symbol = symbol_at(VirtAddr(address));
        log::info<"key">("    {} {}+0x{:x}", VirtAddr(address), symbol.name, symbol.offset);
    }
    if (trace.user_address != 0) {
        log::info<"key">("    {} in the program", VirtAddr(trace.user_address));
    }
}

template <class F>
void for_each_cpu(F&& f) noexcept {
    for (std::uint32_t n = 0; n < max_cpus; ++n) {
        if (arch::online_cpus().contains(CpuId(n))) {
            f(CpuId(n), arch::cpu_locals[n]);
        }
    }
}

/// Calls f(const Thread&) for each thread of a process.
template <class F>
void for_each_thread(F&& f) noexcept {
    if (!visit_threads(f)) {
        log::info<"key">("the table of processes is locked, and stays so");
    }
}

constexpr const char* name_of(sched::ThreadState state) noexcept {
    constexpr const char* names[] = {"created", "ready", "running", "waiting", "exited"};
    return names[static_cast<std::size_t>(state) % std::size(names)];
}

void report(const Thread& thread) noexcept {
    log::info<"key">("process {:5} {:<15} {} on CPU {}, ran {} ms, {} switches",
                     thread.number.value(), Name(thread).view(), name_of(thread.state),
                     thread.cpu.load(std::memory_order_relaxed),
                     thread.statistics.ran.count() / 1'000'000, thread.statistics.picks);
}

/// Names of the locks in an order list, or nothing.
void report_held(std::string_view whose, const HeldRanks& held) noexcept {
    TextBuffer<160> text;
    for (std::size_t n = 0; const LockRank* const rank = held.at(n); ++n) {
        format_to(text, "{}{}", n == 0 ? "" : ", ", rank->name);
    }
    if (!text.view().empty()) {
        log::info<"key">("{} holds: {}", whose, text.view());
    }
}

}  // namespace

void report_threads() noexcept {
    for_each_cpu([](CpuId cpu, const arch::CpuLocal& local) noexcept {
        const auto* const thread = static_cast<const Thread*>(local.thread);
        log::info<"key">("CPU {} runs {}, {} ready", cpu,
                         thread == nullptr ? std::string_view() : Name(*thread).view(),
                         dispatcher().queued(cpu));
    });
    for_each_thread([](const Thread& thread) noexcept { report(thread); });
}

void report_waiting_threads() noexcept {
    for_each_thread([](const Thread& thread) noexcept {
        if (thread.state == sched::ThreadState::waiting) {
            report(thread);
            report(backtrace_of(thread));
        }
    });
}

void report_locks() noexcept {
    if constexpr (!checks_lock_ranks) {
        log::info<"key">("only a debug kernel knows");
        return;
    }
    for_each_cpu([](CpuId cpu, const arch::CpuLocal& local) noexcept {
        TextBuffer<16> whose;
        format_to(whose, "CPU {}", cpu);
        report_held(whose.view(), local.held_ranks);
    });
    for_each_thread([](const Thread& thread) noexcept {
        TextBuffer<40> whose;
        format_to(whose, "thread {} {}", thread.number.value(), Name(thread).view());
        report_held(whose.view(), thread.held_mutexes);
    });
    report_long_holds();
}

void report_cpus() noexcept {
    for_each_cpu([](CpuId cpu, const arch::CpuLocal& local) noexcept {
        constexpr Duration patience = Duration::milliseconds(200);
        const auto* const thread = static_cast<const Thread*>(local.thread);
        log::info<"key">("CPU {}, thread {}", cpu,
                         thread == nullptr ? std::string_view() : Name(*thread).view());
        Backtrace trace;
        if (cpu == Cpu::id()) {
            report(backtrace_of_here());
        } else if (backtrace_of_cpu(cpu, patience, trace)) {
            report(trace);
        } else {
            log::info<"key">("    does not answer");
        }
    });
}

void report_memory() noexcept {
    const mm::FrameCounts counts = frames().counts();
    constexpr std::size_t kib = page_size / 1024;
    log::info<"key">("frames: {} KiB free of {} KiB", counts.free * kib, counts.total * kib);
    log::info<"key">(
        "  below 16 MiB: {} of {} KiB; further direct ones: {} of {} KiB; others: {} of {} KiB",
        counts.free_dma * kib, counts.total_dma * kib, (counts.free_direct - counts.free_dma) * kib,
        (counts.total_direct - counts.total_dma) * kib, (counts.free - counts.free_direct) * kib,
        (counts.total - counts.total_direct) * kib);
    log::info<"key">("reserve: {} frames", frames().reserve().highest());
    if constexpr (requires { heap().used_bytes(); }) {
        log::info<"key">("heap: {} bytes in use", heap().used_bytes());
    }
}

}  // namespace kidney::kernel
