/// A queue for each level, and which of them are in use.
#pragma once

#include "kidney/sched/policy.hpp"
#include "sched/policies/entity_queue.hpp"
#include "sched/policies/level_set.hpp"

#include <array>
#include <cstddef>

namespace kidney::sched {

/// Keeps `Entity::queued`. Cost: O(1) for every call.
template <unsigned count>
class LevelQueues {
public:
    static constexpr unsigned levels = count;

    void append(Entity& entity, unsigned level) noexcept { queue_to_fill(level).append(entity); }
    /// It will be the next of its level.
    void prepend(Entity& entity, unsigned level) noexcept { queue_to_fill(level).prepend(entity); }
    void remove(Entity& entity, unsigned level) noexcept {
        queues_[level].remove(entity);
        forget_if_empty(level);
    }
    /// From the highest level whoever waited longest, with a fresh slice; null if nobody waits.
    [[nodiscard]] Entity* take_first() noexcept {
        if (size_ == 0) {
            return nullptr;
        }
        const unsigned level = used_.highest();
        Entity& first = queues_[level].take_one();
        forget_if_empty(level);
        return &first;
    }
    [[nodiscard]] bool has(unsigned level) const noexcept { return used_.contains(level); }
    [[nodiscard]] bool has_above(unsigned level) const noexcept { return used_.has_above(level); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    [[nodiscard]] EntityQueue& queue_to_fill(unsigned level) noexcept {
        if (!used_.contains(level)) {
            // Only then: the next pick would have to wait for a store that changes nothing.
            used_.insert(level);
        }
        ++size_;
        return queues_[level];
    }
    void forget_if_empty(unsigned level) noexcept {
        --size_;
        if (queues_[level].is_empty()) {
            used_.erase(level);
        }
    }

    std::array<EntityQueue, levels> queues_;
    LevelSet<levels> used_;
    std::size_t size_ = 0;
};

}  // namespace kidney::sched
