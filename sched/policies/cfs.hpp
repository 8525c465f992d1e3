/// Completely fair scheduling, as Linux had it from 2.6.23 to 6.5: whoever got the least CPU time
/// for its weight is next.
///
/// That time is virtual (virtual_time.hpp); an ideal machine would run all at once and keep all
/// virtual times equal. Ours runs one at a time, in a *latency* everybody once, each for its share
/// of that, but nobody for less than the granularity.
///
/// Whoever wakes up comes a little before the others, by half a latency at most: it gets the CPU
/// soon, and cannot save up a night's sleep. Whoever begins comes a slice behind them, so that
/// forking gains nothing.
///
/// Theory: fair queueing (Demers, Keshav, Shenker 1989) with CPU time for bytes. It bounds nobody's
/// lag, which is what EEVDF improves on.
#pragma once

#include "kidney/core/format.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/policies/keyed_queue.hpp"
#include "sched/policies/virtual_time.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::sched {

struct CfsRules {
    Duration latency = Duration::milliseconds(24);     ///< in which everybody runs once
    Duration granularity = Duration::milliseconds(3);  ///< nobody is preempted before
    Duration wakeup = Duration::milliseconds(4);       ///< how far behind a sleeper preempts
};

/// Cost: O(log n) for enqueue(), remove() and give_away(), O(1) for the others.
class Cfs {
public:
    static constexpr const char* name = "cfs";
    static constexpr PolicyTraits traits{.shares_by_weight = true};

    Cfs() noexcept = default;
    explicit Cfs(const CfsRules& rules) noexcept : rules_(rules) {}
    /// A quantum is the granularity; an eighth of the latency, as it is without.
    explicit Cfs(const PolicySetup& setup) noexcept {
        rules_.granularity = setup.quantum_or(rules_.granularity);
        rules_.latency = Duration::nanoseconds(rules_.granularity.count() * 8);
    }

    void enqueue(Entity& entity, EnqueueReason why, Instant) noexcept {
        State& state = entity.state<State>();
        state.rate.use(entity.weight);
        switch (why) {
            case EnqueueReason::started:
                state.runtime = earliest_ + state.rate.virtual_time(rules_.granularity);
                break;
            case EnqueueReason::woken:
                state.runtime =
                    later_of(state.runtime,
                             earliest_ - static_cast<std::uint64_t>(rules_.latency.count()) / 2);
                break;
            case EnqueueReason::yielded:
                if (!queue_.is_empty()) {
                    state.runtime = later_of(state.runtime,
                                             queue_.first().state<State>().runtime + virtual_step);
                }
                break;
            case EnqueueReason::preempted:
            case EnqueueReason::migrated:
                break;
        }
        queued_weight_ += state.rate.weight;
        queue_.insert(entity, key_of(state.runtime));
    }
    void remove(Entity& entity) noexcept {
        queue_.remove(entity);
        unqueued(entity);
    }
    [[nodiscard]] Entity* pick_next(Instant) noexcept {
        Entity* const first = queue_.take_first();
        if (first != nullptr) {
            unqueued(*first);
            earliest_ = later_of(earliest_, first->state<State>().runtime);
        }
        return first;
    }
    [[nodiscard]] TickVerdict charge(Entity& running, Duration ran, Instant) noexcept {
        State& state = running.state<State>();
        state.runtime += state.rate.virtual_time(ran);
        if (queue_.is_empty()) {
            earliest_ = later_of(earliest_, state.runtime);
            running.slice_used = Duration();
            return TickVerdict::keep_running;
        }
        const std::uint64_t first = queue_.first().state<State>().runtime;
        earliest_ = later_of(earliest_, is_before(first, state.runtime) ? first : state.runtime);
        running.slice_used += ran;
        return has_used_its_slice(running) ? TickVerdict::preempt : TickVerdict::keep_running;
    }
    [[nodiscard]] bool preempts(const Entity& candidate, const Entity& running) const noexcept {
        const State& other = candidate.state<State>();
        return is_before(other.runtime + other.rate.virtual_time(rules_.wakeup),
                         running.state<State>().runtime);
    }
    [[nodiscard]] std::size_t size() const noexcept { return queue_.size(); }

    // --- Refinements ---

    [[nodiscard]] Entity* give_away(const Taker& taker, Instant) noexcept {
        Entity* const last = queue_.take_last(taker);
        if (last != nullptr) {
            unqueued(*last);
        }
        return last;
    }
    /// Virtual time is a queue's own: what counts elsewhere is the distance.
    void move_out(Entity& entity, Instant) noexcept { entity.state<State>().runtime -= earliest_; }
    void move_in(Entity& entity, Instant) noexcept { entity.state<State>().runtime += earliest_; }
    /// What it has run so far counts as it was; so a queued one keeps its place.
    void reconsider(Entity& entity, const SchedulingParameters&, Instant) noexcept {
        State& state = entity.state<State>();
        if (entity.queued) {
            queued_weight_ += entity.weight;
            queued_weight_ -= state.rate.weight;
        }
        state.rate.use(entity.weight);
    }
    [[nodiscard]] Instant look_again(const Entity* running, Instant now) const noexcept {
        // Nothing happens before that; what does then, charge() says.
        return running == nullptr || queue_.is_empty()
                   ? Instant::never()
                   : now + std::max(rules_.granularity - running->slice_used,
                                    Duration::milliseconds(1));
    }
    [[nodiscard]] static constexpr std::size_t table_bytes(std::uint32_t capacity) noexcept {
        return KeyedQueue::bytes_for(capacity);
    }
    void use_tables(std::span<std::byte> memory, std::uint32_t capacity) noexcept {
        KeyedQueue::share(memory, capacity, queue_);
    }
    [[nodiscard]] static constexpr std::uint32_t most_comparisons(std::uint32_t slots) noexcept {
        return Tournament::most_comparisons(slots);
    }
    /// What it goes by (`Explains`).
    template <TextSink S>
    void explain(S& text, const Entity& entity, Instant) const noexcept {
        format_to(text, "runtime {} us",
                  in_microseconds(entity.state<State>().runtime - earliest_));
    }

private:
    struct State {
        std::uint64_t runtime = 0;  ///< virtual
        Rate rate;
    };

    /// used >= latency * weight / sum of all weights, without the division.
    [[nodiscard]] bool has_used_its_slice(const Entity& running) const noexcept {
        const auto used = static_cast<std::uint64_t>(running.slice_used.count());
        const std::uint32_t weight = running.state<State>().rate.weight;
        return running.slice_used >= rules_.granularity &&
               used * (queued_weight_ + weight) >=
                   static_cast<std::uint64_t>(rules_.latency.count()) * weight;
    }
    void unqueued(const Entity& entity) noexcept {
        queued_weight_ -= entity.state<State>().rate.weight;
    }

    KeyedQueue queue_;
    std::uint64_t earliest_ = 0;  ///< no later than anybody's virtual time; never goes back
    std::uint64_t queued_weight_ = 0;
    CfsRules rules_;
};

static_assert(SchedulerPolicy<Cfs> && GivesAway<Cfs> && MovesState<Cfs> && Reconsiders<Cfs> &&
              LooksAgain<Cfs> && KeepsTables<Cfs> && SetUpPolicy<Cfs> && BoundsComparisons<Cfs>);

}  // namespace kidney::sched
