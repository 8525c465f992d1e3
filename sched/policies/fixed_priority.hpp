/// Fixed priority: the highest runnable level runs; round robin inside a level.
///
/// Starvation of low levels is allowed: this policy is for when priorities mean exactly that.
#pragma once

#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/policies/entity_queue.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kidney::sched {

/// One queue per level and a bitmap of the levels in use. Cost: O(1) for every call. To change the
/// priority of a queued entity, remove it first and enqueue it after.
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

    void enqueue(Entity& entity, EnqueueReason, Instant) noexcept {
        const std::uint8_t level = entity.priority.value();
        if (levels_[level].is_empty()) {
            // Only then: the next pick would have to wait for a store that changes nothing.
            used_[level / 32] |= 1U << level % 32;
        }
        levels_[level].append(entity);
        ++size_;
    }

    void remove(Entity& entity) noexcept {
        const std::uint8_t level = entity.priority.value();
        levels_[level].remove(entity);
        forget_if_empty(level);
    }

    [[nodiscard]] Entity* pick_next(Instant) noexcept {
        if (size_ == 0) {
            return nullptr;
        }
        const unsigned level = highest();
        Entity* const first = levels_[level].take_first();
        forget_if_empty(level);
        return first;
    }

    /// The slice counts against equals; somebody above preempts at once.
    [[nodiscard]] TickVerdict charge(Entity& running, Duration ran, Instant) noexcept {
        const bool above = size_ != 0 && highest() > running.priority.value();
        const bool equal = !levels_[running.priority.value()].is_empty();
        const TickVerdict slice = charge_slice(running, ran, quantum_, equal);
        return above ? TickVerdict::preempt : slice;
    }
    [[nodiscard]] bool preempts(const Entity& candidate, const Entity& running) const noexcept {
        return candidate.priority > running.priority;
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    static_assert(Priority::levels == 64);

    /// WHY two 32-bit words: on i686 that is one BSR each, a 64-bit shift is four instructions.
    [[nodiscard]] unsigned highest() const noexcept {
        return used_[1] != 0 ? 63U - static_cast<unsigned>(std::countl_zero(used_[1]))
                             : 31U - static_cast<unsigned>(std::countl_zero(used_[0]));
    }
    void forget_if_empty(unsigned level) noexcept {
        --size_;
        if (levels_[level].is_empty()) {
            used_[level / 32] &= ~(1U << level % 32);
        }
    }

    std::array<EntityQueue, Priority::levels> levels_;
    std::array<std::uint32_t, 2> used_{};  ///< bit n of both: level n is not empty
    std::size_t size_ = 0;
    Duration quantum_ = default_quantum;
};

static_assert(SchedulerPolicy<FixedPriority>);

}  // namespace kidney::sched
