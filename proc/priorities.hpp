/// Who may change how a process is scheduled: the rules of setpriority(2), sched_setscheduler(2)
/// and their kin, without a process in sight.
///
/// Pure functions; kernel/syscall/resource_calls.cpp asks them.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/sched/policy.hpp"
#include "proc/identity/identity.hpp"
#include "sched/policies/virtual_time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <linux/sched.h>
#include <optional>

namespace kidney::proc {

inline constexpr std::int32_t lowest_nice = -20;
inline constexpr std::int32_t highest_nice = 19;

/// Is the target the caller's own to schedule? The caller acts with its effective number; root may
/// everything.
[[nodiscard]] constexpr bool may_schedule(const IdTriple& caller, const IdTriple& target) noexcept {
    return caller.effective == 0 || caller.effective == target.real ||
           caller.effective == target.effective;
}

/// RLIMIT_NICE is written so that it is never negative: 20 - nice.
[[nodiscard]] constexpr bool allows_nice(std::uint64_t nice_limit, std::int32_t nice) noexcept {
    return static_cast<std::uint64_t>(20 - nice) <= nice_limit;
}

struct NiceChange {
    std::int32_t from = 0, to = 0;
    std::uint64_t limit = 0;  ///< RLIMIT_NICE of the target
};
/// Errors: not_permitted (the target is somebody else's), permission_denied (it would get more than
/// it may have).
[[nodiscard]] constexpr Status may_renice(const IdTriple& caller, const IdTriple& target,
                                          const NiceChange& change) noexcept {
    if (!may_schedule(caller, target)) {
        return fail(Errc::not_permitted);
    }
    if (change.to < change.from && caller.effective != 0 && !allows_nice(change.limit, change.to)) {
        return fail(Errc::permission_denied);
    }
    return {};
}

/// How a process wants to be scheduled, as sched_setscheduler(2) has it.
struct SchedulingClass {
    std::uint8_t policy = SCHED_NORMAL;
    std::uint8_t priority = 0;  ///< of a real-time policy: 1 to 99
    bool reset_on_fork = false;
    sched::Reservation reservation{};  ///< of SCHED_DEADLINE

    [[nodiscard]] constexpr bool is_deadline() const noexcept { return policy == SCHED_DEADLINE; }
    [[nodiscard]] constexpr bool is_real_time() const noexcept {
        return policy == SCHED_FIFO || policy == SCHED_RR;
    }
    /// Of a child.
    [[nodiscard]] constexpr SchedulingClass inherited() const noexcept {
        return reset_on_fork ? SchedulingClass{} : *this;
    }
};

struct PriorityRange {
    std::uint32_t lowest = 0, highest = 0;
};
/// Error: invalid_argument (there is no such policy).
[[nodiscard]] constexpr Result<PriorityRange> priorities_of(std::uint32_t policy) noexcept {
    switch (policy) {
        case SCHED_FIFO:
        case SCHED_RR:
            return PriorityRange{1, 99};
        case SCHED_NORMAL:
        case SCHED_BATCH:
        case SCHED_IDLE:
        case SCHED_DEADLINE:
            return PriorityRange{};
        default:
            return fail(Errc::invalid_argument);
    }
}

/// From the numbers of a call; SCHED_DEADLINE says more than they can. Error: invalid_argument.
[[nodiscard]] constexpr Result<SchedulingClass> scheduling_class(std::uint32_t policy,
                                                                 std::uint32_t priority) noexcept {
    const std::uint32_t kind = policy & ~std::uint32_t{SCHED_RESET_ON_FORK};
    const PriorityRange range = TRY(priorities_of(kind));
    if (kind == SCHED_DEADLINE || priority < range.lowest || priority > range.highest) {
        return fail(Errc::invalid_argument);
    }
    return SchedulingClass{static_cast<std::uint8_t>(kind), static_cast<std::uint8_t>(priority),
                           (policy & SCHED_RESET_ON_FORK) != 0};
}

/// How much of a CPU it takes, in parts of 2^20.
[[nodiscard]] constexpr std::uint64_t bandwidth_of(const sched::Reservation& r) noexcept {
    return r.is_any() ? static_cast<std::uint64_t>(sched::divided(
                            r.runtime.count() << 20, static_cast<std::uint32_t>(r.period.count())))
                      : 0;
}
/// What reservations may take together of `cpus`: 95 %, so that somebody can still end them.
[[nodiscard]] constexpr std::uint64_t most_bandwidth(std::uint32_t cpus) noexcept {
    return std::uint64_t{cpus} * (1U << 20) / 20 * 19;
}

/// A class with a reservation, in nanoseconds; a period of zero is the deadline. Error:
/// invalid_argument, also for less than a microsecond of runtime, or periods that are shorter than
/// 100 microseconds or longer than 4 seconds.
[[nodiscard]] constexpr Result<SchedulingClass> deadline_class(std::uint64_t runtime,
                                                               std::uint64_t deadline,
                                                               std::uint64_t period) noexcept {
    constexpr std::uint64_t least_runtime = 1024, least_period = 100'000;
    constexpr std::uint64_t longest_period = (std::uint64_t{1} << 22) * 1000;
    const std::uint64_t wanted = period == 0 ? deadline : period;
    if (runtime < least_runtime || runtime > deadline || deadline > wanted ||
        wanted < least_period || wanted > longest_period) {
        return fail(Errc::invalid_argument);
    }
    const auto of = [](std::uint64_t ns) {
        return Duration::nanoseconds(static_cast<std::int64_t>(ns));
    };
    return SchedulingClass{.policy = SCHED_DEADLINE,
                           .reservation = {of(runtime), of(deadline), of(wanted)}};
}

struct ClassChange {
    SchedulingClass from, to;
    std::int32_t nice = 0;              ///< of the target
    std::uint64_t nice_limit = 0;       ///< RLIMIT_NICE of the target
    std::uint64_t real_time_limit = 0;  ///< RLIMIT_RTPRIO of the target
};
/// Error: not_permitted.
[[nodiscard]] constexpr Status may_reschedule(const IdTriple& caller, const IdTriple& target,
                                              const ClassChange& change) noexcept {
    if (caller.effective == 0) {
        return {};
    }
    const bool leaves_idle = change.from.policy == SCHED_IDLE && change.to.policy != SCHED_IDLE;
    const bool exceeds_limit =
        change.to.is_real_time() &&
        ((change.to.policy != change.from.policy && change.real_time_limit == 0) ||
         (change.to.priority > change.from.priority &&
          change.to.priority > change.real_time_limit));
    const bool forgets_reset = change.from.reset_on_fork && !change.to.reset_on_fork;
    if (!may_schedule(caller, target) || exceeds_limit || forgets_reset ||
        change.to.is_deadline() || (leaves_idle && !allows_nice(change.nice_limit, change.nice))) {
        return fail(Errc::not_permitted);
    }
    return {};
}

/// What a proportional-share policy gives, by nice value from -20 on: each step is worth about 10 %
/// of the CPU. Linux's numbers, which are nearly powers of 1.25.
inline constexpr std::array<std::uint32_t, 40> weights{
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,  //
    9548,  7620,  6100,  4904,  3906,  3121,  2501,  1991,  1586,  1277,   //
    1024,  820,   655,   526,   423,   335,   272,   215,   172,   137,    //
    110,   87,    70,    56,    45,    36,    29,    23,    18,    15,
};
/// A real-time class has more than the best of them, and SCHED_IDLE less than the worst.
[[nodiscard]] constexpr std::uint32_t weight_of(const SchedulingClass& what,
                                                std::int32_t nice) noexcept {
    return what.policy == SCHED_IDLE ? 3
           : what.is_real_time() || what.is_deadline()
               ? 2 * weights.front()
               : weights[static_cast<std::size_t>(nice - lowest_nice)];
}

/// The level that a fixed-priority policy gives, of sched::Priority: ordinary processes share the
/// default one, whatever their nice values, and real-time ones are above it.
[[nodiscard]] constexpr std::uint8_t level_of(const SchedulingClass& what) noexcept {
    constexpr unsigned ordinary = 31, levels_above = 31, priorities = 99;
    if (what.policy == SCHED_IDLE) {
        return 0;
    }
    if (what.is_deadline()) {
        return sched::Priority::levels - 1;
    }
    return static_cast<std::uint8_t>(
        what.is_real_time() ? ordinary + 1 + what.priority * levels_above / priorities : ordinary);
}

/// What the scheduler goes by.
[[nodiscard]] constexpr sched::SchedulingParameters scheduling_parameters(
    const SchedulingClass& what, std::int32_t nice) noexcept {
    return {.priority = sched::Priority(level_of(what)),
            .weight = weight_of(what, nice),
            .nice = static_cast<std::int8_t>(nice),
            .reservation = what.reservation,
            .runs_on = what.policy == SCHED_FIFO};
}

}  // namespace kidney::proc
