#include "kernel/magic/backtrace.hpp"

#include "arch/i686/cpu/instructions.hpp"
#include "arch/i686/smp/messages.hpp"
#include "arch/i686/trap/trap_frame.hpp"
#include "kernel/memory/layout.hpp"

#include <array>
#include <atomic>

namespace kidney::kernel {
namespace {

/// The stack that `position` is on, from there upwards. A thread's is known exactly; the CPUs' boot
/// stacks are nobody's but the kernel's, and a frame pointer there cannot be a program's.
VirtRange stack_above(std::uint32_t position) noexcept {
    const VirtAddr at(position);
    if (at >= layout::stacks.start && at < layout::stacks.end()) {
        const std::uint32_t end = (position | (layout::stack_slot - 1)) + 1;
        return {at, end - position};
    }
    constexpr std::uint32_t most = 4096;
    return {at, at >= layout::kernel_base ? most : 0};
}

/// Follows frame pointers up to the end of the stack, through the frames of traps.
void walk(std::uint32_t position, std::uint32_t ebp, Backtrace& trace) noexcept {
    const VirtRange stack = stack_above(position);
    constexpr std::uint32_t words = 4 * sizeof(std::uint32_t);
    while (ebp >= position && ebp % 4 == 0 && ebp - stack.start.value() + words <= stack.size) {
        const auto* const frame = reinterpret_cast<const std::uint32_t*>(ebp);
        position = ebp + 1;
        ebp = frame[0];
        if (ebp != 0) {
            if (!trace.calls.push(frame[1] - 1)) {  // inside the call, not after it
                return;
            }
            continue;
        }
        // The entry code clears EBP and calls with the address of its frame, which lies above.
        const auto above = reinterpret_cast<std::uint32_t>(frame + 3);
        if (frame[2] != above ||
            above - stack.start.value() + sizeof(hal::TrapFrame) > stack.size) {
            return;
        }
        const auto& trap = *reinterpret_cast<const hal::TrapFrame*>(above);
        if (trap.from_user()) {
            trace.user_address = trap.eip;
            return;
        }
        trace.calls.push(trap.eip);
        ebp = trap.ebp;
    }
}

constinit std::array<Backtrace, max_cpus> snapshots;
constinit std::atomic<std::uint32_t> asked{0};  ///< CPUs that have not answered

}  // namespace

Backtrace backtrace_of_here() noexcept {
    return backtrace_from(reinterpret_cast<const void*>(arch::read_ebp()));
}

Backtrace backtrace_from(const void* frame) noexcept {
    Backtrace trace;
    const auto ebp = reinterpret_cast<std::uint32_t>(frame);
    walk(ebp, ebp, trace);
    return trace;
}

Backtrace backtrace_of(const Thread& thread) noexcept {
    // As switch.S leaves it: EDI, ESI, EBX, EBP, the address to go on at.
    Backtrace trace;
    const auto position = reinterpret_cast<std::uint32_t>(thread.context.stack_pointer);
    const auto start = reinterpret_cast<std::uint32_t>(thread.stack.data());
    constexpr std::uint32_t saved = 5 * sizeof(std::uint32_t);
    if (position % 4 == 0 && position >= start && position - start + saved <= thread.stack.size()) {
        const auto* const words = reinterpret_cast<const std::uint32_t*>(position);
        trace.calls.push(words[4] - 1);
        walk(position, words[3], trace);
    }
    return trace;
}

bool backtrace_of_cpu(CpuId cpu, Duration patience, Backtrace& trace) noexcept {
    const std::uint32_t bit = 1U << cpu.value();
    // One that has not answered the last time still can: an interrupt that nobody asked for would
    // be taken for a broken machine.
    if ((asked.fetch_or(bit, std::memory_order_acq_rel) & bit) == 0) {
        arch::send_non_maskable(cpu);
    }
    const Instant deadline = Clock::now() + patience;
    while ((asked.load(std::memory_order_acquire) & bit) != 0) {
        if (Clock::now() >= deadline) {
            return false;
        }
        arch::pause();
    }
    trace = snapshots[cpu.value()];
    return true;
}

bool answer_snapshot(const hal::TrapFrame& frame) noexcept {
    const std::uint32_t bit = 1U << Cpu::id().value();
    if ((asked.load(std::memory_order_acquire) & bit) == 0) {
        return false;
    }
    Backtrace& trace = snapshots[Cpu::id().value()];
    trace = {};
    if (frame.from_user()) {
        trace.user_address = frame.eip;
    } else {
        trace.calls.push(frame.eip);
        walk(reinterpret_cast<std::uint32_t>(&frame), frame.ebp, trace);
    }
    asked.fetch_and(~bit, std::memory_order_release);
    return true;
}

}  // namespace kidney::kernel
