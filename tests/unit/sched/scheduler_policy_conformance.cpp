/// Every policy of the slot, and the fake, against every law.
#include "policies/scheduler.hpp"
#include "sched/policies/fifo.hpp"
#include "sched/policies/fixed_priority.hpp"
#include "sched/policies/mlfq.hpp"
#include "sched/policies/round_robin.hpp"
#include "tests/fakes/fake_scheduler_policy.hpp"
#include "tests/laws/scheduler_policy_laws.hpp"
#include "tests/support/law_test.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace kidney {
namespace {

struct PolicyName {
    template <class P>
    static std::string GetName(int) {
        return P::name;
    }
};

template <class P>
class SchedulerPolicyConformance : public testing::Test {};
using Subjects = test::AsTestTypes<policies::scheduler::All, fakes::FakeSchedulerPolicy>;
TYPED_TEST_SUITE(SchedulerPolicyConformance, Subjects, PolicyName);

TYPED_TEST(SchedulerPolicyConformance, ObeysTheLaws) {
    test::LawReport report;
    laws::SchedulerArena arena;
    laws::run_laws<laws::SchedulerPolicyLaws<TypeParam>>(report, arena);
    EXPECT_GT(report.checks(), 1000U);
    test::expect_laws_held(report);
}

/// What a policy does not go by moves nobody.
template <class P>
class PolicyWithoutNice : public testing::Test {};
using Deaf = testing::Types<sched::RoundRobin, sched::Fifo, sched::FixedPriority, sched::Mlfq>;
TYPED_TEST_SUITE(PolicyWithoutNice, Deaf, PolicyName);

TYPED_TEST(PolicyWithoutNice, KeepsThePlaceOfWhoeverGetsAnotherNiceValue) {
    laws::SchedulerArena arena;
    arena.reset_equal();
    laws::Subject<TypeParam> policy;
    for (std::size_t i = 0; i < 3; ++i) {
        policy.enqueue(arena.entity(i), sched::EnqueueReason::started, Instant());
    }
    sched::or_default::reconsider<TypeParam>(
        policy, arena.entity(0),
        [](sched::SchedulingParameters& p) {
            p.nice = 5;
            p.weight = 335;
        },
        Instant());
    EXPECT_EQ(policy.pick_next(Instant()), &arena.entity(0));
    EXPECT_EQ(policy.pick_next(Instant()), &arena.entity(1));
}

/// Policies that are wrong on purpose: the laws must say so.
struct NeverPicks : fakes::FakeSchedulerPolicy {
    sched::Entity* pick_next(Instant) noexcept { return nullptr; }
};
struct AlwaysPreempts : fakes::FakeSchedulerPolicy {
    sched::TickVerdict charge(sched::Entity&, Duration, Instant) noexcept {
        return sched::TickVerdict::preempt;
    }
};
/// Hands out the same entity for ever: no law may wait for its end.
struct NeverLetsGo : fakes::FakeSchedulerPolicy {
    sched::Entity* pick_next(Instant now) noexcept {
        sched::Entity* const picked = FakeSchedulerPolicy::pick_next(now);
        if (picked != nullptr) {
            enqueue(*picked, sched::EnqueueReason::yielded, now);
            picked->queued = false;
        }
        return picked;
    }
};
/// Removes what was asked for, and turns the rest around.
struct Shuffles : fakes::FakeSchedulerPolicy {
    void remove(sched::Entity& entity) noexcept {
        FakeSchedulerPolicy::remove(entity);
        if (sched::Entity* const first = pick_next(Instant())) {
            enqueue(*first, sched::EnqueueReason::yielded, Instant());
        }
    }
};
/// The same, but says that its order is nobody's business.
struct DrawsLots : Shuffles {
    static constexpr sched::PolicyTraits traits{.draws_lots = true};
};
/// Even by lot, who was not removed must come.
struct LosesOne : DrawsLots {
    void remove(sched::Entity& entity) noexcept {
        DrawsLots::remove(entity);
        if (sched::Entity* const first = pick_next(Instant())) {
            first->queued = false;
        }
    }
};
struct PreemptsItself : fakes::FakeSchedulerPolicy {
    bool preempts(const sched::Entity&, const sched::Entity&) const noexcept { return true; }
};

template <class Law>
bool law_holds() {
    laws::Report report;
    laws::SchedulerArena arena;
    laws::run_laws<TypeList<Law>>(report, arena);
    return report.passed();
}

TEST(SchedulerPolicyLaws, NoticeBrokenPolicies) {
    EXPECT_FALSE(law_holds<laws::S1<NeverPicks>>());
    EXPECT_FALSE(law_holds<laws::S2<NeverPicks>>());
    EXPECT_FALSE(law_holds<laws::S5<NeverLetsGo>>());
    EXPECT_FALSE(law_holds<laws::S5<Shuffles>>());
    EXPECT_TRUE(law_holds<laws::S5<DrawsLots>>());
    EXPECT_FALSE(law_holds<laws::S5<LosesOne>>());
    EXPECT_FALSE(law_holds<laws::S6<AlwaysPreempts>>());
    EXPECT_FALSE(law_holds<laws::S7<PreemptsItself>>());
}

/// Prefers whoever lies lower in memory.
struct PreemptsByPointer : fakes::FakeSchedulerPolicy {
    bool preempts(const sched::Entity& a, const sched::Entity& b) const noexcept { return &a < &b; }
};

TEST(SchedulerPolicyLaws, NoticeDecisionsByPointer) {
    EXPECT_FALSE(law_holds<laws::S4<PreemptsByPointer>>());
}

TEST(LawReport, ALawThatIsAlwaysBrokenDoesNotHideTheNext) {
    laws::Report report;
    report.begin("first");
    for (int i = 0; i < 100; ++i) {
        LAW_CHECK(report, i < 0);
    }
    report.begin("second");
    LAW_CHECK(report, report.passed());
    ASSERT_EQ(report.failures().size(), 2U);
    EXPECT_EQ(report.failures()[0].times, 100U);
    EXPECT_STREQ(report.failures()[1].law, "second");
    EXPECT_EQ(report.failed(), 101U);
}

TEST(LawReportDeathTest, ALoopWithoutEndNamesItsLaw) {
    const auto run_out_of_time = [] {
        test::LawReport report;
        report.begin("S0 ends");
        std::raise(SIGVTALRM);  // what the timer sends
    };
    EXPECT_DEATH(run_out_of_time(), "an endless loop, while this law was checked: S0 ends");
}

TEST(LawReportDeathTest, AnAssertionNamesTheLawThatItBroke) {
    test::LawReport report;
    report.begin("S1 nothing gets lost");
    EXPECT_DEATH(KIDNEY_INVARIANT(report.checks() != 0, "never"), "S1 nothing gets lost");
}

}  // namespace
}  // namespace kidney
