/// Earliest eligible virtual deadline first: fair shares with a bound, and short waits for short
/// requests.
///
/// Virtual time V is the average of all entities' own, weighted. Whoever is behind it has had less
/// than its share (its *lag* is positive) and is *eligible*; all lags together are zero. Each asks
/// for a *request* at a time; its virtual deadline is when a machine that ran all at once would
/// have served that. Of those that are eligible the one with the earliest deadline runs, until its
/// request is served. So a short request means a soon deadline, at the same share; and nobody's lag
/// leaves the bounds of one request.
///
/// Whoever leaves takes its lag along and has it again when it comes back: neither a sleep nor
/// another CPU nor another weight changes what is owed. Whoever begins owes one request: what one
/// that ends has had too much is lost, and forking would be a way to get more.
///
/// Theory: Stoica and Abdel-Wahab, "Earliest Eligible Virtual Deadline First", Old Dominion
/// University TR 95-22, 1995; Linux since 6.6.
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

/// Cost: O(log n) for enqueue() and remove(), and on the average for pick_next(), which moves those
/// whose time has come from one heap to the other; O(1) for the others. A request is the quantum,
/// or the runtime of an entity's reservation.
class Eevdf {
public:
    static constexpr const char* name = "eevdf";
    static constexpr PolicyTraits traits{.shares_by_weight = true};
    static constexpr Duration default_quantum = Duration::milliseconds(3);

    Eevdf() noexcept = default;
    explicit Eevdf(Duration quantum) noexcept : quantum_(quantum) {}
    explicit Eevdf(const PolicySetup& setup) noexcept
        : quantum_(setup.quantum_or(default_quantum)) {}

    void enqueue(Entity& entity, EnqueueReason why, Instant) noexcept {
        State& state = entity.state<State>();
        if (why == EnqueueReason::started) {
            state = {};
            state.rate.use(entity.weight);
            state.time = 0 - request_of(entity);
        }
        if (!state.counts) {
            join(entity);
        }
        if (why == EnqueueReason::yielded) {
            give_up_claims(entity);
        }
        insert(entity);
    }
    void remove(Entity& entity) noexcept {
        (entity.state<State>().waits_for_its_time ? early_ : eligible_).remove(entity);
        leave(entity);
    }
    [[nodiscard]] Entity* pick_next(Instant) noexcept {
        while (!early_.is_empty() && is_eligible(early_.first())) {
            insert(*early_.take_first());
        }
        while (!eligible_.is_empty()) {
            Entity& first = *eligible_.take_first();
            if (is_eligible(first)) {
                count_from(first.state<State>().time);
                return &first;
            }
            insert(first);  // others left, and took their claims along
        }
        return early_.take_first();  // off by a rounding
    }
    [[nodiscard]] TickVerdict charge(Entity& running, Duration ran, Instant) noexcept {
        State& state = running.state<State>();
        const std::uint64_t time = state.rate.virtual_time(ran);
        state.time += time;
        moment_ += static_cast<std::int64_t>(time) * state.rate.weight;
        if (is_before(state.time + virtual_step, state.deadline)) {
            return TickVerdict::keep_running;
        }
        state.deadline = state.time + request_of(running);
        return size() != 0 ? TickVerdict::preempt : TickVerdict::keep_running;
    }
    [[nodiscard]] bool preempts(const Entity& candidate, const Entity& running) const noexcept {
        return is_eligible(candidate) &&
               is_before(candidate.state<State>().deadline, running.state<State>().deadline);
    }
    [[nodiscard]] std::size_t size() const noexcept { return eligible_.size() + early_.size(); }

    /// What a runnable entity is owed; all together are zero.
    [[nodiscard]] Duration lag_of(const Entity& entity) const noexcept {
        const State& state = entity.state<State>();
        return Duration::nanoseconds(times(behind(state), state.rate.weight) / 1024);
    }

    // --- Refinements ---

    void leave(Entity& running, LeaveReason, Instant) noexcept { leave(running); }
    [[nodiscard]] Entity* give_away(const Taker& taker, Instant) noexcept {
        Entity* const early = early_.take_last(taker);
        Entity* const last = early != nullptr ? early : eligible_.take_last(taker);
        if (last != nullptr) {
            leave(*last);
        }
        return last;
    }
    /// What it is owed stays the same in real time.
    void reconsider(Entity& entity, const SchedulingParameters&, Instant) noexcept {
        State& state = entity.state<State>();
        if (!state.counts || state.rate.weight == entity.weight) {
            return;
        }
        const bool queued = entity.queued;
        if (queued) {
            (state.waits_for_its_time ? early_ : eligible_).remove(entity);
        }
        leave(entity);
        join(entity);
        if (queued) {
            insert(entity);
        }
    }
    [[nodiscard]] Instant look_again(const Entity* running, Instant now) const noexcept {
        if (running == nullptr || size() == 0) {
            return Instant::never();
        }
        const State& state = running->state<State>();
        return now +
               Duration::nanoseconds(times(static_cast<std::int64_t>(state.deadline - state.time),
                                           state.rate.weight) /
                                     1024);
    }
    [[nodiscard]] static constexpr std::size_t table_bytes(std::uint32_t capacity) noexcept {
        return 2 * KeyedQueue::bytes_for(capacity);
    }
    void use_tables(std::span<std::byte> memory, std::uint32_t capacity) noexcept {
        KeyedQueue::share(memory, capacity, eligible_, early_);
    }
    /// What it goes by (`Explains`).
    template <TextSink S>
    void explain(S& text, const Entity& entity, Instant) const noexcept {
        const State& state = entity.state<State>();
        format_to(text, "{}, deadline {} us, lag {} us",
                  is_eligible(entity) ? "eligible" : "not eligible",
                  in_microseconds(state.deadline - origin_) - average() / 1000,
                  lag_of(entity).count() / 1000);
    }

private:
    struct State {
        std::uint64_t time = 0;      ///< virtual, while it counts; else the lag, in virtual time
        std::uint64_t deadline = 0;  ///< virtual; else how long after `time` it is
        Rate rate;
        bool counts = false;              ///< runnable: a part of V
        bool waits_for_its_time = false;  ///< in which heap it is, while it is queued
    };

    [[nodiscard]] static std::int64_t times(std::int64_t time, std::uint32_t weight) noexcept {
        return time * static_cast<std::int64_t>(weight);
    }
    [[nodiscard]] std::uint64_t request_of(const Entity& entity) const noexcept {
        const Duration own = entity.reservation.runtime;
        return entity.state<State>().rate.virtual_time(own == Duration() ? quantum_ : own);
    }
    /// V >= time to the step that keys have, without the division by all weights.
    [[nodiscard]] bool is_eligible(const Entity& entity) const noexcept {
        const auto after = static_cast<std::int64_t>(entity.state<State>().time - origin_);
        return (after - static_cast<std::int64_t>(virtual_step)) *
                   static_cast<std::int64_t>(weight_) <
               moment_;
    }
    /// V - origin, rounded towards the origin: for joining and leaving only.
    [[nodiscard]] std::int64_t average() const noexcept {
        return weight_ == 0 ? 0 : divided(moment_, static_cast<std::uint32_t>(weight_));
    }
    [[nodiscard]] std::int64_t behind(const State& state) const noexcept {
        return average() - static_cast<std::int64_t>(state.time - origin_);
    }
    void insert(Entity& entity) noexcept {
        State& state = entity.state<State>();
        state.waits_for_its_time = !is_eligible(entity);
        if (state.waits_for_its_time) {
            early_.insert(entity, key_of(state.time));
        } else {
            eligible_.insert(entity, key_of(state.deadline));
        }
    }
    /// So that its lag afterwards is what it was when it left, in real time. Its coming draws V
    /// towards it: it must be put farther away than its lag, by (W + w) / W.
    void join(Entity& entity) noexcept {
        State& state = entity.state<State>();
        const std::uint32_t old_weight = state.rate.weight;
        auto lag = static_cast<std::int64_t>(state.time);
        auto left = static_cast<std::int64_t>(state.deadline);
        state.rate.use(entity.weight);
        if (old_weight != 0 && old_weight != entity.weight) {
            lag = divided(times(lag, old_weight), entity.weight);
            left = divided(times(left, old_weight), entity.weight);
        }
        const auto most = static_cast<std::int64_t>(request_of(entity));
        lag = std::clamp(lag, -most, most);
        if (weight_ != 0) {
            lag += divided(times(lag, entity.weight), static_cast<std::uint32_t>(weight_));
        }
        const std::int64_t after = average() - (weight_ == 0 ? 0 : lag);
        state.time = origin_ + static_cast<std::uint64_t>(after);
        state.deadline = state.time + (left > 0 && left < most ? static_cast<std::uint64_t>(left)
                                                               : static_cast<std::uint64_t>(most));
        state.counts = true;
        moment_ += times(after, entity.weight);
        weight_ += entity.weight;
    }
    /// Its request counts as served, and it is owed nothing: whoever waits comes before it.
    void give_up_claims(Entity& entity) noexcept {
        State& state = entity.state<State>();
        const std::uint64_t others = weight_ - state.rate.weight;
        if (others == 0) {
            return;
        }
        const auto own = static_cast<std::int64_t>(state.time - origin_);
        const std::int64_t average_of_others =
            divided(moment_ - times(own, state.rate.weight), static_cast<std::uint32_t>(others));
        const std::int64_t behind_them =
            std::max(static_cast<std::int64_t>(state.deadline - origin_),
                     average_of_others + 2 * static_cast<std::int64_t>(virtual_step));
        moment_ += times(behind_them - own, state.rate.weight);
        state.time = origin_ + static_cast<std::uint64_t>(behind_them);
        state.deadline = state.time + request_of(entity);
    }
    void leave(Entity& entity) noexcept {
        State& state = entity.state<State>();
        if (!state.counts) {
            return;
        }
        const std::int64_t lag = behind(state);
        moment_ -= times(static_cast<std::int64_t>(state.time - origin_), state.rate.weight);
        weight_ -= state.rate.weight;
        state.deadline -= state.time;
        state.time = static_cast<std::uint64_t>(lag);
        state.counts = false;
        if (weight_ == 0) {
            moment_ = 0;
        }
    }
    /// Keeps the numbers small.
    void count_from(std::uint64_t time) noexcept {
        moment_ -= static_cast<std::int64_t>(time - origin_) * static_cast<std::int64_t>(weight_);
        origin_ = time;
    }

    KeyedQueue eligible_;       ///< by deadline; those that were eligible when they came
    KeyedQueue early_;          ///< by time: had more than their share
    std::uint64_t origin_ = 0;  ///< of what follows
    std::int64_t moment_ = 0;   ///< sum of weight * (time - origin) of all that count
    std::uint64_t weight_ = 0;  ///< sum of their weights
    Duration quantum_ = default_quantum;
};

static_assert(SchedulerPolicy<Eevdf> && HearsOfLeaving<Eevdf> && GivesAway<Eevdf> &&
              Reconsiders<Eevdf> && LooksAgain<Eevdf> && KeepsTables<Eevdf> && SetUpPolicy<Eevdf>);

}  // namespace kidney::sched
