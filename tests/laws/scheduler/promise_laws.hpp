/// What a policy claims in its traits binds it (kidney/sched/policy.hpp, `PolicyTraits`). Without
/// the claim such a law is kept by doing nothing.
#pragma once

#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "tests/laws/report.hpp"
#include "tests/laws/scheduler/arena.hpp"
#include "tests/laws/scheduler/one_cpu.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::laws {

template <sched::SchedulerPolicy P>
struct RunToCompletion {
    static constexpr const char* text =
        "run_to_completion: an equal waits until the running one sleeps";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        if constexpr (sched::traits_of<P>().run_to_completion) {
            arena.reset_equal();
            OneCpu<P> cpu;
            for (std::size_t i = 0; i < 4; ++i) {
                cpu.start(arena.entity(i));
            }
            for (std::size_t i = 0; i < 4; ++i) {
                const sched::Entity* const first = cpu.running();
                cpu.run(2500);
                LAW_CHECK(report, first != nullptr && cpu.is_running(*first));
                cpu.exit();
            }
        }
    }
};

template <sched::SchedulerPolicy P>
struct StrictPriority {
    static constexpr const char* text =
        "strict_priority: nobody runs while somebody with a higher priority is queued; equals come "
        "in their order";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        if constexpr (sched::traits_of<P>().strict_priority) {
            picks_the_highest(report, arena);
            arrivals_preempt(report, arena);
        }
    }

private:
    static void picks_the_highest(Report& report, SchedulerArena& arena) noexcept {
        arena.reset();
        Subject<P> policy;
        std::array<std::size_t, SchedulerArena::count> came{};
        Random random(scheduler_seed + 20);
        std::uint32_t inside = 0;
        for (std::size_t step = 1; step < 2000; ++step) {
            const std::uint32_t dice = random.next();
            const std::size_t i = (dice >> 8) % SchedulerArena::count;
            if ((inside >> i & 1U) == 0) {
                // Few levels, so that there are ties.
                arena.entities[i].priority =
                    sched::Priority(static_cast<std::uint8_t>((dice >> 16) % 4 * 21));
                policy.enqueue(arena.entities[i], sched::EnqueueReason::woken, step_time(step));
                came[i] = step;
                inside |= 1U << i;
            } else {
                sched::Entity* const picked = policy.pick_next(step_time(step));
                const std::size_t best = first_of_the_highest(arena, inside, came);
                LAW_CHECK(report, picked == &arena.entities[best]);
                inside &= ~(picked == nullptr ? 0 : 1U << (picked->id - 1));
            }
        }
    }
    static std::size_t first_of_the_highest(
        const SchedulerArena& arena, std::uint32_t inside,
        const std::array<std::size_t, SchedulerArena::count>& came) noexcept {
        std::size_t best = SchedulerArena::count;
        for (std::size_t i = 0; i < SchedulerArena::count; ++i) {
            if ((inside >> i & 1U) == 0) {
                continue;
            }
            const bool better = best == SchedulerArena::count ||
                                arena.entities[i].priority > arena.entities[best].priority ||
                                (arena.entities[i].priority == arena.entities[best].priority &&
                                 came[i] < came[best]);
            best = better ? i : best;
        }
        return best;
    }
    static void arrivals_preempt(Report& report, SchedulerArena& arena) noexcept {
        arena.reset_equal();
        OneCpu<P> cpu;
        for (std::size_t i = 0; i < SchedulerArena::count; ++i) {
            const auto level = static_cast<std::uint8_t>(i % 2 == 0 ? 20 + i : 20 - i / 2);
            arena.entity(i).priority = sched::Priority(level);
            cpu.start(arena.entity(i));
            LAW_CHECK(report, cpu.running() == &arena.entity(i & ~std::size_t{1}));
            cpu.step();
            LAW_CHECK(report, cpu.running() == &arena.entity(i & ~std::size_t{1}));
        }
        // Urgency that changes counts at once, at the next charge.
        sched::Entity& risen = arena.entity(1);
        cpu.change(risen, [](sched::SchedulingParameters& p) { p.priority = sched::Priority(63); });
        cpu.step();
        LAW_CHECK(report, cpu.is_running(risen));
        cpu.change(risen, [](sched::SchedulingParameters& p) { p.priority = sched::Priority(0); });
        cpu.step();
        LAW_CHECK(report, !cpu.is_running(risen));
    }
};

template <sched::SchedulerPolicy P>
struct FreshSlices {
    static constexpr const char* text =
        "fresh_slices: whoever is picked has a whole slice, whatever it did before";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        if constexpr (sched::traits_of<P>().fresh_slices) {
            arena.reset_equal();
            OneCpu<P> cpu;
            cpu.start(arena.entity(0));
            cpu.start(arena.entity(1));
            const std::size_t whole = turn(cpu);
            LAW_CHECK(report, whole != 0 && whole <= 1000);
            for (std::size_t used = 1; used < whole && report.passed(); ++used) {
                cpu.run(used);
                sched::Entity* const slept = cpu.block();
                LAW_CHECK(report, slept != nullptr);
                if (slept == nullptr) {
                    return;
                }
                cpu.run(1);
                cpu.wake(*slept);
                for (std::size_t ms = 0; ms < 10'000 && !cpu.is_running(*slept); ++ms) {
                    cpu.step();
                }
                LAW_CHECK(report, turn(cpu) == whole);
                static_cast<void>(turn(cpu));
            }
        }
    }

private:
    /// How long it takes until somebody is picked.
    static std::size_t turn(OneCpu<P>& cpu) noexcept {
        static_cast<void>(cpu.running());
        std::size_t ms = 0;
        for (const std::size_t picks = cpu.picks(); cpu.picks() == picks && ms < 5000; ++ms) {
            cpu.step();
        }
        return ms;
    }
};

template <sched::SchedulerPolicy P>
struct SharesByWeight {
    static constexpr const char* text = "shares_by_weight: CPU time in proportion to weights";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        if constexpr (sched::traits_of<P>().shares_by_weight) {
            shares(report, arena, {1024, 2048, 4096, 8192}, 30'000);
            shares(report, arena, {15, 1024, 1024, 1024}, 100'000);
            shares(report, arena, {820, 1024, 1277, 1586}, 30'000);
        }
    }

private:
    static void shares(Report& report, SchedulerArena& arena,
                       const std::array<std::uint32_t, 4>& weights, std::size_t time) noexcept {
        arena.reset_equal();
        OneCpu<P> cpu;
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            arena.entity(i).weight = weights[i];
            sum += weights[i];
            cpu.start(arena.entity(i));
        }
        cpu.run(time);
        for (std::size_t i = 0; i < weights.size(); ++i) {
            const auto ideal = static_cast<std::int64_t>(time * weights[i] / sum);
            const std::int64_t error =
                static_cast<std::int64_t>(cpu.served(arena.entity(i))) - ideal;
            LAW_CHECK(report, error * error <= allowed_square(ideal, time));
        }
    }
    /// 1 % and what a slice may hold; of lots five standard deviations, drawn every 10 ms or so.
    static std::int64_t allowed_square(std::int64_t ideal, std::size_t time) noexcept {
        if constexpr (sched::traits_of<P>().draws_lots) {
            const auto all = static_cast<std::int64_t>(time);
            return 25 * 10 * (ideal * (all - ideal) / all + 10);
        } else {
            const std::int64_t slack = ideal / 100 + 40;
            return slack * slack;
        }
    }
};

template <sched::SchedulerPolicy P>
struct NobodyStarves {
    static constexpr const char* text =
        "nobody starves, unless the policy says may_starve: the least of all gets something";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        if constexpr (!sched::traits_of<P>().may_starve) {
            arena.reset_equal();
            OneCpu<P> cpu;
            sched::Entity& least = arena.entity(0);
            least.priority = sched::Priority(0);
            least.weight = 15;
            least.nice = 19;
            for (std::size_t i = 0; i < 5; ++i) {
                cpu.start(arena.entity(i));
            }
            // The others end and begin again all the time, and leave no gap.
            sched::Entity* ended = nullptr;
            for (std::size_t turn = 0; turn < 15'000 && cpu.running() != nullptr; ++turn) {
                if (turn == 5000) {
                    cpu.forget_served();  // by now its first advantages are gone
                }
                if (!cpu.is_running(least)) {
                    sched::Entity* const ends = cpu.exit();
                    if (ended != nullptr) {
                        cpu.start(*ended);
                    }
                    ended = ends;
                }
                cpu.run(3);
            }
            LAW_CHECK(report, cpu.served(least) >= 10);
        }
    }
};

}  // namespace kidney::laws
