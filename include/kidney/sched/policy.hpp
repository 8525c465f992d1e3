/// The `SchedulerPolicy` slot: which runnable entity runs next.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/time.hpp"

#include <boost/intrusive/link_mode.hpp>
#include <boost/intrusive/list_hook.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

namespace kidney::sched {

/// Larger runs first under fixed priority. 0 is the least, 63 the most urgent, 31 the default.
class Priority {
public:
    static constexpr std::uint8_t levels = 64;
    constexpr Priority() noexcept = default;
    explicit constexpr Priority(std::uint8_t value) noexcept : value_(value) {}
    [[nodiscard]] constexpr std::uint8_t value() const noexcept { return value_; }
    friend constexpr auto operator<=>(Priority, Priority) noexcept = default;

private:
    std::uint8_t value_ = levels / 2 - 1;
};

/// How much it matters that a thread runs soon, as its policy sees it: the larger goes first. Only
/// numbers of one policy compare (`LendsUrgency`).
enum class Urgency : std::uint64_t { none = 0 };

/// So much CPU time in each period, before the deadline, which counts from the period's beginning.
struct Reservation {
    Duration runtime{};
    Duration deadline{};
    Duration period{};

    /// runtime <= deadline <= period, and none of them is zero; or all are, and there is none.
    [[nodiscard]] constexpr bool is_any() const noexcept { return period != Duration(); }
    friend bool operator==(const Reservation&, const Reservation&) noexcept = default;
};

/// What a thread asks of its scheduler. Changed only through the dispatcher, which tells the
/// policy.
struct SchedulingParameters {
    Priority priority;            ///< its own; what others lend it is Entity::lent
    std::uint32_t weight = 1024;  ///< proportional share; 1024 is nice 0, and 0 is not allowed
    std::int8_t nice = 0;
    Reservation reservation{};
    CpuSet allowed = CpuSet::all();  ///< where it may run; the engine's business, not the policy's
    /// Among equals it runs until it leaves: SCHED_FIFO. For policies with strict priorities.
    bool runs_on = false;

    friend bool operator==(const SchedulingParameters&,
                           const SchedulingParameters&) noexcept = default;
};

/// What a policy schedules: the part of a thread that policies may read and keep their books in.
/// One entity is in at most one policy at a time; the hook is the policy's while it is queued.
/// WHY in this order: what a decision touches lies together, from `slot` to `kept`; of 100 000
/// threads none is in a cache.
struct Entity : SchedulingParameters {
    /// Unique among live ones and small: where policies that keep tables find it. Given by the
    /// engine (`KeepsTables`).
    std::uint32_t slot = 0;
    bool queued = false;  ///< kept by the policy: true between enqueue and pick_next/remove
    Duration slice_used;  ///< kept by the policy: CPU time since it was last picked
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>
        hook;

    static constexpr std::size_t state_bytes = 32;
    /// What else a policy remembers of each entity, as a type of its own. All bytes are zero at
    /// first, and enqueue(started) begins afresh whatever they are.
    template <class S>
    [[nodiscard]] S& state() noexcept {
        static_assert(sizeof(S) <= state_bytes && alignof(S) <= 8);
        static_assert(std::is_trivially_copyable_v<S>);
        return *std::launder(reinterpret_cast<S*>(kept.data()));
    }
    template <class S>
    [[nodiscard]] const S& state() const noexcept {
        return const_cast<Entity*>(this)->state<S>();
    }
    alignas(8) std::array<std::byte, state_bytes> kept{};

    /// By those that wait for what it holds: kept by the policy, told by the engine
    /// (`LendsUrgency`).
    Urgency lent = Urgency::none;
    std::uint32_t id = 0;  ///< names the entity in traces; unique among live ones as well
};

/// Why an entity becomes runnable in this policy.
enum class EnqueueReason : std::uint8_t { started, woken, preempted, yielded, migrated };

/// What a tick means for the running entity.
enum class TickVerdict : std::uint8_t { keep_running, preempt };

/// What a policy promises beyond the laws, or cannot promise. Each claim selects laws: it excuses
/// from some and submits to others (tests/laws/scheduler).
struct PolicyTraits {
    /// Without time slices: an equal waits until the running one sleeps.
    bool run_to_completion = false;
    /// Chooses by lot: who is next depends on all that are queued.
    bool draws_lots = false;
    /// Nobody runs while somebody with a higher priority is queued.
    bool strict_priority = false;
    /// CPU time in proportion to weights.
    bool shares_by_weight = false;
    /// Whoever is picked has a whole slice: what it used of one before it slept is forgotten.
    bool fresh_slices = false;
    /// Goes by reservations.
    bool takes_reservations = false;
    /// Somebody may wait for ever.
    bool may_starve = false;
};

/// Chooses among runnable entities of one CPU. The running entity is *not* queued.
///   S1 conservation: pick_next() returns exactly what was enqueued and not removed, each once
///   S2 work conservation: pick_next() returns nullptr only when nothing is queued (of a policy
///      that throttles: nothing that may run)
///   S3 size() counts the queued entities
///   S4 determinism: the same calls with the same arguments give the same answers (no pointer
///      order)
///   S5 remove() takes out any queued entity and no other; the order of the others does not change,
///      but for lots
///   S6 charge(running, ran): `ran`, not negative, is CPU time since the last charge; preempt only
///   if something is
///      queued, and in the end if it is an equal, but for those that run to completion
///   S7 preempts(candidate, running) is irreflexive, never for an equal that ran as little, and has
///      no effect. `running` has been charged
///   S8 turns: of equals that want to run each gets its turn, also when others wake up meanwhile or
///      come from other CPUs; but for those that run to completion
///   S9 whoever yields is not picked next if an equal waits that ran as little, but for lots
///   S10 all of this holds for entities that sleep, wake, move between CPUs, end, and change
///   S11 another CPU gets one that it takes if there is one, and nobody else
/// What it need not have, and what engines do without it: refinements.hpp. What it claims:
/// `static constexpr PolicyTraits traits`, if anything.
/// Policies are values: no statics, clock, locks, logging or allocation. Time is an argument.
/// Concurrency: none, the run queue's lock is held. Cost: stated by each policy.
template <class P>
concept SchedulerPolicy = std::default_initializable<P> &&
                          requires(P& p, const P& cp, Entity& entity, const Entity& other,
                                   EnqueueReason why, Instant now, Duration ran) {
                              { p.enqueue(entity, why, now) } noexcept -> std::same_as<void>;
                              { p.remove(entity) } noexcept -> std::same_as<void>;
                              { p.pick_next(now) } noexcept -> std::same_as<Entity*>;
                              { p.charge(entity, ran, now) } noexcept -> std::same_as<TickVerdict>;
                              { cp.preempts(other, other) } noexcept -> std::same_as<bool>;
                              { cp.size() } noexcept -> std::same_as<std::size_t>;
                              { P::name } -> std::convertible_to<const char*>;
                          };

template <class P>
[[nodiscard]] constexpr PolicyTraits traits_of() noexcept {
    if constexpr (requires {
                      { P::traits } -> std::convertible_to<PolicyTraits>;
                  }) {
        return P::traits;
    } else {
        return {};
    }
}

}  // namespace kidney::sched
