/// S8 to S10 of `sched::SchedulerPolicy`: what becomes of entities over seconds, on one CPU and
/// between two.
#pragma once

#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "tests/laws/report.hpp"
#include "tests/laws/scheduler/arena.hpp"
#include "tests/laws/scheduler/one_cpu.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::laws {

template <sched::SchedulerPolicy P>
struct S8 {
    static constexpr const char* text =
        "S8 of equals that want to run each gets its turn, also when others wake up, begin, or "
        "come "
        "from other CPUs";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        if constexpr (!sched::traits_of<P>().run_to_completion) {
            all_compute(report, arena);
            one_sleeps_often(report, arena);
            for (const std::size_t run : {1U, 4U, 9U, 19U}) {
                one_sleeps_in_time(report, arena, run);
            }
            for (const Arrival how : {Arrival::woken_late, Arrival::started_late, Arrival::stolen,
                                      Arrival::woken_elsewhere, Arrival::stolen_from_the_young}) {
                one_joins(report, arena, how);
            }
        }
    }

private:
    enum class Arrival : std::uint8_t {
        woken_late,
        started_late,
        stolen,
        woken_elsewhere,
        stolen_from_the_young,
    };
    static constexpr std::size_t second = 1000;

    /// A share of `total` milliseconds, roughly: lots are lots, and levels are coarse.
    static void expect_share(Report& report, std::size_t served, std::size_t total,
                             std::size_t sharers) noexcept {
        LAW_CHECK(report, served >= total / sharers / 3);
        LAW_CHECK(report, served <= total * 3 / sharers / 2 + total / 10);
    }
    static void all_compute(Report& report, SchedulerArena& arena) noexcept {
        arena.reset_equal();
        OneCpu<P> cpu;
        constexpr std::size_t n = 8;
        for (std::size_t i = 0; i < n; ++i) {
            cpu.start(arena.entity(i));
        }
        cpu.run(n * second);
        for (std::size_t i = 0; i < n; ++i) {
            expect_share(report, cpu.served(arena.entity(i)), n * second, n);
        }
    }
    /// Three compute; a fourth wants a millisecond out of twenty, and must neither starve nor get
    /// in the way.
    static void one_sleeps_often(Report& report, SchedulerArena& arena) noexcept {
        arena.reset_equal();
        OneCpu<P> cpu;
        sched::Entity& sleeper = arena.entity(0);
        for (std::size_t i = 0; i < 4; ++i) {
            cpu.start(arena.entity(i));
        }
        std::size_t slept = 0;
        bool asleep = false;
        for (std::size_t ms = 0; ms < 6 * second; ++ms) {
            if (asleep && ++slept == 19) {
                cpu.wake(sleeper);
                asleep = false;
            }
            if (cpu.step() == &sleeper && cpu.is_running(sleeper)) {
                cpu.block();
                asleep = true;
                slept = 0;
            }
        }
        LAW_CHECK(report, cpu.served(sleeper) >= 60);
        for (std::size_t i = 1; i < 4; ++i) {
            expect_share(report, cpu.served(arena.entity(i)), 6 * second, 3);
        }
    }
    /// Sleeping just before the slice would end is no way to get more than one's share.
    static void one_sleeps_in_time(Report& report, SchedulerArena& arena,
                                   std::size_t run) noexcept {
        arena.reset_equal();
        OneCpu<P> cpu;
        sched::Entity& gamer = arena.entity(0);
        cpu.start(gamer);
        cpu.start(arena.entity(1));
        std::size_t ran = 0;
        bool asleep = false;
        for (std::size_t ms = 0; ms < 10 * second; ++ms) {
            if (asleep) {
                cpu.wake(gamer);
                asleep = false;
            }
            ran += cpu.step() == &gamer ? 1 : 0;
            if (ran >= run && cpu.is_running(gamer)) {
                cpu.block();
                asleep = true;
                ran = 0;
            }
        }
        LAW_CHECK(report, cpu.served(gamer) <= 6500);
    }
    /// Three have computed for a while when another one comes and computes as well.
    static void one_joins(Report& report, SchedulerArena& arena, Arrival how) noexcept {
        arena.reset_equal();
        OneCpu<P> cpu;
        OneCpu<P> other({.cpu = CpuId(1)});
        sched::Entity& late = arena.entity(3);
        if (how == Arrival::woken_late || how == Arrival::woken_elsewhere) {
            OneCpu<P>& first = how == Arrival::woken_late ? cpu : other;
            first.start(late);
            first.run(how == Arrival::woken_late ? 1 : 40 * second);
            first.block();
        }
        const bool from_the_old = how == Arrival::stolen;
        if (from_the_old || how == Arrival::stolen_from_the_young) {
            other.start(arena.entity(4));
            other.start(late);
            other.run(from_the_old ? 40 * second : 1);
            if (other.is_running(late)) {
                other.yield();
            }
            if (other.is_running(late)) {
                return;  // drawn again; nobody queued is `late`
            }
        }
        for (std::size_t i = 0; i < 3; ++i) {
            cpu.start(arena.entity(i));
        }
        cpu.run(30 * second);
        switch (how) {
            case Arrival::woken_late:
                cpu.wake(late);
                break;
            case Arrival::started_late:
                cpu.start(late);
                break;
            case Arrival::stolen:
            case Arrival::stolen_from_the_young:
                LAW_CHECK(report, cpu.steal_from(other) == &late);
                break;
            case Arrival::woken_elsewhere:
                cpu.wake_from(other, late);
                break;
        }
        cpu.forget_served();
        cpu.run(10 * second);
        for (std::size_t i = 0; i < 4; ++i) {
            expect_share(report, cpu.served(arena.entity(i)), 10 * second, 4);
        }
    }
};

template <sched::SchedulerPolicy P>
struct S9 {
    static constexpr const char* text =
        "S9 whoever yields is not picked next if an equal waits that ran as little, but for lots";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        if constexpr (!sched::traits_of<P>().draws_lots) {
            arena.reset_equal();
            OneCpu<P> cpu;
            for (std::size_t i = 0; i < 3; ++i) {
                cpu.start(arena.entity(i));
            }
            for (std::size_t turn = 0; turn < 100; ++turn) {
                const sched::Entity* const before = cpu.yield();
                LAW_CHECK(report, before != nullptr && cpu.running() != before);
            }
        }
    }
};

template <sched::SchedulerPolicy P>
struct S11 {
    static constexpr const char* text =
        "S11 another CPU gets one that it takes if there is one, and nobody else";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        for (std::size_t only = 0; only < waiting; ++only) {
            arena.reset();
            Subject<P> policy;
            for (std::size_t i = 0; i < waiting; ++i) {
                sched::Entity& e = arena.entity(i);
                e.allowed = CpuSet(i == only || i % 2 == 0 ? 3 : 1);
                e.weight = i == only ? 500 : 600 + static_cast<std::uint32_t>(i);
                policy.enqueue(e, sched::EnqueueReason::started, step_time(1));
            }
            const sched::Taker choosy{.cpu = CpuId(1), .most_weight = 599};
            LAW_CHECK(report, give(policy, choosy) == &arena.entity(only));
            LAW_CHECK(report, give(policy, choosy) == nullptr);
            for (std::size_t i = 0; i < waiting; ++i) {  // more than may go
                const sched::Entity* const e = give(policy, {CpuId(1)});
                LAW_CHECK(report, e == nullptr ||
                                      (e->allowed.contains(CpuId(1)) && e != &arena.entity(only)));
            }
            std::size_t left = 0;
            for (; left < waiting && policy.pick_next(step_time(1)) != nullptr; ++left) {
            }
            LAW_CHECK(report, left == waiting / 2 - only % 2);
        }
    }

private:
    static constexpr std::size_t waiting = 10;
    static sched::Entity* give(Subject<P>& policy, const sched::Taker& taker) noexcept {
        return sched::or_default::give_away<P>(policy, taker, step_time(1));
    }
};

template <sched::SchedulerPolicy P>
struct S10 {
    static constexpr const char* text =
        "S10 nobody gets lost when entities sleep, wake, yield, move between CPUs, end, and change";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        arena.reset();
        for (sched::Entity& e : arena.entities) {
            e.weight = 1024;
        }
        std::array<OneCpu<P>, 2> cpus{OneCpu<P>({.cpu = CpuId(0), .seed = 1}),
                                      OneCpu<P>({.cpu = CpuId(1), .seed = 2})};
        std::array<State, SchedulerArena::count> states{};
        Random random(scheduler_seed + 10);
        for (std::size_t round = 0; round < 4000; ++round) {
            step(arena, cpus, states, random.next());
            std::array<std::size_t, 2> expected{};
            for (const State& s : states) {
                expected[s.cpu] += s.is_runnable ? 1 : 0;
            }
            LAW_CHECK(report, cpus[0].population() == expected[0]);
            LAW_CHECK(report, cpus[1].population() == expected[1]);
        }
        for (std::size_t cpu = 0; cpu < 2; ++cpu) {
            std::size_t left = cpus[cpu].population();
            while (left != 0) {
                const sched::Entity* const e = cpus[cpu].exit();
                LAW_CHECK(report, e != nullptr && states[e->id - 1].is_runnable &&
                                      states[e->id - 1].cpu == cpu);
                if (e != nullptr) {
                    states[e->id - 1].is_runnable = false;
                }
                --left;
            }
        }
        for (const State& s : states) {
            LAW_CHECK(report, !s.is_runnable);
        }
    }

private:
    struct State {
        bool exists = false;
        bool is_runnable = false;
        std::size_t cpu = 0;
    };
    using Cpus = std::array<OneCpu<P>, 2>;
    using States = std::array<State, SchedulerArena::count>;

    static void step(SchedulerArena& arena, Cpus& cpus, States& states,
                     std::uint32_t dice) noexcept {
        const std::size_t i = (dice >> 8) % SchedulerArena::count;
        const std::size_t here = dice >> 4 & 1;
        OneCpu<P>& cpu = cpus[here];
        sched::Entity& entity = arena.entities[i];
        State& state = states[i];
        switch (dice % 8) {
            case 0:
            case 1:
                if (!state.exists) {
                    cpu.start(entity);
                    state = {true, true, here};
                } else if (!state.is_runnable) {
                    if (state.cpu == here) {
                        cpu.wake(entity);
                    } else {
                        cpu.wake_from(cpus[state.cpu], entity);
                    }
                    state = {true, true, here};
                }
                break;
            case 2:
            case 3:
                if (const sched::Entity* const e = dice % 8 == 2 ? cpu.block() : cpu.exit()) {
                    states[e->id - 1].is_runnable = false;
                    states[e->id - 1].exists = dice % 8 == 2;
                }
                break;
            case 4:
                static_cast<void>(cpu.yield());
                break;
            case 5:
                if (const sched::Entity* const e = cpu.steal_from(cpus[1 - here])) {
                    states[e->id - 1].cpu = here;
                }
                break;
            case 6:
                if (state.exists) {
                    cpus[state.cpu].change(entity, [dice](sched::SchedulingParameters& p) {
                        p.priority = sched::Priority(static_cast<std::uint8_t>(dice >> 16 & 63));
                        p.weight = 3 + (dice >> 22 & 0xFFF);
                        p.nice = static_cast<std::int8_t>(static_cast<int>(dice >> 16 & 31) - 12);
                    });
                }
                break;
            default:
                cpus[0].run(1 + (dice >> 16 & 15));
                cpus[1].run(1 + (dice >> 16 & 15));
                break;
        }
    }
};

}  // namespace kidney::laws
