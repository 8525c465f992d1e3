/// First in, first out: whoever runs goes on until it sleeps.
///
/// The least switches that there can be, and the worst response: a long job holds up all behind it
/// (the convoy effect). For batches, and as the measure for what others gain.
#pragma once

#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/policies/entity_queue.hpp"

#include <cstddef>

namespace kidney::sched {

/// Cost: O(1) for every call.
class Fifo {
public:
    static constexpr const char* name = "fifo";
    static constexpr PolicyTraits traits{.run_to_completion = true, .may_starve = true};

    void enqueue(Entity& entity, EnqueueReason, Instant) noexcept {
        queue_.append(entity);
        ++size_;
    }
    void remove(Entity& entity) noexcept {
        queue_.remove(entity);
        --size_;
    }
    [[nodiscard]] Entity* pick_next(Instant) noexcept {
        Entity* const first = queue_.take_first();
        size_ -= first != nullptr ? 1 : 0;
        return first;
    }
    [[nodiscard]] TickVerdict charge(Entity&, Duration, Instant) noexcept {
        return TickVerdict::keep_running;
    }
    [[nodiscard]] bool preempts(const Entity&, const Entity&) const noexcept { return false; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Nobody's place depends on parameters.
    void reconsider(Entity&, const SchedulingParameters&, Instant) noexcept {}

private:
    EntityQueue queue_;
    std::size_t size_ = 0;
};

static_assert(SchedulerPolicy<Fifo> && Reconsiders<Fifo>);

}  // namespace kidney::sched
