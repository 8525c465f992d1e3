/// The scheduler of 4.4BSD: priorities that follow from what a thread did lately.
///
///   recent_cpu   ticks that a thread had, forgotten little by little
///   load_avg     how many want to run, averaged over a minute
///   once in a second of all:  load_avg = 59/60 load_avg + 1/60 runnable
///                             recent_cpu = 2 load_avg / (2 load_avg + 1) recent_cpu + nice
///   every fourth tick:        priority = 63 - recent_cpu / 4 - 2 nice
///
/// Whoever computes sinks; whoever sleeps is forgiven, the slower the busier the machine is; nice
/// values count as a lower start. Inside a priority it is everybody's turn, four ticks each.
///
/// Numbers are fixed-point, 17.14, as kernels without a floating-point unit have them; the order of
/// the operations is part of the rule, so results are the same to the bit everywhere. Sleepers are
/// brought up to date when they wake, with the load of that moment. Where 4.4BSD charges whoever
/// runs when the clock ticks, here each pays for its own CPU time, so dodging ticks gains nothing.
///
/// Theory: McKusick, Bostic, Karels and Quarterman, The Design and Implementation of the 4.4BSD
/// Operating System, 4.4. That it is a feedback controller, and where it oscillates: Hellerstein,
/// "Achieving Service Rate Objectives with Decay Usage Scheduling", IEEE TSE 19(8), 1993.
#pragma once

#include "kidney/core/format.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/policies/entity_queue.hpp"
#include "sched/policies/level_queues.hpp"
#include "sched/policies/virtual_time.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kidney::sched {

/// 17.14: 14 bits behind the point.
class Fixed {
public:
    static constexpr unsigned bits = 14;
    constexpr Fixed() noexcept = default;
    explicit constexpr Fixed(std::int32_t whole) noexcept : raw_(whole * (1 << bits)) {}
    /// a / b, rounded towards zero. `b` is positive.
    [[nodiscard]] static constexpr Fixed ratio(std::int32_t a, std::int32_t b) noexcept {
        return of(Fixed(a).raw_ / b);
    }

    [[nodiscard]] constexpr std::int32_t raw() const noexcept { return raw_; }
    /// Rounded towards zero.
    [[nodiscard]] constexpr std::int32_t whole() const noexcept { return raw_ / (1 << bits); }
    /// In hundredths, to the nearest: how it is usually shown.
    [[nodiscard]] constexpr std::int32_t hundredths() const noexcept {
        const std::int32_t scaled = raw_ * 100;
        return (scaled + (scaled >= 0 ? 1 : -1) * (1 << (bits - 1))) / (1 << bits);
    }

    friend constexpr Fixed operator+(Fixed a, Fixed b) noexcept { return of(a.raw_ + b.raw_); }
    friend constexpr Fixed operator*(Fixed a, Fixed b) noexcept {
        return of(static_cast<std::int32_t>(std::int64_t{a.raw_} * b.raw_ / (1 << bits)));
    }
    friend constexpr Fixed operator*(Fixed a, std::int32_t n) noexcept { return of(a.raw_ * n); }
    /// `b` is positive.
    friend constexpr Fixed operator/(Fixed a, Fixed b) noexcept {
        return of(static_cast<std::int32_t>(
            divided(std::int64_t{a.raw_} * (1 << bits), static_cast<std::uint32_t>(b.raw_))));
    }
    friend constexpr bool operator==(Fixed, Fixed) noexcept = default;

private:
    [[nodiscard]] static constexpr Fixed of(std::int32_t raw) noexcept {
        Fixed f;
        f.raw_ = raw;
        return f;
    }
    std::int32_t raw_ = 0;
};

/// Cost: O(1) for every call, but once a second O(n) for the queued.
class Bsd {
public:
    static constexpr const char* name = "bsd";
    static constexpr PolicyTraits traits{.may_starve = true};
    static constexpr Duration tick = Duration::milliseconds(10);
    static constexpr Duration default_quantum = Duration::milliseconds(40);

    void enqueue(Entity& entity, EnqueueReason why, Instant now) noexcept {
        if (runs_ == &entity) {
            runs_ = nullptr;
        } else {
            rest_until(now);
        }
        State& state = entity.state<State>();
        if (why == EnqueueReason::started) {
            state = {.recent = {}, .second = second_, .part = 0, .level = level_for({}, entity)};
        } else if (state.second != second_) {
            catch_up(entity);
        }
        queues_.append(entity, level_of(entity));
    }
    void remove(Entity& entity) noexcept { queues_.remove(entity, level_of(entity)); }
    [[nodiscard]] Entity* pick_next(Instant now) noexcept {
        advance(now, nullptr);  // whoever ran has been charged: these ticks were nobody's
        Entity* const next = queues_.take_first();
        runs_ = next;
        return next;
    }
    [[nodiscard]] TickVerdict charge(Entity& running, Duration ran, Instant now) noexcept {
        State& state = running.state<State>();
        auto part = static_cast<std::int64_t>(state.part) + ran.count();
        for (; part >= tick.count(); part -= tick.count()) {
            state.recent = state.recent + Fixed(state.recent.whole() < most_recent ? 1 : 0);
        }
        state.part = static_cast<std::uint32_t>(part);
        advance(now, &running);
        const unsigned level = level_of(running);
        const TickVerdict slice = charge_slice(running, ran, default_quantum, queues_.has(level));
        return queues_.has_above(level) ? TickVerdict::preempt : slice;
    }
    [[nodiscard]] bool preempts(const Entity& candidate, const Entity& running) const noexcept {
        return level_of(candidate) > level_of(running);
    }
    [[nodiscard]] std::size_t size() const noexcept { return queues_.size(); }

    [[nodiscard]] Fixed load_average() const noexcept { return load_; }
    [[nodiscard]] static Fixed recent_cpu(const Entity& entity) noexcept {
        return entity.state<State>().recent;
    }
    /// Its own, or what it was lent.
    [[nodiscard]] static unsigned level_of(const Entity& entity) noexcept {
        return std::max(unsigned{entity.state<State>().level}, static_cast<unsigned>(entity.lent));
    }

    // --- Refinements ---

    void leave(Entity& entity, LeaveReason, Instant) noexcept {
        if (runs_ == &entity) {
            runs_ = nullptr;
        }
    }
    /// At the next tick of the policy's own clock.
    [[nodiscard]] Instant look_again(const Entity* running, Instant) const noexcept {
        return running == nullptr ? Instant::never() : next_tick_;
    }
    /// Another nice value counts at once.
    void reconsider(Entity& entity, const SchedulingParameters& old, Instant) noexcept {
        State& state = entity.state<State>();
        if (entity.nice == old.nice) {
            return;
        }
        const unsigned before = level_of(entity);
        state.level = level_for(state.recent, entity);
        move_if_queued(entity, before);
    }
    /// What a sleeper lends is the level at which it fell asleep.
    [[nodiscard]] static Urgency urgency(const Entity& entity) noexcept {
        return Urgency{level_of(entity)};
    }
    void lend(Entity& entity, Urgency lent, Instant) noexcept {
        const unsigned before = level_of(entity);
        entity.lent = lent;
        move_if_queued(entity, before);
    }
    /// Seconds are counted by each CPU for itself.
    void move_out(Entity& entity, Instant now) noexcept {
        rest_until(now);
        catch_up(entity);
        entity.state<State>().second -= second_;
    }
    void move_in(Entity& entity, Instant now) noexcept {
        rest_until(now);
        entity.state<State>().second += second_;
    }
    /// What it goes by (`Explains`).
    template <TextSink S>
    void explain(S& text, const Entity& entity, Instant) const noexcept {
        format_to(text, "level {}, recent CPU {}", std::uint32_t{entity.state<State>().level},
                  entity.state<State>().recent.whole());
    }

private:
    static constexpr std::uint32_t ticks_per_second = 100;
    static constexpr std::int32_t most_recent = 60'000;
    struct State {
        Fixed recent;
        std::uint32_t second = 0;  ///< when it was last forgiven
        std::uint32_t part = 0;    ///< of a tick, in nanoseconds
        std::uint8_t level = 0;
    };

    [[nodiscard]] static std::uint8_t level_for(Fixed recent, const Entity& entity) noexcept {
        const std::int32_t priority =
            63 - recent.raw() / 4 / (1 << Fixed::bits) - std::int32_t{entity.nice} * 2;
        return static_cast<std::uint8_t>(std::clamp(priority, 0, 63));
    }
    void move_if_queued(Entity& entity, unsigned from) noexcept {
        if (const unsigned to = level_of(entity); entity.queued && to != from) {
            queues_.remove(entity, from);
            queues_.append(entity, to);
        }
    }
    void forgive(Entity& entity) const noexcept {
        State& state = entity.state<State>();
        state.recent = decay_ * state.recent + Fixed(entity.nice);
        state.second = second_;
    }
    /// For each second that it slept, up to two minutes: nothing changes much after that.
    void catch_up(Entity& entity) const noexcept {
        State& state = entity.state<State>();
        for (std::uint32_t n = std::min(second_ - state.second, 120U); n != 0; --n) {
            forgive(entity);
        }
        state.second = second_;
        state.level = level_for(state.recent, entity);
    }

    /// Nobody ran: counts what has passed before anybody comes who did not wait for all that time.
    void rest_until(Instant now) noexcept {
        if (runs_ == nullptr) {
            advance(now, nullptr);
        }
    }
    void advance(Instant now, Entity* running) noexcept {
        constexpr Duration longest = Duration::seconds(600);
        if (now - next_tick_ > longest) {
            // Idle for so long that there is no load left.
            load_ = {};
            next_tick_ = now;
        }
        while (next_tick_ <= now) {
            next_tick_ = next_tick_ + tick;
            ++ticks_;
            if (ticks_ % ticks_per_second == 0) {
                every_second(running);
            }
            if (ticks_ % 4 == 0 && running != nullptr) {
                running->state<State>().level = level_for(running->state<State>().recent, *running);
            }
        }
    }
    void every_second(Entity* running) noexcept {
        const auto runnable =
            static_cast<std::int32_t>(queues_.size()) + (running != nullptr ? 1 : 0);
        load_ = Fixed::ratio(59, 60) * load_ + Fixed::ratio(1, 60) * runnable;
        decay_ = load_ * 2 / (load_ * 2 + Fixed(1));
        ++second_;
        if (running != nullptr) {
            forgive(*running);
        }
        // From the highest on, so that who was before another stays so where levels meet.
        EntityQueue all;
        while (Entity* const e = queues_.take_first()) {
            forgive(*e);
            all.append(*e);
        }
        while (Entity* const e = all.take_first()) {
            State& state = e->state<State>();
            state.level = level_for(state.recent, *e);
            queues_.append(*e, level_of(*e));
        }
    }

    LevelQueues<Priority::levels> queues_;
    const Entity* runs_ = nullptr;
    Instant next_tick_{static_cast<std::uint64_t>(tick.count())};
    std::uint32_t ticks_ = 0;
    std::uint32_t second_ = 0;
    Fixed load_;
    Fixed decay_;
};

static_assert(SchedulerPolicy<Bsd> && LooksAgain<Bsd> && Reconsiders<Bsd> && MovesState<Bsd> &&
              LendsUrgency<Bsd>);

}  // namespace kidney::sched
