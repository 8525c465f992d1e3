/// Stride scheduling: lottery scheduling without the lots.
///
/// Each entity has a *pass*, which advances by its *stride*, the reciprocal of its weight, for each
/// quantum that it runs. Whoever has the smallest pass is next. Two entities that both compute are
/// never more than a quantum away from the proportion of their weights; of one against all others
/// together only a bound of n quanta holds.
///
/// There is also a *global pass*, which advances as everybody's average does. Whoever leaves takes
/// the distance to it along and has it again on its return: sleeping gains nothing and costs
/// nothing. Whoever begins is one stride behind it.
///
/// Theory: Waldspurger and Weihl, "Stride Scheduling: Deterministic Proportional-Share Resource
/// Management", MIT/LCS/TM-528, 1995; the dynamic operations are those of section 3.
#pragma once

#include "kidney/core/format.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/policies/entity_queue.hpp"
#include "sched/policies/keyed_queue.hpp"
#include "sched/policies/virtual_time.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::sched {

/// Cost: O(log n) for enqueue(), remove() and give_away(), O(1) for the others. Passes are virtual
/// time, so that whoever runs a part of a quantum pays that part.
class Stride {
public:
    static constexpr const char* name = "stride";
    static constexpr PolicyTraits traits{.shares_by_weight = true, .fresh_slices = true};
    static constexpr Duration default_quantum = Duration::milliseconds(10);

    Stride() noexcept = default;
    explicit Stride(Duration quantum) noexcept : quantum_(quantum) {}
    explicit Stride(const PolicySetup& setup) noexcept
        : quantum_(setup.quantum_or(default_quantum)) {}

    void enqueue(Entity& entity, EnqueueReason why, Instant) noexcept {
        State& state = entity.state<State>();
        state.rate.use(entity.weight);
        if (why == EnqueueReason::started) {
            state.pass = state.rate.virtual_time(quantum_);
            state.is_distance = true;
        }
        if (state.is_distance) {
            state.pass += global_pass_;
            state.is_distance = false;
        }
        if (why == EnqueueReason::yielded && !queue_.is_empty()) {
            state.pass = later_of(state.pass, queue_.first().state<State>().pass + virtual_step);
        }
        queued_weight_ += state.rate.weight;
        queue_.insert(entity, key_of(state.pass));
    }
    void remove(Entity& entity) noexcept {
        queue_.remove(entity);
        unqueued(entity);
        keep_distance(entity);
    }
    [[nodiscard]] Entity* pick_next(Instant) noexcept {
        Entity* const first = queue_.take_first();
        if (first != nullptr) {
            unqueued(*first);
        }
        return first;
    }
    [[nodiscard]] TickVerdict charge(Entity& running, Duration ran, Instant) noexcept {
        State& state = running.state<State>();
        state.pass += state.rate.virtual_time(ran);
        everybody_.use(static_cast<std::uint32_t>(queued_weight_ + state.rate.weight));
        global_pass_ += everybody_.virtual_time(ran);
        return charge_slice(running, ran, quantum_, !queue_.is_empty());
    }
    [[nodiscard]] bool preempts(const Entity&, const Entity&) const noexcept { return false; }
    [[nodiscard]] std::size_t size() const noexcept { return queue_.size(); }

    // --- Refinements ---

    void leave(Entity& running, LeaveReason, Instant) noexcept { keep_distance(running); }
    [[nodiscard]] Entity* give_away(const Taker& taker, Instant) noexcept {
        Entity* const last = queue_.take_last(taker);
        if (last != nullptr) {
            unqueued(*last);
        }
        return last;
    }
    void move_out(Entity& entity, Instant) noexcept { keep_distance(entity); }
    void move_in(Entity&, Instant) noexcept {}
    /// What it has paid for stays paid: the distance, and with it the place, is kept.
    void reconsider(Entity& entity, const SchedulingParameters&, Instant) noexcept {
        State& state = entity.state<State>();
        if (entity.queued) {
            queued_weight_ += entity.weight;
            queued_weight_ -= state.rate.weight;
        }
        state.rate.use(entity.weight);
    }
    [[nodiscard]] Instant look_again(const Entity* running, Instant now) const noexcept {
        return running == nullptr || queue_.is_empty() ? Instant::never()
                                                       : now + (quantum_ - running->slice_used);
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
        format_to(text, "pass {} us", in_microseconds(entity.state<State>().pass - global_pass_));
    }

private:
    struct State {
        std::uint64_t pass = 0;
        Rate rate;
        bool is_distance = false;  ///< `pass` is relative to the global one
    };

    void unqueued(const Entity& entity) noexcept {
        queued_weight_ -= entity.state<State>().rate.weight;
    }
    void keep_distance(Entity& entity) noexcept {
        State& state = entity.state<State>();
        if (!state.is_distance) {
            state.pass -= global_pass_;
            state.is_distance = true;
        }
    }

    KeyedQueue queue_;
    std::uint64_t global_pass_ = 0;
    std::uint64_t queued_weight_ = 0;
    Rate everybody_;
    Duration quantum_ = default_quantum;
};

static_assert(SchedulerPolicy<Stride> && HearsOfLeaving<Stride> && GivesAway<Stride> &&
              MovesState<Stride> && Reconsiders<Stride> && LooksAgain<Stride> &&
              KeepsTables<Stride> && SetUpPolicy<Stride> && BoundsComparisons<Stride>);

}  // namespace kidney::sched
