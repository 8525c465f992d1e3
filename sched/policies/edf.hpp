/// Earliest deadline first, for threads with a reservation; in turn for the others, below them.
///
/// A reservation is a runtime in each period, to be had before a deadline. Whoever has used its
/// runtime waits for its next period (a constant-bandwidth server), even if the CPU idles
/// meanwhile: so nobody's mistake about itself makes another one late. Whoever wakes up goes on
/// with what it had left only if that would not be more than its share of the time to its deadline;
/// else a new period begins then.
///
/// Theory: on one CPU EDF misses no deadline if the runtimes together are no more than the periods
/// hold (Liu and Layland 1973; Dertouzos 1974: no rule can do better). Past that point there is a
/// domino of misses, which is why the servers: Abeni and Buttazzo, "Integrating Multimedia
/// Applications in Hard Real-Time Systems", RTSS 1998.
#pragma once

#include "kidney/core/format.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/policies/entity_queue.hpp"
#include "sched/policies/keyed_queue.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::sched {

/// Cost: O(log n) for enqueue(), remove() and pick_next(), O(1) for the others; replenish() a push
/// and a pop for each period that begins. Deadlines less than a microsecond apart count as equal.
class Edf {
public:
    static constexpr const char* name = "edf";
    static constexpr PolicyTraits traits{
        .fresh_slices = true, .takes_reservations = true, .may_starve = true};
    static constexpr Duration default_quantum = Duration::milliseconds(10);

    Edf() noexcept = default;
    explicit Edf(const PolicySetup& setup) noexcept : quantum_(setup.quantum_or(default_quantum)) {}

    void enqueue(Entity& entity, EnqueueReason why, Instant now) noexcept {
        if (entity.reservation.is_any()) {
            if (why == EnqueueReason::started ||
                (why == EnqueueReason::woken && is_late(entity, now))) {
                begin_period(entity, now);
            } else if (why == EnqueueReason::yielded) {
                entity.state<State>().budget = Duration();  // done for this period
            }
        }
        insert(entity);
    }
    void remove(Entity& entity) noexcept {
        switch (entity.state<State>().place) {
            case Place::others:
                others_.remove(entity);
                --others_count_;
                break;
            case Place::ready:
                ready_.remove(entity);
                break;
            case Place::spent:
                spent_.remove(entity);
                break;
        }
    }
    [[nodiscard]] Entity* pick_next(Instant now) noexcept {
        replenish(now);
        return ready_.is_empty() ? take_other() : ready_.take_first();
    }
    /// Whoever has nothing left may not go on, even if nobody else wants to run.
    [[nodiscard]] TickVerdict charge(Entity& running, Duration ran, Instant) noexcept {
        if (running.reservation.is_any()) {
            running.state<State>().budget -= ran;
        }
        const Urgency claim = claim_of(running);
        const bool somebody_comes = !ready_.is_empty() && claim_of(ready_.first()) > claim;
        const TickVerdict verdict = claim != Urgency::none ? TickVerdict::keep_running
                                    : running.reservation.is_any()
                                        ? TickVerdict::preempt
                                        : charge_slice(running, ran, quantum_, others_count_ != 0);
        return somebody_comes ? TickVerdict::preempt : verdict;
    }
    [[nodiscard]] bool preempts(const Entity& candidate, const Entity& running) const noexcept {
        return claim_of(candidate) > claim_of(running);
    }
    [[nodiscard]] std::size_t size() const noexcept { return eligible() + spent_.size(); }

    // --- Refinements ---

    /// Those whose next period has come have something to spend again.
    void replenish(Instant now) noexcept {
        while (!spent_.is_empty() && next_period(spent_.first()) <= now) {
            Entity& entity = *spent_.take_first();
            State& state = entity.state<State>();
            const Instant begins = next_period(entity);
            const Duration overdrawn = state.budget;
            begin_period(entity, now - begins < entity.reservation.period ? begins : now);
            state.budget += overdrawn;
            insert(entity);
        }
    }
    [[nodiscard]] std::size_t eligible() const noexcept { return ready_.size() + others_count_; }
    [[nodiscard]] Instant look_again(const Entity* running, Instant now) const noexcept {
        const Instant period = spent_.is_empty() ? Instant::never() : next_period(spent_.first());
        if (running == nullptr) {
            return period;
        }
        if (running->lent != Urgency::none) {
            return period;
        }
        if (running->reservation.is_any()) {
            return std::min(period, now + running->state<State>().budget);
        }
        return others_count_ == 0 ? period
                                  : std::min(period, now + (quantum_ - running->slice_used));
    }
    [[nodiscard]] Entity* give_away(const Taker& taker, Instant) noexcept {
        Entity* const other = others_.take_first_for(taker);
        others_count_ -= other != nullptr ? 1 : 0;
        return other != nullptr ? other : ready_.take_last(taker);
    }
    /// A new reservation begins at once.
    void reconsider(Entity& entity, const SchedulingParameters& old, Instant now) noexcept {
        if (entity.reservation == old.reservation) {
            return;
        }
        const bool queued = entity.queued;
        if (queued) {
            remove(entity);
        }
        begin_period(entity, now);
        if (queued) {
            insert(entity);
        }
    }
    /// The nearer the deadline.
    [[nodiscard]] static Urgency urgency(const Entity& entity) noexcept {
        return std::max(entity.lent, own_urgency(entity));
    }
    /// With a deadline of somebody else's it runs on even if it has used its own runtime, which it
    /// owes then to its next period: whoever waits for it must not wait that long.
    void lend(Entity& entity, Urgency lent, Instant) noexcept {
        const bool queued = entity.queued && lent != entity.lent;
        if (queued) {
            remove(entity);
        }
        entity.lent = lent;
        if (queued) {
            insert(entity);
        }
    }
    [[nodiscard]] static constexpr std::size_t table_bytes(std::uint32_t capacity) noexcept {
        return 2 * KeyedQueue::bytes_for(capacity);
    }
    void use_tables(std::span<std::byte> memory, std::uint32_t capacity) noexcept {
        KeyedQueue::share(memory, capacity, ready_, spent_);
    }
    /// What it goes by (`Explains`).
    template <TextSink S>
    void explain(S& text, const Entity& entity, Instant now) const noexcept {
        const State& state = entity.state<State>();
        if (!entity.reservation.is_any()) {
            format_to(text, "no reservation");
        } else if (state.place == Place::spent) {
            format_to(text, "has used its runtime");
        } else {
            format_to(text, "deadline in {} us", (state.deadline - now).count() / 1000);
        }
    }

private:
    enum class Place : std::uint8_t { others, ready, spent };
    struct State {
        Instant period;  ///< when it began
        Instant deadline;
        Duration budget;  ///< what is left of the runtime; below zero if it was stopped too late
        Place place = Place::others;  ///< while it is queued
    };

    [[nodiscard]] static Urgency own_urgency(const Entity& e) noexcept {
        return e.reservation.is_any() ? Urgency{~e.state<State>().deadline.nanoseconds()}
                                      : Urgency::none;
    }
    /// By what it competes now: none if it has no reservation, or has spent it.
    [[nodiscard]] static Urgency claim_of(const Entity& e) noexcept {
        return e.state<State>().budget > Duration() ? urgency(e) : e.lent;
    }
    [[nodiscard]] static Instant next_period(const Entity& e) noexcept {
        return e.state<State>().period + e.reservation.period;
    }
    static void begin_period(Entity& entity, Instant now) noexcept {
        State& state = entity.state<State>();
        state.period = now;
        state.deadline = now + entity.reservation.deadline;
        state.budget = entity.reservation.runtime;
    }
    /// With what it has left it would get more than its share until its deadline: budget /
    /// (deadline
    /// - now) > runtime / deadline, as products of microseconds.
    [[nodiscard]] static bool is_late(const Entity& entity, Instant now) noexcept {
        const State& state = entity.state<State>();
        if (now >= state.deadline) {
            return true;
        }
        const auto us = [](Duration d) { return d.count() >> 10; };
        return us(state.budget) * us(entity.reservation.deadline) >
               us(state.deadline - now) * us(entity.reservation.runtime);
    }
    void insert(Entity& entity) noexcept {
        State& state = entity.state<State>();
        if (const Urgency claim = claim_of(entity); claim != Urgency::none) {
            state.place = Place::ready;
            ready_.insert(entity, ~static_cast<std::uint64_t>(claim) >> 10);
        } else if (entity.reservation.is_any()) {
            state.place = Place::spent;
            spent_.insert(entity, next_period(entity).nanoseconds() >> 10);
        } else {
            state.place = Place::others;
            others_.append(entity);
            ++others_count_;
        }
    }
    [[nodiscard]] Entity* take_other() noexcept {
        Entity* const first = others_.take_first();
        others_count_ -= first != nullptr ? 1 : 0;
        return first;
    }

    KeyedQueue ready_;    ///< by deadline
    KeyedQueue spent_;    ///< by when their next period begins
    EntityQueue others_;  ///< without a reservation
    std::size_t others_count_ = 0;
    Duration quantum_ = default_quantum;
};

static_assert(SchedulerPolicy<Edf> && Throttles<Edf> && GivesAway<Edf> && Reconsiders<Edf> &&
              KeepsTables<Edf> && SetUpPolicy<Edf> && LendsUrgency<Edf>);

}  // namespace kidney::sched
