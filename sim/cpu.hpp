/// Models of the hal concepts on the simulated machine: `Cpu`, `Clock`, `Timer`, per-CPU storage.
#pragma once

#include "kidney/hal/clock.hpp"
#include "kidney/hal/cpu.hpp"
#include "sim/machine.hpp"

#include <atomic>
#include <cstdint>
#include <span>

namespace kidney::sim {

namespace detail {
/// Any operation on shared memory: others may run before it. Free outside of a machine.
inline void shared_access() noexcept {
    if (Machine* const machine = Machine::active(); machine != nullptr) {
        machine->step(10);
    }
}
}  // namespace detail

/// std::atomic's members; each access is a step of the machine.
template <class T>
class Atomic {
public:
    constexpr Atomic() noexcept = default;
    constexpr Atomic(T value) noexcept : value_(value) {}

    T load(std::memory_order = std::memory_order_seq_cst) const noexcept {
        detail::shared_access();
        return value_;
    }
    void store(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
        detail::shared_access();
        value_ = value;
    }
    T exchange(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
        detail::shared_access();
        return std::exchange(value_, value);
    }
    T fetch_add(T n, std::memory_order = std::memory_order_seq_cst) noexcept {
        detail::shared_access();
        return std::exchange(value_, static_cast<T>(value_ + n));
    }
    T fetch_sub(T n, std::memory_order = std::memory_order_seq_cst) noexcept {
        detail::shared_access();
        return std::exchange(value_, static_cast<T>(value_ - n));
    }
    T fetch_and(T n, std::memory_order = std::memory_order_seq_cst) noexcept {
        detail::shared_access();
        return std::exchange(value_, static_cast<T>(value_ & n));
    }
    T fetch_or(T n, std::memory_order = std::memory_order_seq_cst) noexcept {
        detail::shared_access();
        return std::exchange(value_, static_cast<T>(value_ | n));
    }
    bool compare_exchange_strong(T& expected, T desired,
                                 std::memory_order = std::memory_order_seq_cst) noexcept {
        detail::shared_access();
        if (value_ != expected) {
            expected = value_;
            return false;
        }
        value_ = desired;
        return true;
    }

private:
    T value_{};
};

struct Cpu {
    template <class T>
    using Atomic = sim::Atomic<T>;
    using Context = Fiber;

    [[nodiscard]] static CpuId id() noexcept {
        Machine* const machine = Machine::active();
        return CpuId(machine == nullptr ? 0 : machine->cpu().id);
    }
    [[nodiscard]] static hal::InterruptState interrupts_disable() noexcept {
        Machine* const machine = Machine::active();
        if (machine == nullptr || !machine->cpu().interrupts_enabled) {
            return hal::InterruptState::disabled;
        }
        machine->step(5);  // an interrupt may come just before
        machine->cpu().interrupts_enabled = false;
        return hal::InterruptState::enabled;
    }
    static void interrupts_restore(hal::InterruptState state) noexcept {
        Machine* const machine = Machine::active();
        if (machine != nullptr && state == hal::InterruptState::enabled) {
            machine->cpu().interrupts_enabled = true;
            machine->step(5);
        } else if (machine != nullptr) {
            machine->cpu().interrupts_enabled = false;
        }
    }
    [[nodiscard]] static bool interrupts_enabled() noexcept {
        Machine* const machine = Machine::active();
        return machine != nullptr && machine->cpu().interrupts_enabled;
    }
    static void wait_for_interrupt() noexcept { Machine::active()->halt(); }
    static void relax() noexcept {
        if (Machine* const machine = Machine::active(); machine != nullptr) {
            machine->step(40);
        }
    }
    static void prepare_context(Context& context, std::span<std::byte> stack,
                                hal::ContextEntry entry, void* argument) noexcept {
        prepare_fiber(context, stack, entry, argument);
    }
    static void switch_context(Context& from, Context& to) noexcept {
        Machine::active()->switch_context(from, to);
    }
    static void send_reschedule(CpuId target) noexcept {
        Machine::active()->send_reschedule(target);
    }
    /// Fibers of one thread: what one has written, all see.
    static void fence_everywhere() noexcept { detail::shared_access(); }
    [[nodiscard]] static HeldRanks& held_ranks() noexcept {
        static thread_local HeldRanks outside;
        Machine* const machine = Machine::active();
        return machine == nullptr ? outside : machine->cpu().held_ranks;
    }
};

struct Clock {
    [[nodiscard]] static Instant now() noexcept {
        Machine* const machine = Machine::active();
        return machine == nullptr ? Instant() : machine->now();
    }
};

struct Timer {
    static void arm(Instant deadline) noexcept { Machine::active()->arm_timer(deadline); }
    static void disarm() noexcept { Machine::active()->arm_timer(Instant::never()); }
};

/// What %fs gives the kernel.
struct CpuLocal {
    [[nodiscard]] static void* thread() noexcept { return Machine::active()->cpu().thread; }
    static void set_thread(void* thread) noexcept { Machine::active()->cpu().thread = thread; }
    static void flag_work() noexcept { Machine::active()->cpu().work_flagged = true; }
};

static_assert(hal::Cpu<Cpu> && hal::Clock<Clock> && hal::Timer<Timer>);

}  // namespace kidney::sim
