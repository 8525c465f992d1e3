/// CPUs without stacks: what the dispatcher runs on in the scheduling laboratory.
///
/// A context is nothing, and switching to one does nothing. So when block() returns, current() is
/// another thread, and whoever drives the dispatcher goes on with that one's program. Virtual time,
/// one host thread, no atomics: a decision costs what the dispatcher and the policy cost.
/// `sim::Machine` is the machine for code that needs a stack.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"
#include "kidney/hal/clock.hpp"
#include "kidney/hal/cpu.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace kidney::lab {

/// What the hardware of one CPU knows.
struct FlatCpuState {
    void* thread = nullptr;
    Instant timer_at = Instant::never();
    Instant interrupt_at = Instant::never();  ///< from another CPU
    bool has_work = false;                    ///< look at the run queue on the way out
    HeldRanks ranks;
};

/// There is one at a time.
struct FlatMachine {
    static inline Instant now;
    static inline std::uint32_t here = 0;  ///< who executes
    static inline Duration interrupt_delay;
    static inline std::array<FlatCpuState, max_cpus> cpus;

    static void reset(Instant start, Duration delay) noexcept {
        now = start;
        here = 0;
        interrupt_delay = delay;
        cpus = {};
    }
    [[nodiscard]] static FlatCpuState& cpu() noexcept { return cpus[here]; }
};

struct FlatCpu {
    /// With std::atomic's members, for one thread.
    template <class T>
    class Atomic {
    public:
        constexpr Atomic() noexcept = default;
        constexpr explicit Atomic(T value) noexcept : value_(value) {}
        using Order = std::memory_order;
        [[nodiscard]] T load(Order = Order::seq_cst) const noexcept { return value_; }
        void store(T value, Order = Order::seq_cst) noexcept { value_ = value; }
        T exchange(T value, Order = Order::seq_cst) noexcept {
            return std::exchange(value_, value);
        }
        T fetch_add(T n, Order = Order::seq_cst) noexcept {
            return std::exchange(value_, value_ + n);
        }
        T fetch_and(T n, Order = Order::seq_cst) noexcept {
            return std::exchange(value_, value_ & n);
        }
        T fetch_or(T n, Order = Order::seq_cst) noexcept {
            return std::exchange(value_, value_ | n);
        }
        bool compare_exchange_strong(T& expected, T value, Order = Order::seq_cst) noexcept {
            const bool same = value_ == expected;
            (same ? value_ : expected) = same ? value : value_;
            return same;
        }

    private:
        T value_{};
    };

    [[nodiscard]] static CpuId id() noexcept { return CpuId(FlatMachine::here); }
    // Whoever drives the dispatcher is always "in an interrupt": nothing happens behind its back,
    // and it comes to the preemption points by itself.
    static hal::InterruptState interrupts_disable() noexcept {
        return hal::InterruptState::disabled;
    }
    static void interrupts_restore(hal::InterruptState) noexcept {}
    [[nodiscard]] static bool interrupts_enabled() noexcept { return false; }
    static void wait_for_interrupt() noexcept {}
    static void relax() noexcept {}
    [[nodiscard]] static HeldRanks& held_ranks() noexcept { return FlatMachine::cpu().ranks; }

    struct Context {};
    static void prepare_context(Context&, std::span<std::byte>, hal::ContextEntry, void*) noexcept {
    }
    static void switch_context(Context&, Context&) noexcept {}

    static void send_reschedule(CpuId target) noexcept {
        Instant& at = FlatMachine::cpus[target.value()].interrupt_at;
        at = std::min(at, FlatMachine::now + FlatMachine::interrupt_delay);
    }
};
static_assert(hal::Cpu<FlatCpu>);

struct FlatClock {
    [[nodiscard]] static Instant now() noexcept { return FlatMachine::now; }
};
struct FlatTimer {
    static void arm(Instant deadline) noexcept { FlatMachine::cpu().timer_at = deadline; }
    static void disarm() noexcept { arm(Instant::never()); }
};
static_assert(hal::Clock<FlatClock> && hal::Timer<FlatTimer>);

struct FlatLocal {
    [[nodiscard]] static void* thread() noexcept { return FlatMachine::cpu().thread; }
    static void set_thread(void* thread) noexcept { FlatMachine::cpu().thread = thread; }
    static void flag_work() noexcept { FlatMachine::cpu().has_work = true; }
};

}  // namespace kidney::lab
