/// The model of `hal::Cpu`: this processor.
#pragma once

#include "arch/i686/context/context.hpp"
#include "arch/i686/cpu/cpu_local.hpp"
#include "arch/i686/cpu/instructions.hpp"
#include "arch/i686/smp/messages.hpp"
#include "arch/i686/trap/trap_frame.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/hal/upcalls.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace kidney::arch {

struct Cpu {
    template <class T>
    using Atomic = std::atomic<T>;
    using Context = arch::Context;
    /// Debug kernels hear of every lock.
    using Watch = std::conditional_t<checks_lock_ranks, hal::LockUpcalls, void>;
    using Waits = hal::LockWaitUpcalls;

    [[nodiscard]] static CpuId id() noexcept {
        return CpuId(
            *reinterpret_cast<volatile std::uint32_t KIDNEY_FS_RELATIVE*>(offsetof(CpuLocal, id)));
    }

    static hal::InterruptState interrupts_disable() noexcept {
        const std::uint32_t flags = read_eflags();
        cli();
        return (flags & eflags::interrupt) != 0 ? hal::InterruptState::enabled
                                                : hal::InterruptState::disabled;
    }
    static void interrupts_restore(hal::InterruptState state) noexcept {
        if (state == hal::InterruptState::enabled) {
            sti();
        }
    }
    [[nodiscard]] static bool interrupts_enabled() noexcept {
        return (read_eflags() & eflags::interrupt) != 0;
    }
    static void wait_for_interrupt() noexcept {
        sti_hlt();
        cli();
    }
    /// Answers other CPUs meanwhile: they may hold what this one waits for.
    static void relax() noexcept {
        pause();
        if (this_cpu().shoot_down_pending.load(std::memory_order_relaxed) != 0) {
            answer_shoot_downs();
        }
    }

    static void prepare_context(Context& context, std::span<std::byte> stack,
                                hal::ContextEntry entry, void* argument) noexcept {
        arch::prepare_context(context, stack, entry, argument);
    }
    static void switch_context(Context& from, Context& to) noexcept {
        arch::switch_context(from, to);
    }
    static void send_reschedule(CpuId target) noexcept { arch::send_reschedule(target); }
    static void fence_everywhere() noexcept { arch::fence_everywhere(); }
    [[nodiscard]] static HeldRanks& held_ranks() noexcept { return this_cpu().held_ranks; }

    // Beyond the contract: what the kernel keeps per CPU.

    /// Whatever the kernel set as "what runs here"; one instruction, right even across a migration.
    [[nodiscard]] static void* thread() noexcept {
        return *reinterpret_cast<void* volatile KIDNEY_FS_RELATIVE*>(offsetof(CpuLocal, thread));
    }
    static void set_thread(void* thread) noexcept {
        *reinterpret_cast<void* volatile KIDNEY_FS_RELATIVE*>(offsetof(CpuLocal, thread)) = thread;
    }
    /// Asks for the upcall on this CPU's way back to user mode, or at the next preemption point.
    static void flag_work() noexcept { work_flag() = 1; }
    static void clear_work() noexcept { work_flag() = 0; }
    [[nodiscard]] static bool has_work() noexcept { return work_flag() != 0; }

private:
    static volatile std::uint32_t KIDNEY_FS_RELATIVE& work_flag() noexcept {
        return *reinterpret_cast<volatile std::uint32_t KIDNEY_FS_RELATIVE*>(
            offsetof(CpuLocal, return_work));
    }
};
static_assert(hal::Cpu<Cpu> && hal::RemoteFence<Cpu>);

}  // namespace kidney::arch
