/// Who may do what to which process: rules about numbers.
#include "proc/family_rules.hpp"
#include "proc/identity/identity.hpp"
#include "proc/priorities.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace kidney::proc {
namespace {

constexpr IdTriple root{};
constexpr IdTriple user{1000, 1000, 1000, 1000};
constexpr IdTriple other{1001, 1001, 1001, 1001};

// --- Identities ---

TEST(IdTriple, NobodyIsNoNumberToBecome) {
    IdTriple ids = user;
    EXPECT_EQ(ids.set(no_id, true).error(), Errc::invalid_argument);
    EXPECT_EQ(ids.set(no_id, false).error(), Errc::invalid_argument);
    EXPECT_TRUE(ids.set_two(no_id, no_id, false));
    EXPECT_TRUE(ids.set_three(no_id, no_id, no_id, false));
    EXPECT_EQ(ids.real, 1000U);
    EXPECT_EQ(ids.effective, 1000U);
    EXPECT_EQ(ids.saved, 1000U);
}

TEST(IdTriple, TheRealNumberIsNotMadeOfTheSavedOne) {
    IdTriple ids{1, 2, 3, 2};
    EXPECT_EQ(ids.set_two(3, no_id, false).error(), Errc::not_permitted);
    EXPECT_TRUE(ids.set_two(no_id, 3, false)) << "the effective one may be";
    EXPECT_EQ(ids.effective, 3U);
    EXPECT_EQ(ids.file, 3U);
    EXPECT_EQ(ids.saved, 3U) << "it is not the old real one";
    IdTriple back{1, 2, 3, 2};
    EXPECT_TRUE(back.set_two(no_id, 1, false));
    EXPECT_EQ(back.saved, 3U) << "it is the real one";
    EXPECT_TRUE(back.set_two(1, no_id, false));
    EXPECT_EQ(back.saved, 1U) << "the real one was set";
}

TEST(IdTriple, TheNumberForFilesFollowsAndCanBeSet) {
    IdTriple ids = root;
    EXPECT_EQ(ids.set_file(1000, true), 0U);
    EXPECT_EQ(ids.file, 1000U);
    EXPECT_EQ(ids.effective, 0U);
    EXPECT_EQ(ids.set_file(no_id, true), 1000U);
    EXPECT_EQ(ids.file, 1000U) << "only asked";
    EXPECT_TRUE(ids.set(5, true));
    EXPECT_EQ(ids.file, 5U);
    EXPECT_EQ(ids.set_file(6, false), 5U);
    EXPECT_EQ(ids.file, 5U) << "not permitted, and not said";
}

TEST(Identity, OnlyOnesOwnProcessesOpenUp) {
    Identity caller, target;
    caller.set_users(user, false);
    target.user = user;
    EXPECT_TRUE(caller.may_inspect(target, true));
    EXPECT_FALSE(caller.may_inspect(target, false));
    target.user.saved = 0;  // it was root, or can become it
    EXPECT_FALSE(caller.may_inspect(target, true));
    target.user = other;
    EXPECT_FALSE(caller.may_inspect(target, true));
    target.user = user;
    target.group.effective = 7;
    EXPECT_FALSE(caller.may_inspect(target, true));
    caller = Identity();
    EXPECT_TRUE(caller.may_inspect(target, false));
}

TEST(Identity, OnlyOnesOwnProcessesAreLimited) {
    Identity caller, target;
    caller.set_users(user, false);
    target.user = user;
    EXPECT_TRUE(caller.may_limit(target));
    target.group.saved = 7;
    EXPECT_FALSE(caller.may_limit(target));
    target.group.saved = 0;
    target.user.effective = 0;
    EXPECT_FALSE(caller.may_limit(target));
    EXPECT_TRUE(Identity().may_limit(target));
}

TEST(Identity, RightsGoWithTheLastOfRoot) {
    Identity who;
    EXPECT_TRUE(who.is_privileged());
    who.set_users({0, 1000, 0, 1000}, false);
    EXPECT_FALSE(who.is_privileged());
    EXPECT_TRUE(who.may_be_privileged());
    who.set_users(root, false);
    EXPECT_TRUE(who.is_privileged()) << "it acts as root again";
    who.set_users(user, true);
    EXPECT_FALSE(who.is_privileged());
    EXPECT_TRUE(who.may_be_privileged()) << "kept";
    EXPECT_TRUE(who.set_rights(true, true));
    EXPECT_TRUE(who.is_privileged()) << "though it is not root";
    who.reset_rights();
    EXPECT_FALSE(who.is_privileged() || who.may_be_privileged()) << "a new program";
    EXPECT_EQ(who.set_rights(true, false).error(), Errc::not_permitted);
    Identity dropping;
    EXPECT_EQ(dropping.set_rights(false, true).error(), Errc::not_permitted);
    EXPECT_TRUE(dropping.set_rights(false, false));
    EXPECT_FALSE(dropping.is_privileged());
    dropping.set_users({0, 1000, 0, 1000}, false);
    dropping.set_users(root, false);
    EXPECT_FALSE(dropping.is_privileged()) << "given up for good";
}

// --- Priorities ---

TEST(Priorities, OnlyOnesOwnProcessesAreRescheduled) {
    EXPECT_TRUE(may_schedule(root, user));
    EXPECT_TRUE(may_schedule(user, user));
    EXPECT_FALSE(may_schedule(user, root));
    EXPECT_FALSE(may_schedule(user, other));
    EXPECT_TRUE(may_schedule({1001, 1000, 1001, 1000}, user)) << "the effective number counts";
    EXPECT_FALSE(may_schedule({1000, 1001, 1000, 1001}, user)) << "and the real one does not";
    EXPECT_TRUE(may_schedule(user, {1000, 0, 0, 0})) << "who runs su keeps the say over it";
}

TEST(Priorities, NiceOnlyGrows) {
    EXPECT_TRUE(may_renice(user, user, {0, 5, 0}));
    EXPECT_TRUE(may_renice(user, user, {5, 5, 0}));
    EXPECT_EQ(may_renice(user, user, {5, 4, 0}).error(), Errc::permission_denied);
    EXPECT_TRUE(may_renice(user, user, {5, 4, 16})) << "RLIMIT_NICE 16 is nice 4";
    EXPECT_EQ(may_renice(user, user, {5, 3, 16}).error(), Errc::permission_denied);
    EXPECT_TRUE(may_renice(root, user, {5, -20, 0}));
    EXPECT_EQ(may_renice(user, other, {0, 5, 40}).error(), Errc::not_permitted);
}

TEST(Priorities, ClassesHaveTheirRanges) {
    EXPECT_EQ(priorities_of(SCHED_FIFO)->highest, 99U);
    EXPECT_EQ(priorities_of(SCHED_RR)->lowest, 1U);
    EXPECT_EQ(priorities_of(SCHED_NORMAL)->highest, 0U);
    EXPECT_EQ(priorities_of(4).error(), Errc::invalid_argument);
    EXPECT_EQ(priorities_of(~0U).error(), Errc::invalid_argument);
    EXPECT_EQ(scheduling_class(SCHED_FIFO, 0).error(), Errc::invalid_argument);
    EXPECT_EQ(scheduling_class(SCHED_FIFO, 100).error(), Errc::invalid_argument);
    EXPECT_EQ(scheduling_class(SCHED_NORMAL, 1).error(), Errc::invalid_argument);
    EXPECT_EQ(scheduling_class(SCHED_DEADLINE, 0).error(), Errc::invalid_argument);
    const auto reset = scheduling_class(SCHED_RR | SCHED_RESET_ON_FORK, 50);
    ASSERT_TRUE(reset);
    EXPECT_TRUE(reset->reset_on_fork);
    EXPECT_EQ(reset->inherited().policy, SCHED_NORMAL);
}

TEST(Priorities, RealTimeIsForRootOrWithinALimit) {
    const SchedulingClass normal{}, fifo{SCHED_FIFO, 10}, idle{SCHED_IDLE, 0};
    EXPECT_TRUE(may_reschedule(root, user, {normal, fifo, 0, 0, 0}));
    EXPECT_EQ(may_reschedule(user, user, {normal, fifo, 0, 0, 0}).error(), Errc::not_permitted);
    EXPECT_EQ(may_reschedule(user, user, {normal, fifo, 0, 0, 9}).error(), Errc::not_permitted);
    EXPECT_TRUE(may_reschedule(user, user, {normal, fifo, 0, 0, 10}));
    EXPECT_TRUE(may_reschedule(user, user, {fifo, normal, 0, 0, 0})) << "down is always allowed";
    EXPECT_TRUE(may_reschedule(user, user, {normal, idle, 0, 0, 0}));
    EXPECT_EQ(may_reschedule(user, user, {idle, normal, 0, 0, 0}).error(), Errc::not_permitted);
    EXPECT_TRUE(may_reschedule(user, user, {idle, normal, 19, 1, 0}));
    EXPECT_EQ(may_reschedule(user, other, {normal, idle, 0, 0, 0}).error(), Errc::not_permitted);
}

TEST(Priorities, AReservationIsRuntimeWithinDeadlineWithinPeriod) {
    constexpr std::uint64_t ms = 1'000'000;
    const Result<SchedulingClass> good = deadline_class(10 * ms, 30 * ms, 100 * ms);
    ASSERT_TRUE(good);
    EXPECT_TRUE(good->is_deadline());
    EXPECT_EQ(good->reservation.period, Duration::milliseconds(100));
    EXPECT_EQ(deadline_class(10 * ms, 30 * ms, 0)->reservation.period, Duration::milliseconds(30));
    EXPECT_FALSE(deadline_class(31 * ms, 30 * ms, 100 * ms))
        << "more than fits before the deadline";
    EXPECT_FALSE(deadline_class(10 * ms, 101 * ms, 100 * ms)) << "a deadline in the next period";
    EXPECT_FALSE(deadline_class(0, 30 * ms, 100 * ms));
    EXPECT_FALSE(deadline_class(1000, 30 * ms, 100 * ms)) << "less than a microsecond";
    EXPECT_FALSE(deadline_class(20'000, 50'000, 50'000)) << "a period of 50 microseconds";
    EXPECT_FALSE(deadline_class(ms, 5000 * ms, 5000 * ms)) << "a period of 5 seconds";
    EXPECT_FALSE(deadline_class(ms, ~0ULL, ~0ULL));
    EXPECT_EQ(bandwidth_of(good->reservation), (1U << 20) / 10);
    EXPECT_EQ(bandwidth_of({}), 0U);
    EXPECT_LT(bandwidth_of(deadline_class(94 * ms, 100 * ms, 0)->reservation), most_bandwidth(1));
    EXPECT_GT(bandwidth_of(deadline_class(96 * ms, 100 * ms, 0)->reservation), most_bandwidth(1));
    EXPECT_TRUE(may_reschedule(root, user, {SchedulingClass{}, *good, 0, 0, 0}));
    EXPECT_EQ(may_reschedule(user, user, {SchedulingClass{}, *good, 0, 0, 99}).error(),
              Errc::not_permitted);
    EXPECT_EQ(scheduling_parameters(*good, 0).reservation, good->reservation);
}

TEST(Priorities, LevelsAndWeightsAreOrdered) {
    for (std::uint8_t p = 2; p <= 99; ++p) {
        EXPECT_LE(level_of({SCHED_FIFO, static_cast<std::uint8_t>(p - 1)}),
                  level_of({SCHED_FIFO, p}));
    }
    EXPECT_GT(level_of({SCHED_RR, 1}), level_of({}));
    EXPECT_LT(level_of({SCHED_RR, 99}), 64);
    EXPECT_LT(level_of({SCHED_IDLE, 0}), level_of({}));
    for (std::int32_t nice = lowest_nice; nice < highest_nice; ++nice) {
        EXPECT_GT(weight_of({}, nice), weight_of({}, nice + 1));
    }
    EXPECT_EQ(weight_of({}, 0), 1024U);
    EXPECT_GT(weight_of({SCHED_RR, 1}, 19), weight_of({}, lowest_nice));
    EXPECT_LT(weight_of({SCHED_IDLE, 0}, 0), weight_of({}, highest_nice));
}

// --- Families ---

constexpr ChildFacts child{Pid(7), Pid(5), abi::sig_chld};
constexpr ChildFacts clone{Pid(8), Pid(5), 0};

constexpr bool matches(std::int32_t which, const ChildFacts& who, Pid own_group = Pid(3),
                       ClonesToWaitFor clones = ClonesToWaitFor::none) {
    return match_child({.which = Pid(which), .clones = clones}, own_group, who);
}

TEST(Family, AWaitNamesChildrenByNumberAndGroup) {
    static_assert(matches(7, child) && !matches(8, child));
    static_assert(matches(-1, child));
    static_assert(matches(0, child, Pid(5)) && !matches(0, child));
    static_assert(matches(-5, child) && !matches(-7, child));
    static_assert(!matches(std::numeric_limits<std::int32_t>::min(), child));
}

TEST(Family, ClonesAreWaitedForOnRequest) {
    static_assert(!matches(-1, clone) && !matches(8, clone));
    static_assert(matches(-1, clone, Pid(3), ClonesToWaitFor::only));
    static_assert(!matches(-1, child, Pid(3), ClonesToWaitFor::only));
    static_assert(matches(-1, clone, Pid(3), ClonesToWaitFor::also));
    static_assert(matches(-1, child, Pid(3), ClonesToWaitFor::also));
}

TEST(Family, AParentInAnotherGroupOfTheSessionKeepsAGroupAlive) {
    static_assert(anchors_group({Pid(5), Pid(1)}, {Pid(4), Pid(1)}));
    static_assert(!anchors_group({Pid(5), Pid(1)}, {Pid(5), Pid(1)}));
    static_assert(!anchors_group({Pid(5), Pid(2)}, {Pid(4), Pid(1)}));
}

}  // namespace
}  // namespace kidney::proc
