/// `hal::Cpu` on real host threads, for stress tests under ThreadSanitizer: std::atomic is the real
/// one, "this CPU" is this thread, there are no interrupts to turn off.
#pragma once

#include "kidney/hal/cpu.hpp"

#include <atomic>
#include <cstdint>
#include <linux/membarrier.h>
#include <span>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace kidney::test {

struct StdCpu {
    template <class T>
    using Atomic = std::atomic<T>;
    struct Context {};

    /// Each stress thread says once which CPU it plays.
    static void become(CpuId id) noexcept { state().id = id; }

    [[nodiscard]] static CpuId id() noexcept { return state().id; }
    // As on a CPU, what lies between the two stays between them: benchmarks measure that.
    [[nodiscard]] static hal::InterruptState interrupts_disable() noexcept {
        const bool before = std::exchange(state().interrupts, false);
        std::atomic_signal_fence(std::memory_order_seq_cst);
        return before ? hal::InterruptState::enabled : hal::InterruptState::disabled;
    }
    static void interrupts_restore(hal::InterruptState before) noexcept {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        if (before == hal::InterruptState::enabled) {
            state().interrupts = true;
        }
    }
    [[nodiscard]] static bool interrupts_enabled() noexcept { return state().interrupts; }
    static void wait_for_interrupt() noexcept { std::this_thread::yield(); }
    static void relax() noexcept { std::this_thread::yield(); }
    static void prepare_context(Context&, std::span<std::byte>, hal::ContextEntry, void*) noexcept {
    }
    static void switch_context(Context&, Context&) noexcept {}
    static void send_reschedule(CpuId) noexcept {}
    /// Linux makes the other threads of the process pass a barrier.
    static void fence_everywhere() noexcept {
        static const bool registered =
            syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
        KIDNEY_INVARIANT(registered, "no membarrier(2) here");
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    }
    [[nodiscard]] static HeldRanks& held_ranks() noexcept { return state().held_ranks; }

private:
    struct State {
        CpuId id;
        bool interrupts = true;
        HeldRanks held_ranks;
    };
    [[nodiscard]] static State& state() noexcept {
        static thread_local State state;
        return state;
    }
};
static_assert(hal::Cpu<StdCpu>);

}  // namespace kidney::test
