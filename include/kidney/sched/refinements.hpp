/// What a scheduler policy may have beside the contract, each with what engines do where it is
/// missing. A simple policy needs none of this.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/time.hpp"
#include "kidney/sched/policy.hpp"

#include <boost/intrusive/list.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::sched {

/// What an engine knows when it makes the policy of a CPU.
struct PolicySetup {
    CpuId cpu{0};
    std::uint64_t seed = 1;  ///< of whatever is drawn by lot
    Duration quantum{};      ///< zero: the policy's own

    [[nodiscard]] constexpr Duration quantum_or(Duration own) const noexcept {
        return quantum == Duration() ? own : quantum;
    }
};
/// Wants to know it. Without: default construction.
template <class P>
concept SetUpPolicy = std::constructible_from<P, PolicySetup>;

/// Keeps tables of all entities by their slots, which are below `capacity`; use_tables() takes over
/// what stood in the tables before. The engine makes room before an entity begins, where it can
/// still say no_memory. The memory is aligned to 8, and the engine's.
template <class P>
concept KeepsTables = requires(P& p, std::span<std::byte> memory, std::uint32_t capacity) {
    { P::table_bytes(capacity) } noexcept -> std::same_as<std::size_t>;
    { p.use_tables(memory, capacity) } noexcept -> std::same_as<void>;
};

/// Why the running entity does not go on.
enum class LeaveReason : std::uint8_t { blocked, exited };
/// Hears, after the last charge, that the running entity left. Without: it sees it when that
/// entity is enqueued again, or not.
template <class P>
concept HearsOfLeaving = requires(P& p, Entity& running, LeaveReason why, Instant now) {
    { p.leave(running, why, now) } noexcept -> std::same_as<void>;
};

/// A CPU that would take over a queued thread.
struct Taker {
    CpuId cpu;
    std::uint32_t most_weight = ~0U;

    [[nodiscard]] constexpr bool takes(const Entity& entity) const noexcept {
        return entity.allowed.contains(cpu) && entity.weight <= most_weight;
    }
    friend bool operator==(const Taker&, const Taker&) noexcept = default;
};
/// Says itself whom another CPU may take, of those it would take; null if there is none. Like
/// pick_next(), that one is then not queued. Without: the first of pick_next(), which is wrong for
/// whoever keeps a clock or draws lots.
template <class P>
concept GivesAway = requires(P& p, const Taker& taker, Instant now) {
    { p.give_away(taker, now) } noexcept -> std::same_as<Entity*>;
};

/// Keeps what it knows of an entity relative to the queue that the entity is in, as virtual time
/// is. move_out() is called at the queue that an entity leaves for another CPU's, asleep or just
/// given away; move_in() at the other, before it is enqueued there.
template <class P>
concept MovesState = requires(P& p, Entity& entity, Instant now) {
    { p.move_out(entity, now) } noexcept -> std::same_as<void>;
    { p.move_in(entity, now) } noexcept -> std::same_as<void>;
};

/// Hears of new parameters, queued or not: `entity` has them already, `old` are those before. A
/// queued entity keeps its place where that makes sense. Without: a queued one goes to the end.
template <class P>
concept Reconsiders = requires(P& p, Entity& entity, const SchedulingParameters& old, Instant now) {
    { p.reconsider(entity, old, now) } noexcept -> std::same_as<void>;
};

/// Knows whose running matters more, and lets an entity run with the urgency of those that wait for
/// it. urgency() is its own, or what it was lent if that is larger; `none` is the least there is.
/// lend() may come whether the entity is queued, runs or sleeps: it sets Entity::lent, and a queued
/// one goes to where it belongs then. Without: nobody lends, and whoever came first is woken first.
template <class P>
concept LendsUrgency =
    requires(P& p, const P& cp, Entity& entity, const Entity& other, Urgency lent, Instant now) {
        { cp.urgency(other) } noexcept -> std::same_as<Urgency>;
        { p.lend(entity, lent, now) } noexcept -> std::same_as<void>;
    };

/// Says when it wants to be asked again, by charge() of `running` or by replenish() if that is
/// null; a time that has passed means now. Without, or later than that: at the engine's tick.
template <class P>
concept LooksAgain = requires(const P& p, const Entity* running, Instant now) {
    { p.look_again(running, now) } noexcept -> std::same_as<Instant>;
};

/// Lets a CPU idle although somebody is queued, until there is something to spend again:
/// replenish() books the time, eligible() counts those of size() that may run.
template <class P>
concept Throttles = LooksAgain<P> && requires(P& p, const P& cp, Instant now) {
    { p.replenish(now) } noexcept -> std::same_as<void>;
    { cp.eligible() } noexcept -> std::same_as<std::size_t>;
};

/// Has slices of one length, for those who ask (sched_rr_get_interval). Without: zero.
template <class P>
concept FixedQuantum = requires {
    { P::default_quantum } -> std::convertible_to<Duration>;
};

/// Says how many keys one enqueue() and one pick_next() compare at most, if slots are below this;
/// benchmarks print it. Without: nothing is promised.
template <class P>
concept BoundsComparisons = requires(std::uint32_t slots) {
    { P::most_comparisons(slots) } noexcept -> std::same_as<std::uint32_t>;
};

/// The calls above to any policy.
namespace or_default {

template <SchedulerPolicy P>
[[nodiscard]] P make(const PolicySetup& setup) noexcept {
    if constexpr (SetUpPolicy<P>) {
        return P(setup);
    } else {
        return P();
    }
}

template <SchedulerPolicy P>
[[nodiscard]] constexpr std::size_t table_bytes(std::uint32_t capacity) noexcept {
    if constexpr (KeepsTables<P>) {
        return P::table_bytes(capacity);
    } else {
        return 0;
    }
}
template <SchedulerPolicy P>
void use_tables(P& policy, std::span<std::byte> memory, std::uint32_t capacity) noexcept {
    if constexpr (KeepsTables<P>) {
        policy.use_tables(memory, capacity);
    }
}

template <SchedulerPolicy P>
void leave(P& policy, Entity& running, LeaveReason why, Instant now) noexcept {
    if constexpr (HearsOfLeaving<P>) {
        policy.leave(running, why, now);
    }
}

template <SchedulerPolicy P>
[[nodiscard]] Entity* give_away(P& policy, const Taker& taker, Instant now) noexcept {
    if constexpr (GivesAway<P>) {
        return policy.give_away(taker, now);
    } else {
        using Hook = boost::intrusive::member_hook<Entity, decltype(Entity::hook), &Entity::hook>;
        boost::intrusive::list<Entity, Hook> refused;  // not queued, so the hook is free
        Entity* taken = policy.pick_next(now);
        while (taken != nullptr && !taken->queued && !taker.takes(*taken)) {
            taken->queued = true;  // a wrong policy that hands it out again ends the search
            refused.push_back(*taken);
            taken = policy.pick_next(now);
        }
        while (!refused.empty()) {
            Entity& first = refused.front();
            refused.pop_front();
            first.queued = false;
            policy.enqueue(first, EnqueueReason::preempted, now);
        }
        return taken;
    }
}

template <SchedulerPolicy P>
void move(P& from, P& to, Entity& entity, Instant now) noexcept {
    if constexpr (MovesState<P>) {
        from.move_out(entity, now);
        to.move_in(entity, now);
    }
}

/// change(entity) sets the new parameters.
template <SchedulerPolicy P, class F>
void reconsider(P& policy, Entity& entity, F&& change, Instant now) noexcept {
    if constexpr (Reconsiders<P>) {
        const SchedulingParameters old = entity;
        change(entity);
        policy.reconsider(entity, old, now);
    } else if (entity.queued) {
        policy.remove(entity);
        change(entity);
        policy.enqueue(entity, EnqueueReason::preempted, now);
    } else {
        change(entity);
    }
}

template <SchedulerPolicy P>
[[nodiscard]] Urgency urgency(const P& policy, const Entity& entity) noexcept {
    if constexpr (LendsUrgency<P>) {
        return policy.urgency(entity);
    } else {
        return Urgency::none;
    }
}
template <SchedulerPolicy P>
void lend(P& policy, Entity& entity, Urgency lent, Instant now) noexcept {
    if constexpr (LendsUrgency<P>) {
        policy.lend(entity, lent, now);
    }
}

template <SchedulerPolicy P>
[[nodiscard]] constexpr Duration quantum() noexcept {
    if constexpr (FixedQuantum<P>) {
        return P::default_quantum;
    } else {
        return Duration();
    }
}

template <SchedulerPolicy P>
[[nodiscard]] Instant look_again(const P& policy, const Entity* running, Instant now) noexcept {
    if constexpr (LooksAgain<P>) {
        return policy.look_again(running, now);
    } else {
        return Instant::never();
    }
}

template <SchedulerPolicy P>
void replenish(P& policy, Instant now) noexcept {
    if constexpr (Throttles<P>) {
        policy.replenish(now);
    }
}

template <SchedulerPolicy P>
[[nodiscard]] std::size_t eligible(const P& policy) noexcept {
    if constexpr (Throttles<P>) {
        return policy.eligible();
    } else {
        return policy.size();
    }
}

}  // namespace or_default

}  // namespace kidney::sched
