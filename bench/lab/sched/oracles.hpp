/// Policies that know how long each task will compute: what no kernel can know, and the measure for
/// all that must guess. The laboratory tells them, as the runtime of a reservation.
#pragma once

#include "kidney/core/format.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/policies/keyed_queue.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::lab {

using namespace sched;

/// Cost: O(log n) for enqueue(), remove() and pick_next().
template <bool preempts_longer>
class ByBurst {
public:
    static constexpr bool knows_bursts = true;
    static constexpr PolicyTraits traits{.run_to_completion = true, .may_starve = true};

    void enqueue(Entity& entity, EnqueueReason why, Instant) noexcept {
        State& state = entity.state<State>();
        if (why == EnqueueReason::started || why == EnqueueReason::woken) {
            state.left = entity.reservation.runtime;
        }
        queue_.insert(entity, static_cast<std::uint64_t>(left(entity).count()) >> 10);
    }
    void remove(Entity& entity) noexcept { queue_.remove(entity); }
    [[nodiscard]] Entity* pick_next(Instant) noexcept { return queue_.take_first(); }
    [[nodiscard]] TickVerdict charge(Entity& running, Duration ran, Instant) noexcept {
        running.state<State>().left -= ran;
        return !queue_.is_empty() && preempts(queue_.first(), running) ? TickVerdict::preempt
                                                                       : TickVerdict::keep_running;
    }
    [[nodiscard]] bool preempts(const Entity& candidate, const Entity& running) const noexcept {
        return preempts_longer && left(candidate) < left(running);
    }
    [[nodiscard]] std::size_t size() const noexcept { return queue_.size(); }

    [[nodiscard]] static constexpr std::size_t table_bytes(std::uint32_t capacity) noexcept {
        return KeyedQueue::bytes_for(capacity);
    }
    void use_tables(std::span<std::byte> memory, std::uint32_t capacity) noexcept {
        queue_.use(memory, capacity);
    }
    template <TextSink S>
    void explain(S& text, const Entity& entity, Instant) const noexcept {
        format_to(text, "{} us left", left(entity).count() / 1000);
    }

private:
    struct State {
        Duration left;
    };
    [[nodiscard]] static Duration left(const Entity& entity) noexcept {
        return entity.state<State>().left;
    }
    KeyedQueue queue_;
};

/// Shortest job first.
struct ShortestJobFirst : ByBurst<false> {
    static constexpr const char* name = "sjf";
};
/// Shortest time to completion first.
struct ShortestTimeToCompletion : ByBurst<true> {
    static constexpr const char* name = "stcf";
};
static_assert(SchedulerPolicy<ShortestJobFirst> && SchedulerPolicy<ShortestTimeToCompletion>);

}  // namespace kidney::lab
