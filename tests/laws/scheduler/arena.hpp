/// The entities that the laws of a scheduler policy play with.
#pragma once

#include "kidney/core/time.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/with_tables.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::laws {

inline constexpr std::uint32_t scheduler_seed = 20260101;

inline Instant step_time(std::size_t step) noexcept {
    return Instant(static_cast<std::uint64_t>(step) * 1'000'000);
}

/// A few KiB: for the heap, because a kernel stack is small.
struct SchedulerArena {
    static constexpr std::size_t count = 24;
    SchedulerArena() noexcept {}

    std::array<sched::Entity, count> entities;
    /// The same again for laws that compare two runs, in the opposite order in memory: a policy
    /// that breaks ties by pointer gives itself away.
    std::array<sched::Entity, count> twins;

    [[nodiscard]] sched::Entity& entity(std::size_t i) noexcept { return entities[i]; }
    [[nodiscard]] sched::Entity& twin(std::size_t i) noexcept { return twins[count - 1 - i]; }

    /// All different; a few share a priority.
    void reset() noexcept {
        reset_equal();
        for (std::size_t i = 0; i < count; ++i) {
            for (sched::Entity* e : {&entity(i), &twin(i)}) {
                e->priority = sched::Priority(static_cast<std::uint8_t>(i * 7 % 16 * 4));
                e->weight = 1024U + static_cast<std::uint32_t>(i) * 64U;
                e->nice = static_cast<std::int8_t>(static_cast<int>(i) % 20 - 10);
            }
        }
    }
    void reset_equal() noexcept {
        for (std::size_t i = 0; i < count; ++i) {
            for (sched::Entity* e : {&entity(i), &twin(i)}) {
                *e = sched::Entity();
                e->id = static_cast<std::uint32_t>(i + 1);
                e->slot = static_cast<std::uint32_t>(i);
            }
        }
    }
};

/// A policy as the laws want it: with room for all of an arena's entities.
template <sched::SchedulerPolicy P>
using Subject = sched::WithTables<P, SchedulerArena::count>;

}  // namespace kidney::laws
