/// The laws of `sched::SchedulerPolicy`, for every policy, on the host and in the kernel: here S1
/// to S7, what single calls do; in scheduler/ what comes of many, and what a policy claims.
///
/// Each check() works on its own fresh policy, so it asks only for the type. The entities live in
/// the caller's `SchedulerArena`.
#pragma once

#include "kidney/sched/policy.hpp"
#include "tests/laws/report.hpp"
#include "tests/laws/scheduler/arena.hpp"
#include "tests/laws/scheduler/promise_laws.hpp"
#include "tests/laws/scheduler/turn_laws.hpp"
#include "tests/laws/scheduler/urgency_laws.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::laws {

namespace detail {

inline constexpr std::size_t scheduler_steps = 400;

/// One random legal call on entity `i` of the dice. `inside` is the set that the policy must hold.
/// Returns what was picked, if the call was pick_next.
template <sched::SchedulerPolicy P>
sched::Entity* random_step(P& policy, SchedulerArena& arena, bool twin, std::uint32_t& inside,
                           std::uint32_t dice, std::size_t step) noexcept {
    const std::size_t i = (dice >> 8) % SchedulerArena::count;
    const std::uint32_t bit = 1U << i;
    sched::Entity& entity = twin ? arena.twin(i) : arena.entity(i);
    switch (dice % 4) {
        case 0:
        case 1:
            if ((inside & bit) == 0) {
                policy.enqueue(entity,
                               (dice >> 16) % 4 == 0 ? sched::EnqueueReason::started
                                                     : sched::EnqueueReason::woken,
                               step_time(step));
                inside |= bit;
            }
            return nullptr;
        case 2:
            if ((inside & bit) != 0) {
                policy.remove(entity);
                inside &= ~bit;
            }
            return nullptr;
        default:
            return policy.pick_next(step_time(step));
    }
}

inline std::size_t population(std::uint32_t inside) noexcept {
    return static_cast<std::size_t>(__builtin_popcount(inside));
}

}  // namespace detail

template <sched::SchedulerPolicy P>
struct S1 {
    static constexpr const char* text =
        "S1 pick_next() returns exactly what was enqueued and not removed, each once";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        arena.reset();
        Subject<P> policy;
        Random random(scheduler_seed);
        std::uint32_t inside = 0;
        for (std::size_t step = 0; step < detail::scheduler_steps; ++step) {
            sched::Entity* const picked =
                detail::random_step(policy, arena, false, inside, random.next(), step);
            take(report, inside, picked);
        }
        for (std::size_t left = detail::population(inside); left != 0; --left) {
            take(report, inside, policy.pick_next(Instant()));
        }
        LAW_CHECK(report, inside == 0);
        LAW_CHECK(report, policy.pick_next(Instant()) == nullptr);
    }

private:
    static void take(Report& report, std::uint32_t& inside, sched::Entity* picked) noexcept {
        if (picked == nullptr) {
            return;
        }
        const std::uint32_t bit = 1U << (picked->id - 1);
        LAW_CHECK(report, (inside & bit) != 0);
        LAW_CHECK(report, !picked->queued);
        inside &= ~bit;
    }
};

template <sched::SchedulerPolicy P>
struct S2 {
    static constexpr const char* text =
        "S2 pick_next() returns nullptr only when nothing is queued";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        arena.reset();
        Subject<P> policy;
        LAW_CHECK(report, policy.pick_next(Instant()) == nullptr);
        Random random(scheduler_seed + 2);
        std::uint32_t inside = 0;
        for (std::size_t step = 0; step < detail::scheduler_steps; ++step) {
            const std::uint32_t dice = random.next();
            sched::Entity* const picked =
                detail::random_step(policy, arena, false, inside, dice, step);
            if (dice % 4 == 3) {
                LAW_CHECK(report, (picked == nullptr) == (inside == 0));
            }
            if (picked != nullptr) {
                inside &= ~(1U << (picked->id - 1));
            }
        }
    }
};

template <sched::SchedulerPolicy P>
struct S3 {
    static constexpr const char* text = "S3 size() counts the queued entities";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        arena.reset();
        Subject<P> policy;
        LAW_CHECK(report, policy.size() == 0);
        Random random(scheduler_seed + 3);
        std::uint32_t inside = 0;
        for (std::size_t step = 0; step < detail::scheduler_steps; ++step) {
            if (sched::Entity* const picked =
                    detail::random_step(policy, arena, false, inside, random.next(), step)) {
                inside &= ~(1U << (picked->id - 1));
            }
            LAW_CHECK(report, policy.size() == detail::population(inside));
        }
        for (std::size_t i = 0; i < SchedulerArena::count; ++i) {
            LAW_CHECK(report, arena.entities[i].queued == ((inside >> i & 1U) != 0));
        }
    }
};

template <sched::SchedulerPolicy P>
struct S4 {
    static constexpr const char* text =
        "S4 the same calls give the same answers, wherever the entities live";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        arena.reset();
        Subject<P> first;
        Subject<P> second;
        Random random(scheduler_seed + 4);
        std::uint32_t inside = 0;
        std::uint32_t inside_twin = 0;
        for (std::size_t step = 0; step < detail::scheduler_steps; ++step) {
            const std::uint32_t dice = random.next();
            sched::Entity* const a = detail::random_step(first, arena, false, inside, dice, step);
            sched::Entity* const b =
                detail::random_step(second, arena, true, inside_twin, dice, step);
            LAW_CHECK(report, (a == nullptr) == (b == nullptr));
            const std::size_t i = (dice >> 16) % SchedulerArena::count;
            const std::size_t j = (dice >> 24) % SchedulerArena::count;
            LAW_CHECK(report, first.preempts(arena.entity(i), arena.entity(j)) ==
                                  second.preempts(arena.twin(i), arena.twin(j)));
            if (a == nullptr || b == nullptr) {
                continue;
            }
            LAW_CHECK(report, a->id == b->id);
            const Duration ran = Duration::nanoseconds(random.below(20'000'000));
            LAW_CHECK(report, first.charge(*a, ran, step_time(step)) ==
                                  second.charge(*b, ran, step_time(step)));
            inside &= ~(1U << (a->id - 1));
            inside_twin &= ~(1U << (b->id - 1));
        }
    }
};

template <sched::SchedulerPolicy P>
struct S5 {
    static constexpr const char* text =
        "S5 remove() takes out any queued entity and keeps the order of the others (but for lots)";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        for (std::size_t victim = 0; victim < SchedulerArena::count; ++victim) {
            arena.reset();
            Subject<P> whole;
            Subject<P> without;
            for (std::size_t i = 0; i < SchedulerArena::count; ++i) {
                whole.enqueue(arena.entities[i], sched::EnqueueReason::woken, step_time(i));
                without.enqueue(arena.twin(i), sched::EnqueueReason::woken, step_time(i));
            }
            without.remove(arena.twin(victim));
            LAW_CHECK(report, !arena.twin(victim).queued);
            std::uint32_t others = 0;
            for (std::size_t left = SchedulerArena::count; left != 0; --left) {
                sched::Entity* const expected = whole.pick_next(Instant());
                if (expected == nullptr || expected->id == victim + 1) {
                    continue;
                }
                sched::Entity* const other = without.pick_next(Instant());
                if constexpr (!sched::traits_of<P>().draws_lots) {
                    LAW_CHECK(report, other != nullptr && other->id == expected->id);
                }
                others |= other != nullptr ? 1U << (other->id - 1) : 0;
            }
            const std::uint32_t all_but_victim =
                ((1U << SchedulerArena::count) - 1) & ~(1U << victim);
            LAW_CHECK(report, others == all_but_victim);
            LAW_CHECK(report, without.size() == 0);
        }
    }
};

template <sched::SchedulerPolicy P>
struct S6 {
    static constexpr const char* text =
        "S6 charge() preempts only if something is queued, and in the end if it is an equal";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        arena.reset();
        Subject<P> policy;
        sched::Entity& running = arena.entities[0];
        policy.enqueue(running, sched::EnqueueReason::started, Instant());
        LAW_CHECK(report, policy.pick_next(Instant()) == &running);
        for (std::size_t step = 1; step < 100; ++step) {
            LAW_CHECK(report,
                      policy.charge(running, Duration::milliseconds(5), step_time(step * 5)) ==
                          sched::TickVerdict::keep_running);
        }
        // An equal must not wait forever for a thread that never sleeps.
        sched::Entity& equal = arena.entities[1];
        equal.priority = running.priority;
        equal.weight = running.weight;
        policy.enqueue(equal, sched::EnqueueReason::woken, step_time(500));
        bool preempted = false;
        for (std::size_t step = 100; step < 2000 && !preempted; ++step) {
            preempted = policy.charge(running, Duration::milliseconds(5), step_time(step * 5)) ==
                        sched::TickVerdict::preempt;
        }
        LAW_CHECK(report, preempted || sched::traits_of<P>().run_to_completion);
    }
};

template <sched::SchedulerPolicy P>
struct S7 {
    static constexpr const char* text =
        "S7 preempts() is irreflexive, never for an equal that ran as little, and has no effect";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        arena.reset();
        Subject<P> policy;
        for (std::size_t i = 2; i < SchedulerArena::count; ++i) {
            policy.enqueue(arena.entities[i], sched::EnqueueReason::started, step_time(i));
        }
        const std::size_t before = policy.size();
        for (const sched::Entity& e : arena.entities) {
            LAW_CHECK(report, !policy.preempts(e, e));
            const bool answer = policy.preempts(e, arena.entities[0]);
            LAW_CHECK(report, policy.preempts(e, arena.entities[0]) == answer);
            LAW_CHECK(report, !(answer && policy.preempts(arena.entities[0], e)));
        }
        LAW_CHECK(report, policy.size() == before);
        neither_of_two_equals(report, arena, 0);
        neither_of_two_equals(report, arena, 1);
    }

private:
    static void neither_of_two_equals(Report& report, SchedulerArena& arena,
                                      std::size_t first) noexcept {
        arena.reset_equal();
        Subject<P> policy;
        policy.enqueue(arena.entity(first), sched::EnqueueReason::started, step_time(1));
        policy.enqueue(arena.entity(1 - first), sched::EnqueueReason::started, step_time(1));
        sched::Entity* const running = policy.pick_next(step_time(1));
        LAW_CHECK(report, running != nullptr);
        if (running != nullptr) {
            LAW_CHECK(report, !policy.preempts(arena.entity(2 - running->id), *running));
        }
    }
};

template <sched::SchedulerPolicy P>
using SchedulerPolicyLaws =
    TypeList<S1<P>, S2<P>, S3<P>, S4<P>, S5<P>, S6<P>, S7<P>, S8<P>, S9<P>, S10<P>, S11<P>,
             RunToCompletion<P>, StrictPriority<P>, FreshSlices<P>, SharesByWeight<P>,
             NobodyStarves<P>, LentUrgency<P>>;

}  // namespace kidney::laws
