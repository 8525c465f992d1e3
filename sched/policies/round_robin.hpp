/// Round robin: everybody in turn, one quantum each, whatever their priority.
///
/// The fairest policy that needs no arithmetic. An interactive thread waits for all the others, up
/// to (n - 1) quanta: where that hurts, use a priority policy.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/policies/entity_queue.hpp"

#include <cstddef>

namespace kidney::sched {

/// Cost: O(1) for every call.
class RoundRobin {
public:
    static constexpr const char* name = "round_robin";
    static constexpr PolicyTraits traits{.fresh_slices = true};
    static constexpr Duration default_quantum = Duration::milliseconds(10);

    RoundRobin() noexcept = default;
    explicit RoundRobin(Duration quantum) noexcept : quantum_(quantum) {}
    explicit RoundRobin(const PolicySetup& setup) noexcept
        : quantum_(setup.quantum_or(default_quantum)) {}

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

    /// A slice that ends with nobody waiting is renewed: the next to come waits a full quantum at
    /// most.
    [[nodiscard]] TickVerdict charge(Entity& running, Duration ran, Instant) noexcept {
        return charge_slice(running, ran, quantum_, !queue_.is_empty());
    }
    [[nodiscard]] bool preempts(const Entity&, const Entity&) const noexcept { return false; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Nobody's place depends on parameters.
    void reconsider(Entity&, const SchedulingParameters&, Instant) noexcept {}

private:
    EntityQueue queue_;
    std::size_t size_ = 0;
    Duration quantum_ = default_quantum;
};

static_assert(SchedulerPolicy<RoundRobin> && Reconsiders<RoundRobin>);

}  // namespace kidney::sched
