/// Rate monotonic: of the threads with a reservation the one with the shortest period runs; the
/// others in turn, below them.
///
/// Fixed priorities that nobody has to choose. Who is urgent never changes, so under overload it is
/// always the same ones, those with long periods, that are late.
///
/// Theory: Liu and Layland 1973: no fixed priorities can do better on one CPU, if deadlines are the
/// ends of periods. n threads with runtimes C and periods T miss no deadline if the sum of C/T is
/// at most n (2^(1/n) - 1), which falls to ln 2; many sets beyond it do not either, and response
/// times tell exactly which (Joseph and Pandya 1986).
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

/// Cost: O(log n) for enqueue(), remove() and pick_next(), O(1) for the others. Runtimes are not
/// enforced.
class RateMonotonic {
public:
    static constexpr const char* name = "rate_monotonic";
    static constexpr PolicyTraits traits{
        .fresh_slices = true, .takes_reservations = true, .may_starve = true};
    static constexpr Duration default_quantum = Duration::milliseconds(10);

    RateMonotonic() noexcept = default;
    explicit RateMonotonic(const PolicySetup& setup) noexcept
        : quantum_(setup.quantum_or(default_quantum)) {}

    void enqueue(Entity& entity, EnqueueReason, Instant) noexcept {
        const Urgency claim = urgency(entity);
        entity.state<State>().is_periodic = claim != Urgency::none;
        if (claim != Urgency::none) {
            periodic_.insert(entity, ~static_cast<std::uint64_t>(claim) >> 10);
        } else {
            others_.append(entity);
            ++others_count_;
        }
    }
    void remove(Entity& entity) noexcept {
        if (entity.state<State>().is_periodic) {
            periodic_.remove(entity);
        } else {
            others_.remove(entity);
            --others_count_;
        }
    }
    [[nodiscard]] Entity* pick_next(Instant) noexcept {
        if (!periodic_.is_empty()) {
            return periodic_.take_first();
        }
        Entity* const first = others_.take_first();
        others_count_ -= first != nullptr ? 1 : 0;
        return first;
    }
    [[nodiscard]] TickVerdict charge(Entity& running, Duration ran, Instant) noexcept {
        if (!periodic_.is_empty() && preempts(periodic_.first(), running)) {
            return TickVerdict::preempt;
        }
        return urgency(running) != Urgency::none
                   ? TickVerdict::keep_running
                   : charge_slice(running, ran, quantum_, others_count_ != 0);
    }
    [[nodiscard]] bool preempts(const Entity& candidate, const Entity& running) const noexcept {
        return urgency(candidate) > urgency(running);
    }
    [[nodiscard]] std::size_t size() const noexcept { return periodic_.size() + others_count_; }

    // --- Refinements ---

    /// The shorter the period. Whoever has none of its own may be lent one.
    [[nodiscard]] static Urgency urgency(const Entity& entity) noexcept {
        const Urgency own =
            entity.reservation.is_any()
                ? Urgency{~static_cast<std::uint64_t>(entity.reservation.period.count())}
                : Urgency::none;
        return std::max(own, entity.lent);
    }
    void lend(Entity& entity, Urgency lent, Instant now) noexcept {
        const bool queued = entity.queued && lent != entity.lent;
        if (queued) {
            remove(entity);
        }
        entity.lent = lent;
        if (queued) {
            enqueue(entity, EnqueueReason::preempted, now);
        }
    }

    [[nodiscard]] static constexpr std::size_t table_bytes(std::uint32_t capacity) noexcept {
        return KeyedQueue::bytes_for(capacity);
    }
    void use_tables(std::span<std::byte> memory, std::uint32_t capacity) noexcept {
        KeyedQueue::share(memory, capacity, periodic_);
    }
    [[nodiscard]] static constexpr std::uint32_t most_comparisons(std::uint32_t slots) noexcept {
        return Tournament::most_comparisons(slots);
    }
    /// What it goes by (`Explains`).
    template <TextSink S>
    void explain(S& text, const Entity& entity, Instant) const noexcept {
        if (entity.reservation.is_any()) {
            format_to(text, "period {} us", entity.reservation.period.count() / 1000);
        } else {
            format_to(text, "no period");
        }
    }

private:
    struct State {
        bool is_periodic = false;  ///< which queue it is in
    };

    KeyedQueue periodic_;  ///< by period, lent or own
    EntityQueue others_;
    std::size_t others_count_ = 0;
    Duration quantum_ = default_quantum;
};

static_assert(SchedulerPolicy<RateMonotonic> && KeepsTables<RateMonotonic> &&
              SetUpPolicy<RateMonotonic> && LendsUrgency<RateMonotonic> &&
              BoundsComparisons<RateMonotonic>);

}  // namespace kidney::sched
