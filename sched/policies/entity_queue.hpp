/// What time-slicing policies share: a queue of entities in arrival order, and the slice rule.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"

#include <boost/intrusive/list.hpp>

namespace kidney::sched {

/// First in, first out, with removal from the middle. Keeps `Entity::queued`. All O(1).
class EntityQueue {
public:
    void append(Entity& entity) noexcept {
        KIDNEY_INVARIANT(!entity.queued, "enqueued twice");
        entity.queued = true;
        list_.push_back(entity);
    }
    /// Before all others.
    void prepend(Entity& entity) noexcept {
        KIDNEY_INVARIANT(!entity.queued, "enqueued twice");
        entity.queued = true;
        list_.push_front(entity);
    }
    void remove(Entity& entity) noexcept {
        KIDNEY_INVARIANT(entity.queued, "removing what is not queued");
        entity.queued = false;
        list_.erase(list_.iterator_to(entity));
    }
    /// The one that waited longest, with a fresh slice; nullptr if nobody waits.
    [[nodiscard]] Entity* take_first() noexcept { return list_.empty() ? nullptr : &take_one(); }
    /// The same. There must be one.
    [[nodiscard]] Entity& take_one() noexcept {
        Entity& first = list_.front();
        list_.pop_front();
        first.queued = false;
        first.slice_used = Duration();
        return first;
    }
    /// The longest waiting one that may go; null if none may. Cost: O(1) if all may, else O(n).
    [[nodiscard]] Entity* take_first_for(const Taker& taker) noexcept {
        for (Entity& entity : list_) {
            if (taker.takes(entity)) {
                remove(entity);
                entity.slice_used = Duration();
                return &entity;
            }
        }
        return nullptr;
    }
    /// Takes over all that `other` has, behind its own.
    void append_all(EntityQueue& other) noexcept { list_.splice(list_.end(), other.list_); }
    [[nodiscard]] bool is_empty() const noexcept { return list_.empty(); }

private:
    using Hook = boost::intrusive::member_hook<Entity, decltype(Entity::hook), &Entity::hook>;
    /// The policies count: one number for all the queues that one has.
    boost::intrusive::list<Entity, Hook, boost::intrusive::constant_time_size<false>> list_;
};

/// Adds `ran` to the slice of `running`; at its end, preempts if somebody waits, else starts a new
/// slice.
[[nodiscard]] inline TickVerdict charge_slice(Entity& running, Duration ran, Duration quantum,
                                              bool somebody_waits) noexcept {
    running.slice_used += ran;
    if (running.slice_used < quantum) {
        return TickVerdict::keep_running;
    }
    if (somebody_waits) {
        return TickVerdict::preempt;
    }
    running.slice_used = Duration();
    return TickVerdict::keep_running;
}

}  // namespace kidney::sched
