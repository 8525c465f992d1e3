/// Multi-level feedback queue: learns who is interactive from what it does.
///
///   1  The highest level that has somebody runs; in turn inside a level.
///   2  Whoever begins is at the top.
///   3  Whoever has used its allotment at a level, in however many pieces, goes one level down.
///      Sleeping just before the end of a slice gains nothing, because what was used stays used.
///   4  Now and then all are lifted to the top (the boost): who computes does not starve, and who
///      becomes interactive is seen.
///
/// Lower levels have longer slices, because whoever is there computes and gains from fewer
/// switches. Weights and nice values do not count.
///
/// Theory: shortest job first without knowing the future (Corbató et al. 1962; the rules as in
/// Arpaci-Dusseau, Operating Systems: Three Easy Pieces, chapter 8).
#pragma once

#include "kidney/core/format.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/policies/entity_queue.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::sched {

struct MlfqRules {
    static constexpr std::size_t most_levels = 8;
    std::size_t levels = 4;
    Duration quantum = Duration::milliseconds(10);  ///< at the top
    bool doubles = true;                            ///< one level down: twice as long
    std::uint32_t allotment = 2;                    ///< quanta until an entity goes down
    Duration boost = Duration::seconds(1);          ///< zero: never
    bool forgets = false;  ///< rule 3 as it was at first: a sleep gives a fresh allotment
};

/// Cost: O(levels) for pick_next(), charge() and a boost, O(1) for the others.
class Mlfq {
public:
    static constexpr const char* name = "mlfq";

    Mlfq() noexcept = default;
    explicit Mlfq(const MlfqRules& rules) noexcept : rules_(rules) {}
    explicit Mlfq(const PolicySetup& setup) noexcept {
        rules_.quantum = setup.quantum_or(rules_.quantum);
    }

    void enqueue(Entity& entity, EnqueueReason why, Instant now) noexcept {
        boost_if_due(now);
        State& state = entity.state<State>();
        if (why == EnqueueReason::started || is_boosted(state)) {
            state = {.since = now, .used = {}, .level = 0};
        } else if (why == EnqueueReason::woken && rules_.forgets) {
            state.used = {};
        }
        levels_[level_of(entity)].append(entity);
        ++size_;
    }
    void remove(Entity& entity) noexcept {
        levels_[level_of(entity)].remove(entity);
        --size_;
    }
    [[nodiscard]] Entity* pick_next(Instant) noexcept {
        Entity* const first = levels_[highest()].take_first();
        size_ -= first != nullptr ? 1 : 0;
        return first;
    }
    [[nodiscard]] TickVerdict charge(Entity& running, Duration ran, Instant now) noexcept {
        boost_if_due(now);
        State& state = running.state<State>();
        if (is_boosted(state)) {
            state = {.since = now, .used = {}, .level = 0};
            state.used = std::min(ran, now - last_boost_);  // what it ran before is forgotten
        } else {
            state.used += ran;
        }
        const Duration quantum = quantum_of(state.level);
        if (state.used >= allotment_of(state.level) && state.level + 1U < rules_.levels) {
            state = {.since = now, .used = {}, .level = static_cast<std::uint8_t>(state.level + 1)};
        }
        // Somebody as high or higher comes next; nobody lower does.
        const std::size_t level = level_of(running);
        const bool somebody_waits = size_ != 0 && highest() <= level;
        const TickVerdict slice = charge_slice(running, ran, quantum, somebody_waits);
        return size_ != 0 && highest() < level ? TickVerdict::preempt : slice;
    }
    [[nodiscard]] bool preempts(const Entity& candidate, const Entity& running) const noexcept {
        return level_of(candidate) < level_of(running);
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Nobody's place depends on parameters.
    void reconsider(Entity&, const SchedulingParameters&, Instant) noexcept {}

    /// The higher the level, the more urgent. What it uses meanwhile counts at its own level.
    [[nodiscard]] Urgency urgency(const Entity& entity) const noexcept {
        return Urgency{MlfqRules::most_levels - level_of(entity)};
    }
    void lend(Entity& entity, Urgency lent, Instant) noexcept {
        const std::uint8_t before = level_of(entity);
        entity.lent = lent;
        if (const std::uint8_t after = level_of(entity); entity.queued && after != before) {
            levels_[before].remove(entity);
            levels_[after].append(entity);
        }
    }

    /// 0 is the top.
    [[nodiscard]] std::uint8_t level_of(const Entity& entity) const noexcept {
        const State& state = entity.state<State>();
        const std::uint8_t own = is_boosted(state) ? std::uint8_t{0} : state.level;
        const auto lent = static_cast<std::uint8_t>(MlfqRules::most_levels -
                                                    static_cast<std::uint8_t>(entity.lent));
        return std::min(own, lent);
    }
    /// What it goes by (`Explains`).
    template <TextSink S>
    void explain(S& text, const Entity& entity, Instant) const noexcept {
        format_to(text, "level {}", std::uint32_t{level_of(entity)});
    }

private:
    struct State {
        Instant since;  ///< when it came to its level
        Duration used;  ///< CPU time there
        std::uint8_t level = 0;
    };

    [[nodiscard]] bool is_boosted(const State& state) const noexcept {
        return state.since < last_boost_;
    }
    [[nodiscard]] Duration quantum_of(std::size_t level) const noexcept {
        return Duration::nanoseconds(rules_.quantum.count() << (rules_.doubles ? level : 0));
    }
    [[nodiscard]] Duration allotment_of(std::size_t level) const noexcept {
        return Duration::nanoseconds(quantum_of(level).count() * rules_.allotment);
    }
    [[nodiscard]] std::size_t highest() const noexcept {
        std::size_t level = 0;
        while (level + 1 < rules_.levels && levels_[level].is_empty()) {
            ++level;
        }
        return level;
    }
    /// Nobody is touched, however many there are: whose level is from before the boost has none.
    void boost_if_due(Instant now) noexcept {
        if (rules_.boost == Duration() || now - last_boost_ < rules_.boost) {
            return;
        }
        last_boost_ = now;
        for (std::size_t level = 1; level < rules_.levels; ++level) {
            levels_[0].append_all(levels_[level]);
        }
    }

    std::array<EntityQueue, MlfqRules::most_levels> levels_;
    std::size_t size_ = 0;
    Instant last_boost_;
    MlfqRules rules_;
};

static_assert(SchedulerPolicy<Mlfq> && SetUpPolicy<Mlfq> && Reconsiders<Mlfq> &&
              LendsUrgency<Mlfq>);

}  // namespace kidney::sched
