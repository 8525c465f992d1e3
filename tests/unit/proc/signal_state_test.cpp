/// The rules of POSIX signals, without a process around them.
#include "proc/signal/signal_state.hpp"

#include <gtest/gtest.h>

namespace kidney::proc {
namespace {

using namespace abi;

const SignalCause from_user{.code = si_user, .pid = 7};

Disposition handler(std::uint32_t flags = 0, SignalSet mask = {}) {
    return {.handler = 0x0804'9000, .flags = flags, .restorer = 0, .mask = mask};
}

TEST(SignalState, DefaultActionsAreThoseOfThePosixTable) {
    EXPECT_EQ(default_action(sig_term), DefaultAction::terminate);
    EXPECT_EQ(default_action(sig_segv), DefaultAction::core);
    EXPECT_EQ(default_action(sig_chld), DefaultAction::ignore);
    EXPECT_EQ(default_action(sig_tstp), DefaultAction::stop);
    EXPECT_EQ(default_action(sig_cont), DefaultAction::resume);
    EXPECT_EQ(default_action(40), DefaultAction::terminate);
}

TEST(SignalState, UnhandledSignalEndsTheProcess) {
    SignalState s;
    EXPECT_EQ(s.post(sig_term, from_user), PostResult::wake);
    const auto d = s.choose_next();
    ASSERT_TRUE(d);
    EXPECT_EQ(d->kind, Delivery::Kind::terminate);
    EXPECT_EQ(d->cause.pid, 7);
    EXPECT_FALSE(s.choose_next());
}

TEST(SignalState, BlockedSignalWaits) {
    SignalState s;
    s.set_blocked(SignalSet::of(sig_int));
    EXPECT_EQ(s.post(sig_int, from_user), PostResult::pending);
    EXPECT_FALSE(s.has_deliverable());
    EXPECT_FALSE(s.choose_next());
    s.set_blocked({});
    EXPECT_TRUE(s.choose_next());
}

TEST(SignalState, FatalIsWhatEndsWithoutACoreOrAHandler) {
    SignalState s;
    EXPECT_EQ(s.fatal(), 0U);
    s.post(sig_segv, from_user);
    s.post(sig_stop, from_user);
    EXPECT_EQ(s.fatal(), 0U);
    EXPECT_TRUE(s.set_disposition(sig_usr1, handler()));
    s.post(sig_usr1, from_user);
    EXPECT_EQ(s.fatal(), 0U);
    s.set_blocked(SignalSet::of(sig_term));
    s.post(sig_term, from_user);
    EXPECT_EQ(s.fatal(), 0U);
    s.set_blocked({});
    EXPECT_EQ(s.fatal(), std::uint32_t{sig_term});
    s.post(sig_kill, from_user);
    EXPECT_EQ(s.fatal(), std::uint32_t{sig_kill});
}

TEST(SignalState, KillAndStopCannotBeBlockedOrCaught) {
    SignalState s;
    s.set_blocked(SignalSet(~std::uint64_t{0}));
    EXPECT_FALSE(s.blocked().contains(sig_kill));
    EXPECT_FALSE(s.blocked().contains(sig_stop));
    EXPECT_FALSE(s.set_disposition(sig_kill, handler()));
    EXPECT_FALSE(s.set_disposition(sig_stop, handler()));
    EXPECT_EQ(s.post(sig_kill, from_user), PostResult::wake);
}

TEST(SignalState, IgnoredIsDiscardedUnlessBlocked) {
    SignalState s;
    ASSERT_TRUE(s.set_disposition(sig_usr1, {.handler = handler_ignore}));
    EXPECT_EQ(s.post(sig_usr1, from_user), PostResult::discarded);
    s.set_blocked(SignalSet::of(sig_usr1));
    EXPECT_EQ(s.post(sig_usr1, from_user), PostResult::pending);
    ASSERT_TRUE(s.set_disposition(sig_usr1, handler()));
    s.set_blocked({});
    const auto d = s.choose_next();
    ASSERT_TRUE(d);
    EXPECT_EQ(d->kind, Delivery::Kind::handler);
}

TEST(SignalState, IgnoringDiscardsWhatIsPending) {
    SignalState s;
    s.set_blocked(SignalSet::of(sig_chld));
    static_cast<void>(s.post(sig_chld, from_user));
    ASSERT_TRUE(s.set_disposition(sig_chld, {.handler = handler_default}));
    EXPECT_TRUE(s.pending().is_empty());
}

TEST(SignalState, HandlerBlocksItselfAndItsMask) {
    SignalState s;
    ASSERT_TRUE(s.set_disposition(sig_usr1, handler(0, SignalSet::of(sig_usr2))));
    static_cast<void>(s.post(sig_usr1, from_user));
    const auto d = s.choose_next();
    ASSERT_TRUE(d);
    s.enter_handler(*d);
    EXPECT_EQ(s.blocked(), SignalSet::of_all(sig_usr1, sig_usr2));
}

TEST(SignalState, NoDeferAndResetHand) {
    SignalState s;
    ASSERT_TRUE(s.set_disposition(sig_usr1, handler(sa_nodefer | sa_resethand)));
    static_cast<void>(s.post(sig_usr1, from_user));
    const auto d = s.choose_next();
    ASSERT_TRUE(d);
    EXPECT_EQ(d->kind, Delivery::Kind::handler);
    s.enter_handler(*d);
    EXPECT_TRUE(s.blocked().is_empty());
    EXPECT_TRUE(s.disposition(sig_usr1).is_default());
}

TEST(SignalState, StopAndContinueCancelEachOther) {
    SignalState s;
    static_cast<void>(s.post(sig_tstp, from_user));
    static_cast<void>(s.post(sig_cont, from_user));
    EXPECT_FALSE(s.pending().contains(sig_tstp));
    EXPECT_FALSE(s.choose_next());  // the default of SIGCONT does nothing more here
    ASSERT_TRUE(s.set_disposition(sig_cont, handler()));
    static_cast<void>(s.post(sig_cont, from_user));
    static_cast<void>(s.post(sig_stop, from_user));
    EXPECT_FALSE(s.pending().contains(sig_cont));
    const auto d = s.choose_next();
    ASSERT_TRUE(d);
    EXPECT_EQ(d->kind, Delivery::Kind::stop);
}

TEST(SignalState, KillComesBeforeEverythingElse) {
    SignalState s;
    ASSERT_TRUE(s.set_disposition(sig_int, handler()));
    static_cast<void>(s.post(sig_int, from_user));
    static_cast<void>(s.post(sig_kill, from_user));
    EXPECT_EQ(s.choose_next()->signal, sig_kill);
}

TEST(SignalState, FaultInsideItsOwnHandlerEndsTheProcess) {
    SignalState s;
    ASSERT_TRUE(s.set_disposition(sig_segv, handler()));
    s.force(sig_segv, {});
    const auto first = s.choose_next();
    ASSERT_TRUE(first);
    s.enter_handler(*first);
    s.force(sig_segv, {});
    const auto second = s.choose_next();
    ASSERT_TRUE(second);
    EXPECT_EQ(second->kind, Delivery::Kind::core);
}

TEST(SignalState, SuspendRestoresTheOldMaskAfterTheHandler) {
    SignalState s;
    s.set_blocked(SignalSet::of(sig_chld));
    ASSERT_TRUE(s.set_disposition(sig_chld, handler()));
    s.suspend({});
    EXPECT_EQ(s.post(sig_chld, from_user), PostResult::wake);
    const auto d = s.choose_next();
    ASSERT_TRUE(d);
    EXPECT_EQ(s.mask_to_restore(), SignalSet::of(sig_chld));
    s.enter_handler(*d);
    EXPECT_TRUE(s.blocked().contains(sig_chld));
    s.end_suspend();  // harmless: the frame holds the mask now
    EXPECT_TRUE(s.blocked().contains(sig_chld));
}

TEST(SignalState, ForkKeepsActionsAndForgetsPending) {
    SignalState parent;
    ASSERT_TRUE(parent.set_disposition(sig_int, handler()));
    parent.set_blocked(SignalSet::of(sig_usr2));
    static_cast<void>(parent.post(sig_usr2, from_user));
    SignalState child;
    child.copy_for_fork(parent);
    EXPECT_TRUE(child.pending().is_empty());
    EXPECT_EQ(child.blocked(), parent.blocked());
    EXPECT_EQ(child.disposition(sig_int).handler, parent.disposition(sig_int).handler);
    child.reset_for_exec();
    EXPECT_TRUE(child.disposition(sig_int).is_default());
}

TEST(SignalState, ForkHandsOnWhatItsGroupWasSentMeanwhile) {
    SignalState parent;
    ASSERT_TRUE(parent.set_disposition(sig_usr1, {.handler = handler_ignore}));
    parent.hand_on(sig_hup);  // before the fork: the parent's alone
    parent.begin_fork();
    parent.hand_on(sig_term);
    parent.hand_on(sig_tstp);
    parent.hand_on(sig_cont);  // cancels the stop
    parent.hand_on(sig_usr1);
    SignalState child;
    child.copy_for_fork(parent);
    EXPECT_EQ(child.pending(), SignalSet::of_all(sig_term, sig_cont));
    const auto d = child.choose_next();
    ASSERT_TRUE(d);
    EXPECT_EQ(d->signal, sig_term);
    EXPECT_EQ(d->cause.code, si_user);
}

TEST(SignalState, WhatContinuingDiscardsIsHandedBack) {
    SignalState s;
    QueuedSignal of_timer;
    s.set_blocked(SignalSet::of(sig_cont));
    EXPECT_EQ(s.post(sig_cont, from_user, &of_timer), PostResult::pending);
    s.set_blocked({});
    EXPECT_FALSE(s.choose_next());
    EXPECT_EQ(s.take_discarded(), &of_timer) << "its timer waits for it";
}

TEST(SignalState, ExecKeepsIgnored) {
    SignalState s;
    ASSERT_TRUE(s.set_disposition(sig_int, {.handler = handler_ignore}));
    s.reset_for_exec();
    EXPECT_TRUE(s.disposition(sig_int).is_ignored());
}

TEST(SignalState, InitSurvivesUnexpectedSignals) {
    SignalState s;
    s.become_init();
    EXPECT_EQ(s.post(sig_kill, from_user), PostResult::discarded);
    EXPECT_EQ(s.post(sig_term, from_user), PostResult::discarded);
    ASSERT_TRUE(s.set_disposition(sig_term, handler()));
    EXPECT_EQ(s.post(sig_term, from_user), PostResult::wake);
}

TEST(SignalState, InitEndsByItsOwnFaults) {
    SignalState s;
    s.become_init();
    s.force(sig_segv, {});
    const auto d = s.choose_next();
    ASSERT_TRUE(d) << "else it faults for ever";
    EXPECT_EQ(d->kind, Delivery::Kind::core);
    EXPECT_EQ(s.post(sig_segv, from_user), PostResult::discarded) << "others still cannot end it";
    EXPECT_FALSE(s.choose_next());
}

TEST(SignalState, AwaitedSignalWakesAndIsKept) {
    for (const bool blocked : {true, false}) {
        SignalState s;
        s.set_blocked(blocked ? SignalSet::of_all(sig_chld, sig_int) : SignalSet());
        s.await(SignalSet::of(sig_chld));
        EXPECT_EQ(s.post(sig_chld, from_user), PostResult::wake) << "ignored by default";
        if (blocked) {
            EXPECT_EQ(s.post(sig_int, from_user), PostResult::pending) << "nobody waits for it";
            EXPECT_FALSE(s.has_deliverable());
        }
        const auto taken = s.take(SignalSet::of(sig_chld));
        ASSERT_TRUE(taken);
        EXPECT_EQ(taken->cause.pid, 7);
        s.await({});
        EXPECT_EQ(s.post(sig_chld, from_user),
                  blocked ? PostResult::pending : PostResult::discarded);
    }
}

SignalCause with_value(std::int32_t value) {
    return {.code = si_queue, .status = value};
}

TEST(SignalQueue, RealTimeSignalsComeAsOftenAsSentLowestFirst) {
    SignalState s;
    s.set_blocked(SignalSet::of_all(40U, 41U));
    QueuedSignal q[4];
    EXPECT_EQ(s.post(41, with_value(1), &q[0]), PostResult::pending);
    EXPECT_EQ(s.post(40, with_value(2), &q[1]), PostResult::pending);
    EXPECT_EQ(s.post(41, with_value(3), &q[2]), PostResult::pending);
    EXPECT_EQ(s.post(40, with_value(4), &q[3]), PostResult::pending);
    const SignalSet both = SignalSet::of_all(40U, 41U);
    for (const std::int32_t expected : {2, 4, 1, 3}) {
        const auto taken = s.take(both);
        ASSERT_TRUE(taken);
        EXPECT_EQ(taken->cause.status, expected);
        ASSERT_NE(taken->queued, nullptr);
        EXPECT_FALSE(taken->queued->is_queued);
    }
    EXPECT_TRUE(s.pending().is_empty());
    EXPECT_FALSE(s.take(both));
}

TEST(SignalQueue, WithoutAPlaceARealTimeSignalIsPendingOnceOrLostAmongOthers) {
    SignalState s;
    const SignalSet set = SignalSet::of(40);
    s.set_blocked(set);
    s.post(40, with_value(7));
    s.post(40, with_value(8));
    EXPECT_EQ(s.take(set)->cause.code, si_user) << "the cause is lost";
    EXPECT_TRUE(s.pending().is_empty());
    QueuedSignal q;
    s.post(40, with_value(1));
    s.post(40, with_value(2), &q);
    s.post(40, with_value(3));
    EXPECT_EQ(s.take(set)->cause.status, 2);
    EXPECT_TRUE(s.pending().is_empty());
}

TEST(SignalQueue, WhatIsDiscardedIsHandedBack) {
    SignalState s;
    QueuedSignal blocked, ignored, of_a_timer;
    s.set_blocked(SignalSet::of_all(40U, std::uint32_t{sig_tstp}));
    s.post(40, with_value(1), &blocked);
    EXPECT_FALSE(s.has_discarded());
    EXPECT_TRUE(s.set_disposition(40, {.handler = handler_ignore}));
    EXPECT_EQ(s.take_discarded(), &blocked);
    EXPECT_TRUE(s.pending().is_empty());
    s.set_blocked(SignalSet::of(sig_tstp));
    EXPECT_EQ(s.post(40, with_value(2), &ignored), PostResult::discarded);
    EXPECT_FALSE(ignored.is_queued) << "still its sender's";
    s.post(sig_tstp, {.code = si_timer}, &of_a_timer);
    s.post(sig_cont, from_user);
    EXPECT_EQ(s.take_discarded(), &of_a_timer);
    EXPECT_FALSE(s.pending().contains(sig_tstp));
    EXPECT_EQ(s.take_discarded(), nullptr);
}

TEST(SignalState, OnlyKnownFlagsAreRememberedAndKillIsNeverMasked) {
    SignalState s;
    EXPECT_TRUE(s.set_disposition(sig_usr1, handler(0xdead'beef, SignalSet(~std::uint64_t{0}))));
    EXPECT_EQ(s.disposition(sig_usr1).flags, 0xdc00'0807U);
    EXPECT_FALSE(s.disposition(sig_usr1).mask.contains(sig_kill));
}

TEST(SignalState, TheAlternateStackKnowsWhoIsOnIt) {
    SignalState s;
    constexpr std::uint32_t base = 0x1000, size = 4096, on_it = base + 100, elsewhere = 0x9000;
    EXPECT_EQ(s.set_alternate_stack({base, 0, 2047}, elsewhere).error(), Errc::no_memory);
    EXPECT_EQ(s.set_alternate_stack({base, 4, size}, elsewhere).error(), Errc::invalid_argument);
    EXPECT_TRUE(s.set_alternate_stack({base, 0, size}, elsewhere));
    EXPECT_EQ(s.alternate_stack_at(on_it).flags, ss_onstack);
    EXPECT_TRUE(s.is_on_alternate_stack(base + size)) << "at its very top";
    EXPECT_FALSE(s.is_on_alternate_stack(base));
    EXPECT_EQ(s.set_alternate_stack({0, ss_disable, 0}, on_it).error(), Errc::not_permitted);
    EXPECT_TRUE(s.set_alternate_stack({base, ss_autodisarm, size}, elsewhere));
    EXPECT_EQ(s.alternate_stack_at(on_it).flags, ss_autodisarm);
    EXPECT_TRUE(s.set_alternate_stack({0, ss_disable, 0}, on_it)) << "it disarms itself";
    EXPECT_EQ(s.alternate_stack_at(on_it).flags, ss_disable);
}

}  // namespace
}  // namespace kidney::proc
