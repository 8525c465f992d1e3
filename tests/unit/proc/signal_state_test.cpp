/// The rules of POSIX signals, without a process around them.
#include "proc/signal/signal_state.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>

namespace kidney::proc {
namespace {

using namespace abi;

const SignalCause from_user{.code = si_user, .pid = 7};

Disposition handler(std::uint32_t flags = 0, SignalSet mask = {}) {
    return {.handler = 0x0804'9000, .flags = flags, .restorer = 0, .mask = mask};
}

struct OneThread {
    ThreadSignals signals;
};

/// A process with one thread, which is asked as if it were one thing.
struct Single {
    SignalState all;
    std::array<OneThread, 1> threads{};

    ThreadSignals& own() { return threads[0].signals; }
    [[nodiscard]] const ThreadSignals& own() const { return threads[0].signals; }
    PostResult post(std::uint32_t signal, const SignalCause& cause, QueuedSignal* q = nullptr) {
        return all.post(threads, signal, cause, q).result;
    }
    auto choose_next() { return all.choose_next(own()); }
    auto take(SignalSet set) { return all.take(own(), set); }
    Status set_disposition(std::uint32_t signal, const Disposition& d) {
        return all.set_disposition(threads, signal, d);
    }
    [[nodiscard]] SignalSet pending() const { return all.pending(own()); }
    [[nodiscard]] bool has_deliverable() const { return all.has_deliverable(own()); }
    [[nodiscard]] std::uint32_t fatal() const { return all.fatal(own()); }
    void force(std::uint32_t signal, const SignalCause& cause) { all.force(own(), signal, cause); }
    void enter_handler(const Delivery& d) { own().enter_handler(d.disposition.blocks(d.signal)); }
    void set_blocked(SignalSet set) { own().set_blocked(set); }
    [[nodiscard]] SignalSet blocked() const { return own().blocked(); }
    void copy_for_fork(const Single& parent) {
        own().copy_from(parent.own(), true);
        all.copy_for_fork(parent.all, threads);
    }
};

TEST(SignalState, DefaultActionsAreThoseOfThePosixTable) {
    EXPECT_EQ(default_action(sig_term), DefaultAction::terminate);
    EXPECT_EQ(default_action(sig_segv), DefaultAction::core);
    EXPECT_EQ(default_action(sig_chld), DefaultAction::ignore);
    EXPECT_EQ(default_action(sig_tstp), DefaultAction::stop);
    EXPECT_EQ(default_action(sig_cont), DefaultAction::resume);
    EXPECT_EQ(default_action(40), DefaultAction::terminate);
}

TEST(SignalState, UnhandledSignalEndsTheProcess) {
    Single s;
    EXPECT_EQ(s.post(sig_term, from_user), PostResult::wake);
    const auto d = s.choose_next();
    ASSERT_TRUE(d);
    EXPECT_EQ(d->kind, Delivery::Kind::terminate);
    EXPECT_EQ(d->cause.pid, 7);
    EXPECT_FALSE(s.choose_next());
}

TEST(SignalState, BlockedSignalWaits) {
    Single s;
    s.set_blocked(SignalSet::of(sig_int));
    EXPECT_EQ(s.post(sig_int, from_user), PostResult::pending);
    EXPECT_FALSE(s.has_deliverable());
    EXPECT_FALSE(s.choose_next());
    s.set_blocked({});
    EXPECT_TRUE(s.choose_next());
}

TEST(SignalState, FatalIsWhatEndsWithoutACoreOrAHandler) {
    Single s;
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
    Single s;
    s.set_blocked(SignalSet(~std::uint64_t{0}));
    EXPECT_FALSE(s.blocked().contains(sig_kill));
    EXPECT_FALSE(s.blocked().contains(sig_stop));
    EXPECT_FALSE(s.set_disposition(sig_kill, handler()));
    EXPECT_FALSE(s.set_disposition(sig_stop, handler()));
    EXPECT_EQ(s.post(sig_kill, from_user), PostResult::wake);
}

TEST(SignalState, IgnoredIsDiscardedUnlessBlocked) {
    Single s;
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
    Single s;
    s.set_blocked(SignalSet::of(sig_chld));
    static_cast<void>(s.post(sig_chld, from_user));
    ASSERT_TRUE(s.set_disposition(sig_chld, {.handler = handler_default}));
    EXPECT_TRUE(s.pending().is_empty());
}

TEST(SignalState, HandlerBlocksItselfAndItsMask) {
    Single s;
    ASSERT_TRUE(s.set_disposition(sig_usr1, handler(0, SignalSet::of(sig_usr2))));
    static_cast<void>(s.post(sig_usr1, from_user));
    const auto d = s.choose_next();
    ASSERT_TRUE(d);
    s.enter_handler(*d);
    EXPECT_EQ(s.blocked(), SignalSet::of_all(sig_usr1, sig_usr2));
}

TEST(SignalState, NoDeferAndResetHand) {
    Single s;
    ASSERT_TRUE(s.set_disposition(sig_usr1, handler(sa_nodefer | sa_resethand)));
    static_cast<void>(s.post(sig_usr1, from_user));
    const auto d = s.choose_next();
    ASSERT_TRUE(d);
    EXPECT_EQ(d->kind, Delivery::Kind::handler);
    s.enter_handler(*d);
    EXPECT_TRUE(s.blocked().is_empty());
    EXPECT_TRUE(s.all.disposition(sig_usr1).is_default());
}

TEST(SignalState, StopAndContinueCancelEachOther) {
    Single s;
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
    Single s;
    ASSERT_TRUE(s.set_disposition(sig_int, handler()));
    static_cast<void>(s.post(sig_int, from_user));
    static_cast<void>(s.post(sig_kill, from_user));
    EXPECT_EQ(s.choose_next()->signal, sig_kill);
}

TEST(SignalState, FaultInsideItsOwnHandlerEndsTheProcess) {
    Single s;
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
    Single s;
    s.set_blocked(SignalSet::of(sig_chld));
    ASSERT_TRUE(s.set_disposition(sig_chld, handler()));
    s.own().suspend({});
    EXPECT_EQ(s.post(sig_chld, from_user), PostResult::wake);
    const auto d = s.choose_next();
    ASSERT_TRUE(d);
    EXPECT_EQ(s.own().mask_to_restore(), SignalSet::of(sig_chld));
    s.enter_handler(*d);
    EXPECT_TRUE(s.blocked().contains(sig_chld));
    s.own().end_suspend();  // harmless: the frame holds the mask now
    EXPECT_TRUE(s.blocked().contains(sig_chld));
}

TEST(SignalState, ForkKeepsActionsAndForgetsPending) {
    Single parent;
    ASSERT_TRUE(parent.set_disposition(sig_int, handler()));
    parent.set_blocked(SignalSet::of(sig_usr2));
    static_cast<void>(parent.post(sig_usr2, from_user));
    Single child;
    child.copy_for_fork(parent);
    EXPECT_TRUE(child.pending().is_empty());
    EXPECT_EQ(child.blocked(), parent.blocked());
    EXPECT_EQ(child.all.disposition(sig_int).handler, parent.all.disposition(sig_int).handler);
    child.all.reset_for_exec();
    EXPECT_TRUE(child.all.disposition(sig_int).is_default());
}

TEST(SignalState, ForkHandsOnWhatItsGroupWasSentMeanwhile) {
    Single parent;
    ASSERT_TRUE(parent.set_disposition(sig_usr1, {.handler = handler_ignore}));
    parent.all.hand_on(sig_hup);  // before the fork: the parent's alone
    parent.all.begin_fork();
    parent.all.hand_on(sig_term);
    parent.all.hand_on(sig_tstp);
    parent.all.hand_on(sig_cont);  // cancels the stop
    parent.all.hand_on(sig_usr1);
    Single child;
    child.copy_for_fork(parent);
    EXPECT_EQ(child.pending(), SignalSet::of_all(sig_term, sig_cont));
    const auto d = child.choose_next();
    ASSERT_TRUE(d);
    EXPECT_EQ(d->signal, sig_term);
    EXPECT_EQ(d->cause.code, si_user);
}

TEST(SignalState, WhatContinuingDiscardsIsHandedBack) {
    Single s;
    QueuedSignal of_timer;
    s.set_blocked(SignalSet::of(sig_cont));
    EXPECT_EQ(s.post(sig_cont, from_user, &of_timer), PostResult::pending);
    s.set_blocked({});
    EXPECT_FALSE(s.choose_next());
    EXPECT_EQ(s.all.take_discarded(), &of_timer) << "its timer waits for it";
}

TEST(SignalState, ExecKeepsIgnored) {
    Single s;
    ASSERT_TRUE(s.set_disposition(sig_int, {.handler = handler_ignore}));
    s.all.reset_for_exec();
    EXPECT_TRUE(s.all.disposition(sig_int).is_ignored());
}

TEST(SignalState, InitSurvivesUnexpectedSignals) {
    Single s;
    s.all.become_init();
    EXPECT_EQ(s.post(sig_kill, from_user), PostResult::discarded);
    EXPECT_EQ(s.post(sig_term, from_user), PostResult::discarded);
    ASSERT_TRUE(s.set_disposition(sig_term, handler()));
    EXPECT_EQ(s.post(sig_term, from_user), PostResult::wake);
}

TEST(SignalState, InitEndsByItsOwnFaults) {
    Single s;
    s.all.become_init();
    s.force(sig_segv, {});
    const auto d = s.choose_next();
    ASSERT_TRUE(d) << "else it faults for ever";
    EXPECT_EQ(d->kind, Delivery::Kind::core);
    EXPECT_EQ(s.post(sig_segv, from_user), PostResult::discarded) << "others still cannot end it";
    EXPECT_FALSE(s.choose_next());
}

TEST(SignalState, AwaitedSignalWakesAndIsKept) {
    for (const bool blocked : {true, false}) {
        Single s;
        s.set_blocked(blocked ? SignalSet::of_all(sig_chld, sig_int) : SignalSet());
        s.own().await(SignalSet::of(sig_chld));
        EXPECT_EQ(s.post(sig_chld, from_user), PostResult::wake) << "ignored by default";
        if (blocked) {
            EXPECT_EQ(s.post(sig_int, from_user), PostResult::pending) << "nobody waits for it";
            EXPECT_FALSE(s.has_deliverable());
        }
        const auto taken = s.take(SignalSet::of(sig_chld));
        ASSERT_TRUE(taken);
        EXPECT_EQ(taken->cause.pid, 7);
        s.own().await({});
        EXPECT_EQ(s.post(sig_chld, from_user),
                  blocked ? PostResult::pending : PostResult::discarded);
    }
}

SignalCause with_value(std::int32_t value) {
    return {.code = si_queue, .status = value};
}

TEST(SignalQueue, RealTimeSignalsComeAsOftenAsSentLowestFirst) {
    Single s;
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
    Single s;
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
    Single s;
    QueuedSignal blocked, ignored, of_a_timer;
    s.set_blocked(SignalSet::of_all(40U, std::uint32_t{sig_tstp}));
    s.post(40, with_value(1), &blocked);
    EXPECT_FALSE(s.all.has_discarded());
    EXPECT_TRUE(s.set_disposition(40, {.handler = handler_ignore}));
    EXPECT_EQ(s.all.take_discarded(), &blocked);
    EXPECT_TRUE(s.pending().is_empty());
    s.set_blocked(SignalSet::of(sig_tstp));
    EXPECT_EQ(s.post(40, with_value(2), &ignored), PostResult::discarded);
    EXPECT_FALSE(ignored.is_queued) << "still its sender's";
    s.post(sig_tstp, {.code = si_timer}, &of_a_timer);
    s.post(sig_cont, from_user);
    EXPECT_EQ(s.all.take_discarded(), &of_a_timer);
    EXPECT_FALSE(s.pending().contains(sig_tstp));
    EXPECT_EQ(s.all.take_discarded(), nullptr);
}

TEST(SignalState, OnlyKnownFlagsAreRememberedAndKillIsNeverMasked) {
    Single s;
    EXPECT_TRUE(s.set_disposition(sig_usr1, handler(0xdead'beef, SignalSet(~std::uint64_t{0}))));
    EXPECT_EQ(s.all.disposition(sig_usr1).flags, 0xdc00'0807U);
    EXPECT_FALSE(s.all.disposition(sig_usr1).mask.contains(sig_kill));
}

TEST(SignalState, TheAlternateStackKnowsWhoIsOnIt) {
    Single s;
    constexpr std::uint32_t base = 0x1000, size = 4096, on_it = base + 100, elsewhere = 0x9000;
    EXPECT_EQ(s.own().set_alternate_stack({base, 0, 2047}, elsewhere).error(), Errc::no_memory);
    EXPECT_EQ(s.own().set_alternate_stack({base, 4, size}, elsewhere).error(),
              Errc::invalid_argument);
    EXPECT_TRUE(s.own().set_alternate_stack({base, 0, size}, elsewhere));
    EXPECT_EQ(s.own().alternate_stack_at(on_it).flags, ss_onstack);
    EXPECT_TRUE(s.own().is_on_alternate_stack(base + size)) << "at its very top";
    EXPECT_FALSE(s.own().is_on_alternate_stack(base));
    EXPECT_EQ(s.own().set_alternate_stack({0, ss_disable, 0}, on_it).error(), Errc::not_permitted);
    EXPECT_TRUE(s.own().set_alternate_stack({base, ss_autodisarm, size}, elsewhere));
    EXPECT_EQ(s.own().alternate_stack_at(on_it).flags, ss_autodisarm);
    EXPECT_TRUE(s.own().set_alternate_stack({0, ss_disable, 0}, on_it)) << "it disarms itself";
    EXPECT_EQ(s.own().alternate_stack_at(on_it).flags, ss_disable);
}

/// A process with two threads.
struct Pair {
    SignalState all;
    std::array<OneThread, 2> threads{};
    ThreadSignals& first() { return threads[0].signals; }
    ThreadSignals& second() { return threads[1].signals; }
    auto post(std::uint32_t signal, QueuedSignal* q = nullptr) {
        return all.post(threads, signal, from_user, q);
    }
    auto post_to(std::size_t n, std::uint32_t signal, QueuedSignal* q = nullptr) {
        return all.post_to(threads[n], threads, signal, from_user, q);
    }
};

TEST(SharedSignals, TheFirstThreadThatDoesNotBlockASignalIsToldAndAnyMayTakeIt) {
    Pair p;
    ASSERT_TRUE(p.all.set_disposition(p.threads, sig_usr1, handler()));
    EXPECT_EQ(p.post(sig_usr1).receiver, &p.threads[0]);
    EXPECT_TRUE(p.all.choose_next(p.second())) << "whoever is there first";
    EXPECT_FALSE(p.all.choose_next(p.first())) << "once only";
    p.first().set_blocked(SignalSet::of(sig_usr1));
    EXPECT_EQ(p.post(sig_usr1).receiver, &p.threads[1]);
    EXPECT_FALSE(p.all.choose_next(p.first()));
    EXPECT_TRUE(p.all.choose_next(p.second()));
    p.second().set_blocked(SignalSet::of(sig_usr1));
    EXPECT_EQ(p.post(sig_usr1).result, PostResult::pending);
    EXPECT_FALSE(p.all.has_deliverable(p.first()) || p.all.has_deliverable(p.second()));
    p.second().set_blocked({});
    EXPECT_TRUE(p.all.choose_next(p.second()));
}

TEST(SharedSignals, AThreadsOwnSignalIsNobodyElses) {
    Pair p;
    ASSERT_TRUE(p.all.set_disposition(p.threads, sig_usr1, handler()));
    ASSERT_TRUE(p.all.set_disposition(p.threads, sig_usr2, handler()));
    EXPECT_EQ(p.post_to(1, sig_usr2).receiver, &p.threads[1]);
    EXPECT_FALSE(p.all.has_deliverable(p.first()));
    EXPECT_EQ(p.post(sig_usr1).receiver, &p.threads[0]);
    EXPECT_EQ(p.all.choose_next(p.second())->signal, sig_usr2) << "its own before the common ones";
    EXPECT_EQ(p.all.choose_next(p.second())->signal, sig_usr1);
    p.first().set_blocked(SignalSet::of(sig_usr1));
    EXPECT_EQ(p.post_to(0, sig_usr1).result, PostResult::pending);
    EXPECT_EQ(p.post(sig_usr1).receiver, &p.threads[1]) << "pending twice: for one, and for all";
    EXPECT_TRUE(p.all.choose_next(p.second()));
    EXPECT_FALSE(p.all.choose_next(p.second()));
    p.first().set_blocked({});
    EXPECT_TRUE(p.all.choose_next(p.first()));
}

TEST(SharedSignals, KillComesBeforeAThreadsOwn) {
    Pair p;
    p.post_to(0, sig_term);
    p.post(sig_kill);
    EXPECT_EQ(p.all.fatal(p.second()), std::uint32_t{sig_kill});
    EXPECT_EQ(p.all.choose_next(p.first())->signal, std::uint32_t{sig_kill});
}

TEST(SharedSignals, ContinuingAndIgnoringForgetWhatWaitsForAnyThread) {
    Pair p;
    const SignalSet both = SignalSet::of_all(sig_tstp, sig_usr1);
    p.first().set_blocked(both);
    p.second().set_blocked(both);
    QueuedSignal of_second;
    p.post(sig_tstp);
    p.post_to(1, sig_tstp, &of_second);
    p.post_to(0, sig_usr1);
    p.post(sig_usr1);
    p.post_to(1, sig_cont);
    EXPECT_FALSE(p.all.pending(p.first()).contains(sig_tstp));
    EXPECT_FALSE(p.all.pending(p.second()).contains(sig_tstp));
    EXPECT_EQ(p.all.take_discarded(), &of_second);
    ASSERT_TRUE(p.all.set_disposition(p.threads, sig_usr1, {.handler = handler_ignore}));
    EXPECT_FALSE(p.all.pending(p.first()).contains(sig_usr1));
}

TEST(SharedSignals, AFaultIsTheThreadsOwnThatMadeIt) {
    Pair p;
    ASSERT_TRUE(p.all.set_disposition(p.threads, sig_segv, handler()));
    p.all.force(p.second(), sig_segv, {});
    EXPECT_FALSE(p.all.has_deliverable(p.first()));
    EXPECT_EQ(p.all.choose_next(p.second())->kind, Delivery::Kind::handler);
}

TEST(SharedSignals, AnIgnoredSignalIsKeptForAnyThreadThatWaitsForIt) {
    Pair p;
    EXPECT_EQ(p.post(sig_chld).result, PostResult::discarded);
    p.second().set_blocked(SignalSet::of(sig_chld));
    p.second().await(SignalSet::of(sig_chld));
    EXPECT_EQ(p.post(sig_chld).result, PostResult::wake);
    EXPECT_TRUE(p.all.take(p.second(), SignalSet::of(sig_chld)));
    EXPECT_EQ(p.post_to(0, sig_chld).result, PostResult::discarded) << "that one does not";
}

TEST(SharedSignals, WhatAThreadLeavesBehindIsHandedBack) {
    Pair p;
    QueuedSignal q;
    p.second().set_blocked(SignalSet::of(40));
    p.post_to(1, 40, &q);
    p.all.discard_all_of(p.second());
    EXPECT_EQ(p.all.take_discarded(), &q);
    EXPECT_TRUE(p.all.pending(p.second()).is_empty());
}

}  // namespace
}  // namespace kidney::proc
