/// The schedule explorer: runs a small scenario of a few threads through its interleavings, one
/// access to an atomic after the other, and replays any of them from a string.
///
///     struct Scenario {
///         static constexpr std::size_t threads = 2;
///         sim::ExploredCpu::Atomic<std::uint32_t> x{0};
///         void run(std::size_t thread) { ... sim::require(x.load() == 0, "x was free"); }
///         void check() { ... }        // after all threads have ended
///     };
///     const sim::Exploration all = sim::explore<Scenario>({.preemptions = 3});
///     EXPECT_TRUE(all.passed()) << all.failure << sim::story<Scenario>(all.schedule);
///
/// Each run starts from a new Scenario. A thread in a spin loop gives way until somebody has
/// written. Interleavings are sequentially consistent: weaker memory orders are TSan's business
/// (tests/unit/sched/lock_stress_test.cpp). A run of more than 100 000 steps fails. Objects that a
/// failed run leaves on its threads' stacks are not destroyed.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"
#include "kidney/hal/cpu.hpp"
#include "sim/fiber.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace kidney::sim {

/// In which order schedules are tried (sim/exploration/search.cpp has the theory).
enum class Search : std::uint8_t {
    depth_first,  ///< all with at most `preemptions`
    /// All, but of those that differ only in the order of steps that do not meet one. What is no
    /// atomic must then be protected by some: a race for it may stay unseen.
    reduced,
    pct,     ///< by chance: threads with priorities that change now and then
    random,  ///< by chance: at each decision any thread
};

struct ExploreOptions {
    std::size_t preemptions = 2;  ///< at most so many switches away from a thread that could go on
    std::size_t max_schedules = 1'000'000;
    Search search = Search::depth_first;
    std::uint64_t seed = 1;  ///< of `pct` and `random`
    std::size_t depth = 3;   ///< of `pct`: how many steps must be in the wrong order
};

struct Exploration {
    std::size_t schedules = 0;  ///< runs made
    std::size_t redundant = 0;  ///< of them, those that `reduced` saw to be others over again
    std::size_t steps = 0;      ///< of the longest one
    bool complete = false;      ///< there is no other schedule within the bound
    std::string failure;        ///< empty: none
    std::string schedule;       ///< of the failing run: the thread chosen at each decision
    /// Of `pct`: the probability that a mistake of that depth was missed is at most this.
    double missed_at_most = 1;

    [[nodiscard]] bool passed() const { return complete && failure.empty(); }
};

/// Fails the running schedule.
void require(bool held, std::string_view what);
/// A line for the running thread in the story of this schedule.
void say(std::string_view what);
/// What the story calls an atomic; else it is x1, x2 and so on.
void name(const void* atomic, std::string_view called);

namespace explored {

inline constexpr std::size_t max_threads = 4;

/// One run's threads, as the explorer starts them.
struct Program {
    std::size_t threads = 0;
    std::function<void()> reset;           ///< a fresh scenario
    std::function<void(std::size_t)> run;  ///< body of one thread
    std::function<void()> check;
    std::function<void()> on_reschedule;  ///< a reschedule interrupt, on the CPU that it is for
    /// Where the scenario lies, in each run. `reduced` knows by their addresses which atomics are
    /// the same as in another run; of those elsewhere, but for the threads' stacks, it knows
    /// nothing and takes no step to be independent of theirs.
    std::span<const std::byte> home;
};

Exploration explore(const Program& program, const ExploreOptions& options);
Exploration replay(const Program& program, std::string_view schedule);
std::string minimise(const Program& program, std::string_view schedule);
std::string story(const Program& program, std::string_view schedule);

// What the models below tell the explorer.
[[nodiscard]] bool is_running() noexcept;  ///< called from a thread of a scenario
[[nodiscard]] std::size_t current() noexcept;
/// Before an access: others may go first. Of the second kind, `reduced` knows what it meets.
void switch_point() noexcept;
void switch_point(const void* object, bool writes) noexcept;
void wrote() noexcept;  ///< after an access that changed something
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
                   .reset = [this] { scenario_.emplace(); },
                   .run = [this](std::size_t thread) { scenario_->run(thread); },
                   .check = [this] { scenario_->check(); },
                   .on_reschedule = [this] { interrupt(*scenario_); },
                   .home = std::as_bytes(std::span(&scenario_, 1))} {}
    ProgramOf(const ProgramOf&) = delete;
    ProgramOf& operator=(const ProgramOf&) = delete;
    [[nodiscard]] const Program& get() const { return program_; }

private:
    static void interrupt(Scenario& scenario) {
        if constexpr (requires { scenario.on_reschedule(); }) {
            scenario.on_reschedule();
        }
    }

    std::optional<Scenario> scenario_;
    Program program_;
};

/// What a story shows of a value.
struct Shown {
    std::uint64_t number = 0;
    bool is_address = false;

    template <class T>
    [[nodiscard]] static Shown of(T value) noexcept {
        if constexpr (std::is_pointer_v<T>) {
            return {reinterpret_cast<std::uintptr_t>(value), true};
        } else {
            // Locks keep their holder's address as a number.
            const auto number = static_cast<std::uint64_t>(value);
            return {number, std::is_same_v<T, std::uintptr_t> && number > 0xFFFF};
        }
    }
};
inline bool telling = false;  ///< a story is made of this run
void tell_read(const void* object, Shown value);
void tell_write(const void* object, Shown value);
void tell_change(const void* object, Shown before, Shown after);
void tell_refusal(const void* object, Shown found, Shown expected);

/// std::atomic's members; the explorer may switch before each.
template <class T>
class Atomic {
public:
    constexpr Atomic() noexcept = default;
    constexpr Atomic(T value) noexcept : value_(value) {}

    T load(std::memory_order = std::memory_order_seq_cst) const noexcept {
        switch_point(this, false);
        if (telling) {
            tell_read(this, Shown::of(value_));
        }
        return value_;
    }
    void store(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
        switch_point(this, true);
        if (telling) {
            tell_write(this, Shown::of(value));
        }
        put(value);
    }
    T exchange(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
        return change(value);
    }
    T fetch_add(T n, std::memory_order = std::memory_order_seq_cst) noexcept {
        return change_by([n](T old) { return static_cast<T>(old + n); });
    }
    T fetch_and(T n, std::memory_order = std::memory_order_seq_cst) noexcept {
        return change_by([n](T old) { return static_cast<T>(old & n); });
    }
    T fetch_or(T n, std::memory_order = std::memory_order_seq_cst) noexcept {
        return change_by([n](T old) { return static_cast<T>(old | n); });
    }
    bool compare_exchange_strong(T& expected, T desired,
                                 std::memory_order = std::memory_order_seq_cst) noexcept {
        switch_point(this, true);
        if (value_ != expected) {
            if (telling) {
                tell_refusal(this, Shown::of(value_), Shown::of(expected));
            }
            expected = value_;
            return false;
        }
        become(desired);
        return true;
    }

private:
    T change(T value) noexcept {
        switch_point(this, true);
        return become(value);
    }
    template <class F>
    T change_by(F&& next) noexcept {
        switch_point(this, true);
        return become(next(value_));
    }
    T become(T value) noexcept {
        if (telling) {
            tell_change(this, Shown::of(value_), Shown::of(value));
        }
        const T before = value_;
        put(value);
        return before;
    }
    /// To write what is there already is nothing that a spin loop waits for.
    void put(T value) noexcept {
        if (value_ != value) {
            value_ = value;
            wrote();
        }
    }

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

/// A schedule that fails in the same way with as few preemptions as can be found by leaving out one
/// after the other.
template <class Scenario>
std::string minimise(std::string_view schedule) {
    const explored::ProgramOf<Scenario> program;
    return explored::minimise(program.get(), schedule);
}

/// Who does what in this schedule: a column for each thread, a line for each step.
template <class Scenario>
std::string story(std::string_view schedule) {
    const explored::ProgramOf<Scenario> program;
    return explored::story(program.get(), schedule);
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
