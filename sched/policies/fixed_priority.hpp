/// Fixed priority: the highest runnable level runs; round robin inside a level, but for those that
/// run on (SCHED_FIFO): whoever preempts them, they are the next of their level.
///
/// Starvation of low levels is allowed: this policy is for when priorities mean exactly that.
#pragma once

#include "kidney/core/format.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/policies/entity_queue.hpp"
#include "sched/policies/level_queues.hpp"

#include <algorithm>
#include <cstddef>

namespace kidney::sched {

/// Cost: O(1) for every call.
class FixedPriority {
public:
    static constexpr const char* name = "fixed_priority";
    static constexpr PolicyTraits traits{
        .strict_priority = true, .fresh_slices = true, .may_starve = true};
    static constexpr Duration default_quantum = Duration::milliseconds(10);

    FixedPriority() noexcept = default;
    explicit FixedPriority(Duration quantum) noexcept : quantum_(quantum) {}
    explicit FixedPriority(const PolicySetup& setup) noexcept
        : quantum_(setup.quantum_or(default_quantum)) {}

    void enqueue(Entity& entity, EnqueueReason why, Instant) noexcept {
        if (entity.runs_on && why == EnqueueReason::preempted) {
            queues_.prepend(entity, level_of(entity));
        } else {
            queues_.append(entity, level_of(entity));
        }
    }
    void remove(Entity& entity) noexcept { queues_.remove(entity, level_of(entity)); }
    [[nodiscard]] Entity* pick_next(Instant) noexcept { return queues_.take_first(); }

    /// The slice counts against equals; somebody above preempts at once.
    [[nodiscard]] TickVerdict charge(Entity& running, Duration ran, Instant) noexcept {
        const unsigned level = level_of(running);
        const bool has_rivals = !running.runs_on && queues_.has(level);
        const TickVerdict slice = charge_slice(running, ran, quantum_, has_rivals);
        return queues_.has_above(level) ? TickVerdict::preempt : slice;
    }
    [[nodiscard]] bool preempts(const Entity& candidate, const Entity& running) const noexcept {
        return level_of(candidate) > level_of(running);
    }
    [[nodiscard]] std::size_t size() const noexcept { return queues_.size(); }
    /// To the end of another level; at the same one it keeps its place.
    void reconsider(Entity& entity, const SchedulingParameters& old, Instant) noexcept {
        if (entity.queued) {
            move(entity, level_of(old.priority, entity.lent), level_of(entity));
        }
    }
    [[nodiscard]] static Urgency urgency(const Entity& entity) noexcept {
        return Urgency{level_of(entity)};
    }
    void lend(Entity& entity, Urgency lent, Instant) noexcept {
        const unsigned before = level_of(entity);
        entity.lent = lent;
        if (entity.queued) {
            move(entity, before, level_of(entity));
        }
    }
    /// What it goes by (`Explains`).
    template <TextSink S>
    void explain(S& text, const Entity& entity, Instant) const noexcept {
        format_to(text, "priority {}", std::uint32_t{entity.priority.value()});
    }

private:
    [[nodiscard]] static unsigned level_of(Priority own, Urgency lent) noexcept {
        return std::max(unsigned{own.value()}, static_cast<unsigned>(lent));
    }
    [[nodiscard]] static unsigned level_of(const Entity& entity) noexcept {
        return level_of(entity.priority, entity.lent);
    }
    void move(Entity& entity, unsigned from, unsigned to) noexcept {
        if (from != to) {
            queues_.remove(entity, from);
            queues_.append(entity, to);
        }
    }

    LevelQueues<Priority::levels> queues_;
    Duration quantum_ = default_quantum;
};

static_assert(SchedulerPolicy<FixedPriority> && Reconsiders<FixedPriority> &&
              LendsUrgency<FixedPriority>);

}  // namespace kidney::sched
