/// A queue for each of 64 levels, and a bitmap of those in use.
#pragma once

#include "kidney/sched/policy.hpp"
#include "sched/policies/entity_queue.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kidney::sched {

/// Keeps `Entity::queued`. Cost: O(1) for every call.
class LevelQueues {
public:
    static constexpr unsigned levels = 64;

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
        const unsigned level = highest();
        Entity* const first = queues_[level].take_first();
        forget_if_empty(level);
        return first;
    }
    /// There must be one.
    /// WHY two 32-bit words: on i686 that is one BSR each, a 64-bit shift is four instructions.
    [[nodiscard]] unsigned highest() const noexcept {
        return used_[1] != 0 ? 63U - static_cast<unsigned>(std::countl_zero(used_[1]))
                             : 31U - static_cast<unsigned>(std::countl_zero(used_[0]));
    }
    [[nodiscard]] bool has(unsigned level) const noexcept { return !queues_[level].is_empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    [[nodiscard]] EntityQueue& queue_to_fill(unsigned level) noexcept {
        if (queues_[level].is_empty()) {
            // Only then: the next pick would have to wait for a store that changes nothing.
            used_[level / 32] |= 1U << level % 32;
        }
        ++size_;
        return queues_[level];
    }
    void forget_if_empty(unsigned level) noexcept {
        --size_;
        if (queues_[level].is_empty()) {
            used_[level / 32] &= ~(1U << level % 32);
        }
    }

    std::array<EntityQueue, levels> queues_;
    std::array<std::uint32_t, 2> used_{};  ///< bit n of both: level n is not empty
    std::size_t size_ = 0;
};

}  // namespace kidney::sched
