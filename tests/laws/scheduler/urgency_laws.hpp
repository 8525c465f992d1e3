/// Of policies that know whose running matters more (kidney/sched/refinements.hpp,
/// `LendsUrgency`). The others keep it by doing nothing.
#pragma once

#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "tests/laws/report.hpp"
#include "tests/laws/scheduler/arena.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kidney::laws {

template <sched::SchedulerPolicy P>
struct LentUrgency {
    static constexpr const char* text =
        "lent urgency: it is the larger of its own and what it was lent; it counts at once, "
        "queued or running, and nothing of it stays when it is taken back";
    static void check(Report& report, SchedulerArena& arena) noexcept {
        if constexpr (sched::LendsUrgency<P>) {
            for (std::size_t i = 0; i < SchedulerArena::count; ++i) {
                to_a_queued_one(report, arena, i);
            }
            to_the_running_one(report, arena);
        }
    }

private:
    using Entity = sched::Entity;
    using Urgency = sched::Urgency;

    /// All have urgencies, most of them different, by whatever the policy goes.
    static void fill(SchedulerArena& arena, Subject<P>& policy) noexcept {
        arena.reset();
        for (std::size_t i = 0; i < SchedulerArena::count; ++i) {
            Entity& e = arena.entity(i);
            const Duration period =
                Duration::milliseconds(20 + static_cast<std::int64_t>(i * 7 % 16));
            e.reservation = {Duration::milliseconds(1), period, period};
            policy.enqueue(e, sched::EnqueueReason::started, step_time(1));
            if constexpr (!sched::traits_of<P>().takes_reservations) {
                // Where it comes from what one did.
                policy.remove(e);
                static_cast<void>(
                    policy.charge(e, Duration::milliseconds(static_cast<std::int64_t>(i % 4) * 50),
                                  step_time(1)));
            }
        }
        for (std::size_t i = 0; i < SchedulerArena::count; ++i) {
            if (!arena.entity(i).queued) {
                policy.enqueue(arena.entity(i), sched::EnqueueReason::woken, step_time(1));
            }
        }
    }
    static Urgency most_urgent(const SchedulerArena& arena, const Subject<P>& policy) noexcept {
        Urgency most = Urgency::none;
        for (const Entity& e : arena.entities) {
            most = std::max(most, policy.urgency(e));
        }
        return most;
    }

    static void to_a_queued_one(Report& report, SchedulerArena& arena, std::size_t i) noexcept {
        Subject<P> policy;
        fill(arena, policy);
        Entity& debtor = arena.entity(i);
        const Urgency own = policy.urgency(debtor);
        const Urgency most = most_urgent(arena, policy);
        policy.lend(debtor, Urgency::none, step_time(1));
        LAW_CHECK(report, policy.urgency(debtor) == own);
        policy.lend(debtor, most, step_time(1));
        LAW_CHECK(report, debtor.lent == most);
        LAW_CHECK(report, policy.urgency(debtor) == most);
        LAW_CHECK(report, debtor.queued && policy.size() == SchedulerArena::count);
        if (i % 2 == 0) {
            policy.lend(debtor, Urgency::none, step_time(1));
            LAW_CHECK(report, policy.urgency(debtor) == own);
        }
        // Whoever comes has no less urgency than all that are left.
        bool all_came = true;
        for (std::size_t left = SchedulerArena::count; left != 0; --left) {
            const Urgency first = most_urgent_queued(arena, policy);
            const Entity* const picked = policy.pick_next(step_time(1));
            LAW_CHECK(report, picked != nullptr && policy.urgency(*picked) == first);
            all_came = all_came && picked != nullptr;
        }
        LAW_CHECK(report, all_came && policy.size() == 0);
    }
    static Urgency most_urgent_queued(const SchedulerArena& arena,
                                      const Subject<P>& policy) noexcept {
        Urgency most = Urgency::none;
        for (const Entity& e : arena.entities) {
            most = e.queued ? std::max(most, policy.urgency(e)) : most;
        }
        return most;
    }

    static void to_the_running_one(Report& report, SchedulerArena& arena) noexcept {
        Subject<P> policy;
        fill(arena, policy);
        Entity* const first = policy.pick_next(step_time(1));
        Entity* running = first;
        while (running != nullptr && policy.urgency(*running) == policy.urgency(*first)) {
            running = policy.pick_next(step_time(1));
        }
        LAW_CHECK(report, running != nullptr);
        if (running == nullptr) {
            return;  // all the same: a policy that has nothing to lend should not offer it
        }
        policy.enqueue(*first, sched::EnqueueReason::woken, step_time(1));
        LAW_CHECK(report, policy.preempts(*first, *running));
        policy.lend(*running, policy.urgency(*first), step_time(1));
        LAW_CHECK(report, !policy.preempts(*first, *running));
        LAW_CHECK(report, !policy.preempts(*running, *first));
        LAW_CHECK(report, !running->queued);
        policy.lend(*running, Urgency::none, step_time(1));
        LAW_CHECK(report, policy.preempts(*first, *running));
        LAW_CHECK(report,
                  policy.charge(*running, Duration(), step_time(1)) == sched::TickVerdict::preempt);
    }
};

}  // namespace kidney::laws
