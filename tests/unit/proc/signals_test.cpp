/// Signals as programs see them: handlers, interrupted calls, deaths.
#include "tests/support/programs.hpp"

#include <gtest/gtest.h>

namespace kidney::test {
namespace {

using proc::Pid;

class Signals : public testing::TestWithParam<std::uint32_t> {
protected:
    [[nodiscard]] static sim::MachineOptions cpus() { return {.cpus = GetParam()}; }
};
INSTANTIATE_TEST_SUITE_P(Cpus, Signals, testing::Values(1, 2, 4));

TEST_P(Signals, AHandlerRunsAndTheProgramGoesOn) {
    run_programs(cpus(), [] {
        static std::uint32_t heard;
        heard = 0;
        EXPECT_TRUE(set_handler(abi::sig_usr1, [](std::uint32_t signal) { heard = signal; }));
        EXPECT_TRUE(kill(self().pid, abi::sig_usr1));
        EXPECT_EQ(heard, abi::sig_usr1);
    });
}

TEST_P(Signals, OfSeveralHandlersTheLastOneEnteredRunsFirst) {
    run_programs(cpus(), [] {
        static std::string order;
        order.clear();
        EXPECT_TRUE(set_handler(abi::sig_usr1, [](std::uint32_t) { order += "1"; }));
        EXPECT_TRUE(set_handler(abi::sig_usr2, [](std::uint32_t) { order += "2"; }));
        const auto set = proc::SignalSet::of_all(abi::sig_usr1, abi::sig_usr2);
        proc::set_blocked_signals(self(), set);
        EXPECT_TRUE(kill(self().pid, abi::sig_usr1));
        EXPECT_TRUE(kill(self().pid, abi::sig_usr2));
        EXPECT_EQ(order, "") << "both are blocked";
        static_cast<void>(call([](SimProcess& p) {
            proc::set_blocked_signals(p, {});
            return Status();
        }));
        EXPECT_EQ(order, "21");
    });
}

TEST_P(Signals, AHandlerIsNotInterruptedByItsOwnSignal) {
    run_programs(cpus(), [] {
        static int depth, deepest, calls;
        depth = deepest = calls = 0;
        EXPECT_TRUE(set_handler(abi::sig_usr1, [](std::uint32_t) {
            deepest = std::max(deepest, ++depth);
            if (++calls == 1) {
                EXPECT_TRUE(kill(self().pid, abi::sig_usr1));
            }
            --depth;
        }));
        EXPECT_TRUE(kill(self().pid, abi::sig_usr1));
        EXPECT_EQ(calls, 2);
        EXPECT_EQ(deepest, 1);
    });
}

/// What becomes of a wait that a handler interrupts.
TEST_P(Signals, AnInterruptedWaitRestartsOnlyIfTheHandlerSaysSo) {
    for (const bool restarts : {false, true}) {
        run_programs(cpus(), [restarts] {
            static int heard;
            heard = 0;
            EXPECT_TRUE(set_handler(
                abi::sig_usr1, [](std::uint32_t) { ++heard; }, restarts ? abi::sa_restart : 0));
            const Pid parent = self().pid;
            const Pid child = *fork([parent] {
                sleep(Duration::milliseconds(5));
                EXPECT_TRUE(kill(parent, abi::sig_usr1));
                sleep(Duration::milliseconds(5));
            });
            const auto report = wait();
            EXPECT_EQ(heard, 1);
            if (restarts) {
                EXPECT_EQ(report->pid, child);
            } else {
                EXPECT_EQ(report.error(), Errc::interrupted);
                EXPECT_EQ(wait()->pid, child);
            }
        });
    }
}

TEST_P(Signals, ASleepIsInterruptedByAHandlerButNotByAStop) {
    run_programs(cpus(), [] {
        const Pid child = *fork([] {
            EXPECT_TRUE(set_handler(abi::sig_usr1, [](std::uint32_t) {}, abi::sa_restart));
            EXPECT_EQ(pause().error(), Errc::interrupted);
        });
        sleep(Duration::milliseconds(5));
        EXPECT_TRUE(kill(child, abi::sig_stop));
        EXPECT_EQ(wait({.which = child, .stopped = true})->code, abi::cld_stopped);
        EXPECT_TRUE(kill(child, abi::sig_cont));
        sleep(Duration::milliseconds(5));
        EXPECT_EQ(wait({.which = child, .no_hang = true})->pid, Pid(0)) << "it sleeps again";
        EXPECT_TRUE(kill(child, abi::sig_usr1));
        EXPECT_TRUE(wait({.which = child})->status.is_exited());
    });
}

TEST_P(Signals, TheDefaultIsTheEnd) {
    run_programs(cpus(), [] {
        for (const std::uint32_t signal : {+abi::sig_term, +abi::sig_segv, +abi::sig_kill, 40U}) {
            const Pid child = *fork([] {
                for (;;) {
                    compute(Duration::milliseconds(1));
                }
            });
            EXPECT_TRUE(kill(child, signal));
            const auto report = wait();
            EXPECT_EQ(report->code, abi::cld_killed);
            EXPECT_EQ(report->status.signal(), signal);
        }
    });
}

TEST_P(Signals, NobodyKillsTheFirstProcess) {
    run_programs(cpus(), [] {
        EXPECT_TRUE(fork([] {
            EXPECT_TRUE(kill(proc::init_pid, abi::sig_kill));
            EXPECT_TRUE(kill(proc::init_pid, abi::sig_term));
        }));
        EXPECT_TRUE(wait());
    });
}

TEST_P(Signals, AHandlerWithoutAStackIsTheEnd) {
    run_programs(cpus(), [] {
        const Pid child = *fork([] {
            // Handlers that the world does not know stand for a stack that is no good.
            EXPECT_TRUE(set_action(abi::sig_usr1, {.handler = 4711}));
            EXPECT_TRUE(kill(self().pid, abi::sig_usr1));
            ADD_FAILURE() << "it lives on";
        });
        EXPECT_EQ(wait({.which = child})->status.signal(), abi::sig_segv);
    });
}

TEST_P(Signals, AChildHasItsParentsHandlersAndNothingPending) {
    run_programs(cpus(), [] {
        static int heard;
        heard = 0;
        EXPECT_TRUE(set_handler(abi::sig_usr1, [](std::uint32_t) { ++heard; }));
        proc::set_blocked_signals(self(), proc::SignalSet::of(abi::sig_usr2));
        EXPECT_TRUE(kill(self().pid, abi::sig_usr2));
        const Pid child = *fork([] {
            {
                LockGuard guard(Sim::process_lock);
                EXPECT_TRUE(self().signals.pending(self().this_thread().signals).is_empty());
            }
            EXPECT_TRUE(kill(self().pid, abi::sig_usr2)) << "blocked in the child as well";
            EXPECT_TRUE(kill(self().pid, abi::sig_usr1));
        });
        EXPECT_TRUE(wait({.which = child})->status.is_exited());
        EXPECT_EQ(heard, 1);
    });
}

TEST_P(Signals, AForkLetsASignalGoFirst) {
    run_programs(cpus(), [] {
        static int heard;
        heard = 0;
        EXPECT_TRUE(set_handler(abi::sig_usr1, [](std::uint32_t) {
            ++heard;
            EXPECT_EQ(count_processes(), 1U) << "the child is not there yet";
        }));
        bool is_sent = false;
        const auto child = call([&](SimProcess& p) {
            if (!std::exchange(is_sent, true)) {
                LockGuard guard(Sim::process_lock);
                proc::send_signal(p, abi::sig_usr1, {});
            }
            TestRegisters start;
            start.program = [] { exit(1); };
            return proc::fork_process(p, start, {});
        });
        EXPECT_TRUE(child) << "it has not begun, so it runs again whatever the handler says";
        EXPECT_EQ(heard, 1);
        EXPECT_EQ(wait()->pid, *child);
    });
}

TEST_P(Signals, WhatTheGroupHeardBeforeIsNotForTheNextChild) {
    run_programs(cpus(), [] {
        static int heard;
        heard = 0;
        EXPECT_TRUE(set_handler(abi::sig_usr1, [](std::uint32_t) { ++heard; }));
        static_cast<void>(call([](SimProcess&) {
            LockGuard guard(Sim::process_lock);
            EXPECT_TRUE(proc::send_signal_to_group<Sim>(proc::init_pid, abi::sig_usr1, {}));
            return Status();
        }));
        EXPECT_EQ(heard, 1);
        EXPECT_TRUE(fork([] {}));
        EXPECT_TRUE(wait());
        EXPECT_EQ(heard, 1);
    });
}

/// The first process would not even notice the SIGCONT.
TEST_P(Signals, AMaskThatWasBorrowedForASleepIsGivenBack) {
    run_programs(cpus(), [] {
        const Pid child = *fork([] {
            EXPECT_TRUE(set_handler(abi::sig_usr1, [](std::uint32_t) {}));
            const auto suspend = [](SimProcess& p) -> Status {
                {
                    LockGuard guard(Sim::process_lock);
                    p.this_thread().signals.suspend(proc::SignalSet::of(abi::sig_usr2));
                }
                while (!p.is_interrupted()) {
                    Sim::Threads::block();
                }
                p.this_thread().restart_mode = proc::RestartMode::unless_handled;
                return fail(Errc::restart);
            };
            EXPECT_EQ(call(suspend).error(), Errc::interrupted);
            EXPECT_TRUE(self().this_thread().signals.blocked().is_empty());
        });
        sleep(Duration::milliseconds(5));
        EXPECT_TRUE(kill(child, abi::sig_cont)) << "it wakes for nothing, and sleeps again";
        sleep(Duration::milliseconds(5));
        EXPECT_TRUE(kill(child, abi::sig_usr1));
        EXPECT_TRUE(wait()->status.is_exited());
    });
}

TEST_P(Signals, AZombieTakesNone) {
    run_programs(cpus(), [] {
        const Pid child = *fork([] { exit(2); });
        sleep(Duration::milliseconds(5));
        EXPECT_TRUE(kill(child, abi::sig_kill)) << "it is still there";
        proc::SpareSignalOf<Sim> spare;
        ASSERT_TRUE(spare.make());
        {
            LockGuard guard(Sim::process_lock);
            SimProcess& zombie = *Sim::processes().find(child);
            EXPECT_TRUE(
                proc::send_queued_signal(zombie, nullptr, 40, {.code = abi::si_queue}, spare));
        }
        EXPECT_NE(spare.get(), nullptr) << "nobody will ever take it";
        EXPECT_EQ(wait()->status.code(), 2U);
    });
}

TEST_P(Signals, RootMaySignalAnybody) {
    run_programs(cpus(), [] {
        const Pid stranger = *fork([] {
            self().identity.set_users({.real = 7, .effective = 7, .saved = 7, .file = 7}, false);
            for (;;) {
                compute(Duration::milliseconds(1));
            }
        });
        sleep(Duration::milliseconds(5));
        EXPECT_TRUE(kill(stranger, abi::sig_term));
        EXPECT_EQ(wait()->status.signal(), abi::sig_term);
    });
}

TEST_P(Signals, WhoMayNotIsToldSo) {
    run_programs(cpus(), [] {
        const Pid target = *fork([] { sleep(Duration::milliseconds(20)); });
        const Pid stranger = *fork([target] {
            self().identity.set_users({.real = 7, .effective = 7, .saved = 7, .file = 7}, false);
            EXPECT_EQ(kill(target, abi::sig_kill).error(), Errc::not_permitted);
            EXPECT_EQ(kill(target, 0).error(), Errc::not_permitted);
            EXPECT_TRUE(kill(target, abi::sig_cont)) << "the same session";
            EXPECT_EQ(kill(Pid(4711), abi::sig_kill).error(), Errc::no_process);
        });
        EXPECT_TRUE(wait({.which = stranger})->status.is_exited());
        EXPECT_TRUE(wait({.which = target})->status.is_exited());
    });
}

TEST_P(Signals, QueuedSignalsComeAsOftenAsTheyWereSentAndGoBackToTheHeap) {
    run_programs(cpus(), [] {
        static int heard;
        heard = 0;
        EXPECT_TRUE(set_handler(40, [](std::uint32_t) { ++heard; }));
        proc::set_blocked_signals(self(), proc::SignalSet::of(40U));
        for (int i = 0; i < 3; ++i) {
            proc::SpareSignalOf<Sim> spare;
            ASSERT_TRUE(spare.make());
            LockGuard guard(Sim::process_lock);
            EXPECT_TRUE(
                proc::send_queued_signal(self(), nullptr, 40, {.code = abi::si_queue}, spare));
        }
        static_cast<void>(call([](SimProcess& p) {
            proc::set_blocked_signals(p, {});
            return Status();
        }));
        EXPECT_EQ(heard, 3);
        // And those that nobody takes any more.
        EXPECT_TRUE(fork([] {
            proc::set_blocked_signals(self(), proc::SignalSet::of(40U));
            proc::SpareSignalOf<Sim> spare;
            ASSERT_TRUE(spare.make());
            {
                LockGuard guard(Sim::process_lock);
                EXPECT_TRUE(
                    proc::send_queued_signal(self(), nullptr, 40, {.code = abi::si_queue}, spare));
            }
        }));
        EXPECT_TRUE(wait());
    });
}

}  // namespace
}  // namespace kidney::test
