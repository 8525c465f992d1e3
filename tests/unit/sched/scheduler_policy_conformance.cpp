/// Every policy of the slot, and the fake, against every law.
#include "policies/scheduler.hpp"
#include "tests/fakes/fake_scheduler_policy.hpp"
#include "tests/laws/scheduler_policy_laws.hpp"

#include <gtest/gtest.h>

namespace kidney {
namespace {

template <class... Ts>
testing::Types<Ts..., fakes::FakeSchedulerPolicy> to_typed_tests(TypeList<Ts...>);

struct PolicyName {
    template <class P>
    static std::string GetName(int) {
        return P::name;
    }
};

template <class P>
class SchedulerPolicyConformance : public testing::Test {};
TYPED_TEST_SUITE(SchedulerPolicyConformance, decltype(to_typed_tests(policies::scheduler::All())),
                 PolicyName);

TYPED_TEST(SchedulerPolicyConformance, ObeysTheLaws) {
    laws::Report report;
    laws::SchedulerArena arena;
    laws::run_laws<laws::SchedulerPolicyLaws<TypeParam>>(report, arena);
    EXPECT_GT(report.checks(), 1000U);
    for (const laws::Failure& f : report.failures()) {
        ADD_FAILURE_AT(f.file, f.line) << TypeParam::name << ": " << f.law << ": " << f.expression;
    }
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
    EXPECT_FALSE(law_holds<laws::S6<AlwaysPreempts>>());
    EXPECT_FALSE(law_holds<laws::S7<PreemptsItself>>());
}

}  // namespace
}  // namespace kidney
