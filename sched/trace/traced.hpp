/// A scheduler policy that writes down what it is asked and what it answers.
///
/// `Traced<P>` is a SchedulerPolicy itself and decides exactly as `P` does. Without a buffer it
/// costs one comparison per call. It keeps the *first* records, not the last: a trace that does not
/// start from an empty policy could not be repeated.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/trace/record.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::sched {

template <SchedulerPolicy P>
class Traced {
public:
    static constexpr const char* name = P::name;
    static constexpr PolicyTraits traits = traits_of<P>();

    Traced() noexcept = default;
    explicit Traced(const PolicySetup& setup) noexcept : policy_(or_default::make<P>(setup)) {}

    /// Records go to `buffer` until it is full. Only while nothing is queued.
    void attach(std::span<TraceRecord> buffer) noexcept {
        KIDNEY_INVARIANT(policy_.size() == 0, "a trace starts with an empty policy");
        buffer_ = buffer;
        used_ = 0;
        dropped_ = 0;
    }
    [[nodiscard]] std::span<const TraceRecord> records() const noexcept {
        return buffer_.first(used_);
    }
    /// How many more there were than the buffer holds.
    [[nodiscard]] std::size_t dropped() const noexcept { return dropped_; }

    void enqueue(Entity& entity, EnqueueReason why, Instant now) noexcept {
        if (TraceRecord* const r = next(TraceRecord::Call::enqueue, entity)) {
            r->reason = why;
            r->slot = entity.slot;
            r->parameters = entity;
            r->now = now;
        }
        policy_.enqueue(entity, why, now);
    }
    void remove(Entity& entity) noexcept {
        static_cast<void>(next(TraceRecord::Call::remove, entity));
        policy_.remove(entity);
    }
    [[nodiscard]] Entity* pick_next(Instant now) noexcept {
        Entity* const answer = policy_.pick_next(now);
        if (TraceRecord* const r = next(TraceRecord::Call::pick_next)) {
            r->id = answer == nullptr ? 0 : answer->id;
            r->now = now;
        }
        return answer;
    }
    [[nodiscard]] TickVerdict charge(Entity& running, Duration ran, Instant now) noexcept {
        TraceRecord* const r = next(TraceRecord::Call::charge, running);
        const TickVerdict answer = policy_.charge(running, ran, now);
        if (r != nullptr) {
            r->ran = ran;
            r->now = now;
            r->answer = static_cast<std::uint8_t>(answer);
        }
        return answer;
    }
    [[nodiscard]] bool preempts(const Entity& candidate, const Entity& running) const noexcept {
        const bool answer = policy_.preempts(candidate, running);
        if (TraceRecord* const r = next(TraceRecord::Call::preempts, candidate)) {
            r->other = running.id;
            r->other_priority = running.priority;
            r->answer = answer ? 1 : 0;
        }
        return answer;
    }
    [[nodiscard]] std::size_t size() const noexcept { return policy_.size(); }

    // --- What P may have beside that ---

    [[nodiscard]] static constexpr std::size_t table_bytes(std::uint32_t capacity) noexcept
        requires KeepsTables<P>
    {
        return P::table_bytes(capacity);
    }
    void use_tables(std::span<std::byte> memory, std::uint32_t capacity) noexcept
        requires KeepsTables<P>
    {
        policy_.use_tables(memory, capacity);
    }
    void leave(Entity& running, LeaveReason why, Instant now) noexcept
        requires HearsOfLeaving<P>
    {
        if (TraceRecord* const r = next(TraceRecord::Call::leave, running, now)) {
            r->leaves = why;
        }
        policy_.leave(running, why, now);
    }
    [[nodiscard]] Entity* give_away(const Taker& taker, Instant now) noexcept
        requires GivesAway<P>
    {
        Entity* const answer = policy_.give_away(taker, now);
        if (TraceRecord* const r = next(TraceRecord::Call::give_away)) {
            r->id = answer == nullptr ? 0 : answer->id;
            r->taker = taker;
            r->now = now;
        }
        return answer;
    }
    /// Recorded whatever P has: here an entity comes whose past stands in another trace.
    void move_out(Entity& entity, Instant now) noexcept {
        static_cast<void>(next(TraceRecord::Call::move_out, entity, now));
        if constexpr (MovesState<P>) {
            policy_.move_out(entity, now);
        }
    }
    void move_in(Entity& entity, Instant now) noexcept {
        if (TraceRecord* const r = next(TraceRecord::Call::move_in, entity, now)) {
            r->kept = entity.kept;
            r->lent = entity.lent;
        }
        if constexpr (MovesState<P>) {
            policy_.move_in(entity, now);
        }
    }
    void reconsider(Entity& entity, const SchedulingParameters& old, Instant now) noexcept
        requires Reconsiders<P>
    {
        if (TraceRecord* const r = next(TraceRecord::Call::reconsider, entity, now)) {
            r->parameters = entity;
        }
        policy_.reconsider(entity, old, now);
    }
    [[nodiscard]] Urgency urgency(const Entity& entity) const noexcept
        requires LendsUrgency<P>
    {
        return policy_.urgency(entity);
    }
    void lend(Entity& entity, Urgency lent, Instant now) noexcept
        requires LendsUrgency<P>
    {
        if (TraceRecord* const r = next(TraceRecord::Call::lend, entity, now)) {
            r->lent = lent;
        }
        policy_.lend(entity, lent, now);
    }
    [[nodiscard]] Instant look_again(const Entity* running, Instant now) const noexcept
        requires LooksAgain<P>
    {
        return policy_.look_again(running, now);
    }
    void replenish(Instant now) noexcept
        requires Throttles<P>
    {
        if (TraceRecord* const r = next(TraceRecord::Call::replenish)) {
            r->now = now;
        }
        policy_.replenish(now);
    }
    [[nodiscard]] std::size_t eligible() const noexcept
        requires Throttles<P>
    {
        return policy_.eligible();
    }

private:
    [[nodiscard]] TraceRecord* next(TraceRecord::Call call) const noexcept {
        if (used_ == buffer_.size()) {
            dropped_ += buffer_.empty() ? 0 : 1;
            return nullptr;
        }
        TraceRecord& record = buffer_[used_++];
        record = TraceRecord();
        record.call = call;
        return &record;
    }
    [[nodiscard]] TraceRecord* next(TraceRecord::Call call, const Entity& entity) const noexcept {
        TraceRecord* const record = next(call);
        if (record != nullptr) {
            record->id = entity.id;
            record->priority = entity.priority;
        }
        return record;
    }
    [[nodiscard]] TraceRecord* next(TraceRecord::Call call, const Entity& entity,
                                    Instant now) const noexcept {
        TraceRecord* const record = next(call, entity);
        if (record != nullptr) {
            record->now = now;
        }
        return record;
    }

    P policy_;
    std::span<TraceRecord> buffer_;
    mutable std::size_t used_ = 0;  // mutable: asking preempts() is recorded too
    mutable std::size_t dropped_ = 0;
};

}  // namespace kidney::sched
