/// The `SchedulerPolicy` slot: which runnable entity runs next.
#pragma once

#include "kidney/core/time.hpp"

#include <boost/intrusive/link_mode.hpp>
#include <boost/intrusive/list_hook.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

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

/// What a policy schedules: the part of a thread that policies may read and keep their books in.
/// One entity is in at most one policy at a time; the hook is the policy's while it is queued.
struct Entity {
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>
        hook;
    std::uint32_t id = 0;         ///< names the entity in traces; unique among live ones
    Priority priority;            ///< the priority that counts now (base or inherited)
    std::uint32_t weight = 1024;  ///< proportional share; 1024 is nice 0
    std::int8_t nice = 0;
    bool queued = false;  ///< kept by the policy: true between enqueue and pick_next/remove
    Duration slice_used;  ///< kept by the policy: CPU time since it was last picked
};

/// Why an entity becomes runnable in this policy.
enum class EnqueueReason : std::uint8_t { started, woken, preempted, yielded, migrated };

/// What a tick means for the running entity.
enum class TickVerdict : std::uint8_t { keep_running, preempt };

/// Chooses among runnable entities of one CPU. The running entity is *not* queued.
///   S1 conservation: pick_next() returns exactly what was enqueued and not removed, each once
///   S2 work conservation: pick_next() returns nullptr only when nothing is queued
///   S3 size() counts the queued entities
///   S4 determinism: the same calls with the same arguments give the same answers (no pointer
///      order)
///   S5 remove() takes out any queued entity and no other; the order of the others does not change.
///      A policy that chooses by lot says `static constexpr bool draws_lots = true` and need not
///      do the latter
///   S6 charge(running, ran): `ran` is CPU time since the last charge; preempt only if something is
///      queued, and in the end if it is an equal. A policy without time slices says
///      `static constexpr bool run_to_completion = true` and need not do the latter
///   S7 preempts(candidate, running) is irreflexive and has no effect
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

}  // namespace kidney::sched
