/// Schedulers with one realistic mistake each: a law must name every one of them.
#include "sched/policies/cfs.hpp"
#include "sched/policies/fixed_priority.hpp"
#include "sched/policies/mlfq.hpp"
#include "sched/policies/stride.hpp"
#include "tests/laws/scheduler_policy_laws.hpp"
#include "tests/support/law_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace kidney {
namespace {

using sched::EnqueueReason;
using sched::Entity;
using sched::PolicyTraits;
using sched::TickVerdict;

/// Round robin over priorities as one would write it in an afternoon; right as it stands.
template <bool by_priority>
class Afternoon {
public:
    static constexpr const char* name = "afternoon";
    static constexpr PolicyTraits traits{
        .strict_priority = by_priority, .fresh_slices = true, .may_starve = by_priority};

    void enqueue(Entity& e, EnqueueReason, Instant) noexcept { append(e); }
    void remove(Entity& e) noexcept {
        e.queued = false;
        std::erase(queue, &e);
    }
    Entity* pick_next(Instant) noexcept { return take(best()); }
    TickVerdict charge(Entity& running, Duration ran, Instant) noexcept {
        running.slice_used += ran;
        const bool over = running.slice_used >= Duration::milliseconds(10);
        if (queue.empty()) {
            running.slice_used = over ? Duration() : running.slice_used;
            return TickVerdict::keep_running;
        }
        const Entity& next = **best();
        const bool yields = over && !(by_priority && next.priority < running.priority);
        if (over && !yields) {
            running.slice_used = Duration();
        }
        return yields || preempts(next, running) ? TickVerdict::preempt : TickVerdict::keep_running;
    }
    bool preempts(const Entity& candidate, const Entity& running) const noexcept {
        return by_priority && candidate.priority > running.priority;
    }
    std::size_t size() const noexcept { return queue.size(); }

protected:
    using Place = std::vector<Entity*>::iterator;
    void append(Entity& e) noexcept {
        e.queued = true;
        queue.push_back(&e);
    }
    void prepend(Entity& e) noexcept {
        e.queued = true;
        queue.insert(queue.begin(), &e);
    }
    Place best() noexcept {
        return by_priority ? std::max_element(queue.begin(), queue.end(),
                                              [](const Entity* a, const Entity* b) {
                                                  return a->priority < b->priority;
                                              })
                           : queue.begin();
    }
    Entity* take(Place place) noexcept {
        if (place == queue.end()) {
            return nullptr;
        }
        Entity* const e = *place;
        queue.erase(place);
        e->queued = false;
        e->slice_used = Duration();
        return e;
    }
    std::vector<Entity*> queue;
};
using InTurn = Afternoon<false>;
using ByPriority = Afternoon<true>;

// --- In turn ---

struct LastInFirstOut : InTurn {
    void enqueue(Entity& e, EnqueueReason, Instant) noexcept { prepend(e); }
};
struct PreemptedToTheFront : InTurn {
    void enqueue(Entity& e, EnqueueReason why, Instant) noexcept {
        why == EnqueueReason::preempted ? prepend(e) : append(e);
    }
};
struct YieldsToTheFront : InTurn {
    void enqueue(Entity& e, EnqueueReason why, Instant) noexcept {
        why == EnqueueReason::yielded ? prepend(e) : append(e);
    }
};
struct SliceSurvivesSleep : InTurn {
    Entity* pick_next(Instant now) noexcept {
        const Duration used = queue.empty() ? Duration() : queue.front()->slice_used;
        Entity* const e = InTurn::pick_next(now);
        if (e != nullptr && used < Duration::milliseconds(10)) {
            e->slice_used = used;
        }
        return e;
    }
};
struct NeverPreempts : InTurn {
    TickVerdict charge(Entity&, Duration, Instant) noexcept { return TickVerdict::keep_running; }
};
struct ClaimsToRunToCompletion : InTurn {
    static constexpr PolicyTraits traits{.run_to_completion = true};
};
struct PreemptsForNobody : InTurn {
    TickVerdict charge(Entity& e, Duration ran, Instant) noexcept {
        e.slice_used += ran;
        return e.slice_used >= Duration::milliseconds(10) ? TickVerdict::preempt
                                                          : TickVerdict::keep_running;
    }
};
struct RemovesByMovingTheLast : InTurn {
    void remove(Entity& e) noexcept {
        const auto place = std::find(queue.begin(), queue.end(), &e);
        std::iter_swap(place, queue.end() - 1);
        queue.pop_back();
        e.queued = false;
    }
};
struct RemovesTheNeighbour : InTurn {
    void remove(Entity& e) noexcept {
        auto place = std::find(queue.begin(), queue.end(), &e);
        if (queue.size() > 20) {
            queue.erase(place + 1 == queue.end() ? queue.begin() : place + 1);
        } else {
            queue.erase(place);
        }
        e.queued = false;
    }
};
struct ForgetsToCountARemoval : InTurn {
    void remove(Entity& e) noexcept {
        InTurn::remove(e);
        ++lost;
    }
    std::size_t size() const noexcept { return queue.size() + lost; }
    std::size_t lost = 0;
};
struct PicksAndKeeps : InTurn {
    Entity* pick_next(Instant now) noexcept {
        Entity* const e = InTurn::pick_next(now);
        if (e != nullptr && e->id == 5) {
            prepend(*e);
        }
        return e;
    }
};
struct IdlesNowAndThen : InTurn {
    Entity* pick_next(Instant now) noexcept {
        return ++picks % 7 == 0 ? nullptr : InTurn::pick_next(now);
    }
    std::size_t picks = 0;
};
struct BreaksTiesByAddress : InTurn {
    Entity* pick_next(Instant) noexcept { return take(std::ranges::min_element(queue)); }
};
struct KeepsAStatic : InTurn {
    Entity* pick_next(Instant) noexcept {
        static std::size_t picks = 0;
        return take(queue.empty()
                        ? queue.end()
                        : queue.begin() + static_cast<std::ptrdiff_t>(++picks / 3 % queue.size()));
    }
};
struct PassesOverOne : InTurn {
    Entity* pick_next(Instant) noexcept {
        const auto other = std::ranges::find_if(queue, [](const Entity* e) { return e->id != 3; });
        return take(other == queue.end() ? queue.begin() : other);
    }
};
struct PreemptsAtOnce : InTurn {
    bool preempts(const Entity& a, const Entity& b) const noexcept { return a.id < b.id; }
};
struct PreemptsItself : InTurn {
    bool preempts(const Entity&, const Entity&) const noexcept { return true; }
};
struct GivesAwayAndKeeps : InTurn {
    Entity* give_away(const sched::Taker&, Instant) noexcept {
        return queue.empty() ? nullptr : queue.back();
    }
};
struct GivesAwayTwo : InTurn {
    Entity* give_away(const sched::Taker&, Instant now) noexcept {
        Entity* const e = pick_next(now);
        static_cast<void>(queue.size() > 2 ? pick_next(now) : nullptr);
        return e;
    }
};
struct GivesAwayNothing : InTurn {
    Entity* give_away(const sched::Taker&, Instant) noexcept { return nullptr; }
};

// --- By priority ---

struct LastOfEqualsFirst : ByPriority {
    void enqueue(Entity& e, EnqueueReason, Instant) noexcept { prepend(e); }
};
struct LowestFirst : ByPriority {
    Entity* pick_next(Instant) noexcept {
        return take(std::ranges::min_element(
            queue, [](const Entity* a, const Entity* b) { return a->priority < b->priority; }));
    }
};
struct PreemptsEquals : ByPriority {
    bool preempts(const Entity& a, const Entity& b) const noexcept {
        return a.priority >= b.priority;
    }
};
struct WaitsForTheSlice : ByPriority {
    bool preempts(const Entity&, const Entity&) const noexcept { return false; }
};
/// Sorts where an entity comes in, and does not hear of changes.
struct SortsOnce : ByPriority {
    void enqueue(Entity& e, EnqueueReason, Instant) noexcept {
        e.queued = true;
        const auto later = std::ranges::find_if(
            queue, [&e](const Entity* other) { return other->priority < e.priority; });
        queue.insert(later, &e);
    }
    void reconsider(Entity&, const sched::SchedulingParameters&, Instant) noexcept {}
    Entity* pick_next(Instant) noexcept { return take(queue.begin()); }
    TickVerdict charge(Entity& e, Duration ran, Instant) noexcept {
        e.slice_used += ran;
        return !queue.empty() && (queue.front()->priority > e.priority ||
                                  (queue.front()->priority == e.priority &&
                                   e.slice_used >= Duration::milliseconds(10)))
                   ? TickVerdict::preempt
                   : TickVerdict::keep_running;
    }
};
struct ClaimsThatNobodyStarves : ByPriority {
    static constexpr PolicyTraits traits{.strict_priority = true, .fresh_slices = true};
};
struct ClaimsWeights : InTurn {
    static constexpr PolicyTraits traits{.shares_by_weight = true};
};

// --- Virtual time ---

struct NewcomerAtZero : sched::Cfs {
    void enqueue(Entity& e, EnqueueReason why, Instant now) noexcept {
        if (why == EnqueueReason::started) {
            e.kept = {};
        }
        Cfs::enqueue(e, why == EnqueueReason::started ? EnqueueReason::preempted : why, now);
    }
};
struct SleepersSaveUp : sched::Cfs {
    void enqueue(Entity& e, EnqueueReason why, Instant now) noexcept {
        Cfs::enqueue(e, why == EnqueueReason::woken ? EnqueueReason::preempted : why, now);
    }
};
struct ForgetsToCharge : sched::Cfs {
    TickVerdict charge(Entity& e, Duration, Instant now) noexcept {
        return Cfs::charge(e, Duration(), now);
    }
};
struct TakesItsTimeAlong : sched::Cfs {
    void move_out(Entity&, Instant) noexcept {}
    void move_in(Entity&, Instant) noexcept {}
};
struct YieldsInVain : sched::Cfs {
    void enqueue(Entity& e, EnqueueReason why, Instant now) noexcept {
        Cfs::enqueue(e, why == EnqueueReason::yielded ? EnqueueReason::preempted : why, now);
    }
};
struct DoesNotHearOfLeaving : sched::Stride {
    void leave(Entity&, sched::LeaveReason, Instant) noexcept {}
};
struct CountsWeightsOnce : sched::Stride {
    void enqueue(Entity& e, EnqueueReason why, Instant now) noexcept {
        const std::uint32_t weight = std::exchange(e.weight, 1024);
        Stride::enqueue(e, why, now);
        e.weight = weight;
    }
};

// --- Levels of its own ---

struct NeverLifts : sched::Mlfq {
    NeverLifts() noexcept : Mlfq(sched::MlfqRules{.boost = Duration()}) {}
    explicit NeverLifts(const sched::PolicySetup&) noexcept : NeverLifts() {}
};
struct ForgivesWhoSleeps : sched::Mlfq {
    void enqueue(Entity& e, EnqueueReason why, Instant now) noexcept {
        Mlfq::enqueue(e, why == EnqueueReason::woken ? EnqueueReason::started : why, now);
    }
};
// --- Lent urgency ---

struct KeepsWhatItWasLent : sched::FixedPriority {
    void lend(Entity& e, sched::Urgency lent, Instant now) noexcept {
        FixedPriority::lend(e, std::max(e.lent, lent), now);
    }
};
struct TakesLentForItsOwn : sched::FixedPriority {
    void lend(Entity& e, sched::Urgency lent, Instant now) noexcept {
        FixedPriority::lend(e, lent, now);
        if (!e.queued) {
            e.priority = std::max(e.priority, sched::Priority(static_cast<std::uint8_t>(lent)));
        }
    }
};
struct LentCountsInTheQueue : sched::FixedPriority {
    bool preempts(const Entity& candidate, const Entity& running) const noexcept {
        return candidate.priority > running.priority;
    }
};

/// The first law that P breaks, or nothing.
template <class P>
std::string_view broken_law() {
    laws::Report report;
    const auto arena = std::make_unique<laws::SchedulerArena>();
    laws::run_laws<laws::SchedulerPolicyLaws<P>>(report, *arena);
    return report.passed() ? std::string_view() : report.failures().front().law;
}

template <class P>
void expect_killed(const char* mutant, std::size_t& killed) {
    const std::string_view law = broken_law<P>();
    EXPECT_NE(law, "") << mutant << " is wrong and keeps every law";
    killed += law.empty() ? 0 : 1;
    std::printf("    %-24s %.*s\n", mutant, static_cast<int>(std::min<std::size_t>(law.size(), 70)),
                law.data());
}
#define MUTANT(P) expect_killed<P>(#P, killed), ++all

TEST(SchedulerMutants, EveryOneIsNamedByALaw) {
    EXPECT_EQ(broken_law<InTurn>(), "") << "what they are made from is right";
    EXPECT_EQ(broken_law<ByPriority>(), "");
    std::size_t killed = 0;
    std::size_t all = 0;
    MUTANT(LastInFirstOut);
    MUTANT(PreemptedToTheFront);
    MUTANT(YieldsToTheFront);
    MUTANT(SliceSurvivesSleep);
    MUTANT(NeverPreempts);
    MUTANT(ClaimsToRunToCompletion);
    MUTANT(PreemptsForNobody);
    MUTANT(RemovesByMovingTheLast);
    MUTANT(RemovesTheNeighbour);
    MUTANT(ForgetsToCountARemoval);
    MUTANT(PicksAndKeeps);
    MUTANT(IdlesNowAndThen);
    MUTANT(BreaksTiesByAddress);
    MUTANT(KeepsAStatic);
    MUTANT(PassesOverOne);
    MUTANT(PreemptsAtOnce);
    MUTANT(PreemptsItself);
    MUTANT(GivesAwayAndKeeps);
    MUTANT(GivesAwayTwo);
    MUTANT(GivesAwayNothing);
    MUTANT(LastOfEqualsFirst);
    MUTANT(LowestFirst);
    MUTANT(PreemptsEquals);
    MUTANT(WaitsForTheSlice);
    MUTANT(SortsOnce);
    MUTANT(ClaimsThatNobodyStarves);
    MUTANT(ClaimsWeights);
    MUTANT(NewcomerAtZero);
    MUTANT(SleepersSaveUp);
    MUTANT(ForgetsToCharge);
    MUTANT(TakesItsTimeAlong);
    MUTANT(YieldsInVain);
    MUTANT(DoesNotHearOfLeaving);
    MUTANT(CountsWeightsOnce);
    MUTANT(NeverLifts);
    MUTANT(ForgivesWhoSleeps);
    MUTANT(KeepsWhatItWasLent);
    MUTANT(TakesLentForItsOwn);
    MUTANT(LentCountsInTheQueue);
    std::printf("    scheduler mutants killed: %zu of %zu\n", killed, all);
}

}  // namespace
}  // namespace kidney
