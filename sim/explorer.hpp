/// The schedule explorer: runs a small scenario of a few threads through *every* interleaving of
/// its accesses to atomics, up to a number of preemptions, and replays any of them from a string.
///
///     struct Scenario {
///         static constexpr std::size_t threads = 2;
///         sim::ExploredCpu::Atomic<std::uint32_t> x{0};
///         void run(std::size_t thread) { ... sim::require(x.load() == 0, "x was free"); }
///         void check() { ... }        // after all threads have ended
///     };
///     const sim::Exploration all = sim::explore<Scenario>({.preemptions = 3});
///     EXPECT_TRUE(all.passed()) << all.failure << " in schedule " << all.schedule;
///
/// Each run starts from a new Scenario. It is a depth-first search without memory: choices are
/// taken back from the end, the rest is executed again. A thread in a spin loop gives way until
/// somebody has written. Interleavings are sequentially consistent: weaker memory orders
/// are TSan's business (tests/unit/sched/lock_stress_test.cpp). Objects that a failed run
/// leaves on its threads' stacks are not destroyed.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"
#include "kidney/hal/cpu.hpp"
#include "sim/fiber.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace kidney::sim {

struct ExploreOptions {
    std::size_t preemptions = 2;  ///< at most so many switches away from a thread that could go on
    std::size_t max_schedules = 1'000'000;
};

struct Exploration {
    std::size_t schedules = 0;  ///< runs made
    bool complete = false;      ///< there is no other schedule within the bound
    std::string failure;        ///< empty: none
    std::string schedule;       ///< of the failing run: the thread chosen at each decision

    [[nodiscard]] bool passed() const { return complete && failure.empty(); }
};

/// Fails the running schedule.
void require(bool held, std::string_view what);

namespace explored {

inline constexpr std::size_t max_threads = 4;

/// One run's threads, as the explorer starts them.
struct Program {
    std::size_t threads = 0;
    std::function<void()> reset;           ///< a fresh scenario
    std::function<void(std::size_t)> run;  ///< body of one thread
    std::function<void()> check;
    std::function<void()> on_reschedule;  ///< a reschedule interrupt, on the CPU that it is for
};

Exploration explore(const Program& program, const ExploreOptions& options);
Exploration replay(const Program& program, std::string_view schedule);

// What the models below tell the explorer.
[[nodiscard]] bool is_running() noexcept;  ///< called from a thread of a scenario
[[nodiscard]] std::size_t current() noexcept;
void switch_point() noexcept;  ///< before an access
void wrote() noexcept;         ///< after one that changed something
void spin() noexcept;
/// Waits until unblock(this thread). With `may_give_up` it may also return false before that.
bool block(bool may_give_up) noexcept;
void unblock(std::size_t thread) noexcept;
[[nodiscard]] bool is_blocked(std::size_t thread) noexcept;
[[nodiscard]] HeldRanks& held_ranks() noexcept;
[[nodiscard]] bool& interrupts_enabled() noexcept;
/// The context that runs on this CPU becomes another; returns when somebody switches back.
void switch_context(Fiber& from, Fiber& to) noexcept;
/// Reschedule interrupts come before the target's next access that finds interrupts enabled. Any
/// later arrival is another schedule, in which the sender was slower.
void send_interrupt(std::size_t thread) noexcept;
void take_interrupt() noexcept;      ///< the pending one, if there is one and they are enabled
void wait_for_interrupt() noexcept;  ///< hal::InterruptFlag, law C4

template <class Scenario>
class ProgramOf {
public:
    ProgramOf()
        : program_{.threads = Scenario::threads,
                   .reset = [this] { scenario_ = std::make_unique<Scenario>(); },
                   .run = [this](std::size_t thread) { scenario_->run(thread); },
                   .check = [this] { scenario_->check(); },
                   .on_reschedule = [this] { interrupt(*scenario_); }} {}
    ProgramOf(const ProgramOf&) = delete;
    ProgramOf& operator=(const ProgramOf&) = delete;
    [[nodiscard]] const Program& get() const { return program_; }

private:
    static void interrupt(Scenario& scenario) {
        if constexpr (requires { scenario.on_reschedule(); }) {
            scenario.on_reschedule();
        }
    }

    std::unique_ptr<Scenario> scenario_;
    Program program_;
};

/// std::atomic's members; the explorer may switch before each.
template <class T>
class Atomic {
public:
    constexpr Atomic() noexcept = default;
    constexpr Atomic(T value) noexcept : value_(value) {}

    T load(std::memory_order = std::memory_order_seq_cst) const noexcept {
        switch_point();
        return value_;
    }
    void store(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
        switch_point();
        value_ = value;
        wrote();
    }
    T exchange(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
        switch_point();
        wrote();
        return std::exchange(value_, value);
    }
    T fetch_add(T n, std::memory_order = std::memory_order_seq_cst) noexcept {
        switch_point();
        wrote();
        return std::exchange(value_, static_cast<T>(value_ + n));
    }
    T fetch_and(T n, std::memory_order = std::memory_order_seq_cst) noexcept {
        switch_point();
        wrote();
        return std::exchange(value_, static_cast<T>(value_ & n));
    }
    T fetch_or(T n, std::memory_order = std::memory_order_seq_cst) noexcept {
        switch_point();
        wrote();
        return std::exchange(value_, static_cast<T>(value_ | n));
    }
    bool compare_exchange_strong(T& expected, T desired,
                                 std::memory_order = std::memory_order_seq_cst) noexcept {
        switch_point();
        if (value_ != expected) {
            expected = value_;
            return false;
        }
        value_ = desired;
        wrote();
        return true;
    }

private:
    T value_{};
};

}  // namespace explored

template <class Scenario>
Exploration explore(const ExploreOptions& options = {}) {
    const explored::ProgramOf<Scenario> program;
    return explored::explore(program.get(), options);
}

/// Runs the one schedule that `schedule` names.
template <class Scenario>
Exploration replay(std::string_view schedule) {
    const explored::ProgramOf<Scenario> program;
    return explored::replay(program.get(), schedule);
}

/// hal::Cpu under the explorer: each of its threads is a CPU. Small scenarios run one thread on
/// each; with a dispatcher (tests/support/explored_world.hpp) a CPU switches between contexts.
struct ExploredCpu {
    template <class T>
    using Atomic = explored::Atomic<T>;
    using Context = Fiber;

    [[nodiscard]] static CpuId id() noexcept {
        return CpuId(static_cast<std::uint32_t>(explored::current()));
    }
    [[nodiscard]] static hal::InterruptState interrupts_disable() noexcept {
        return std::exchange(explored::interrupts_enabled(), false) ? hal::InterruptState::enabled
                                                                    : hal::InterruptState::disabled;
    }
    static void interrupts_restore(hal::InterruptState state) noexcept {
        explored::interrupts_enabled() = state == hal::InterruptState::enabled;
        explored::take_interrupt();
    }
    [[nodiscard]] static bool interrupts_enabled() noexcept {
        return explored::interrupts_enabled();
    }
    static void wait_for_interrupt() noexcept { explored::wait_for_interrupt(); }
    static void relax() noexcept { explored::spin(); }
    static void prepare_context(Context& context, std::span<std::byte> stack,
                                hal::ContextEntry entry, void* argument) noexcept {
        prepare_fiber(context, stack, entry, argument);
    }
    static void switch_context(Context& from, Context& to) noexcept {
        explored::switch_context(from, to);
    }
    static void send_reschedule(CpuId target) noexcept { explored::send_interrupt(target.value()); }
    /// Interleavings are sequentially consistent.
    static void fence_everywhere() noexcept { explored::switch_point(); }
    [[nodiscard]] static HeldRanks& held_ranks() noexcept { return explored::held_ranks(); }
};
static_assert(hal::Cpu<ExploredCpu>);

}  // namespace kidney::sim
