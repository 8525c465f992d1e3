/// Processes with several threads: how they begin, end, stop, and share signals.
#include "tests/support/programs.hpp"

#include <gtest/gtest.h>

#include <set>

namespace kidney::test {
namespace {

using proc::Pid;
using proc::WaitRequest;

class Threads : public testing::TestWithParam<std::uint32_t> {
protected:
    [[nodiscard]] static sim::MachineOptions cpus() { return {.cpus = GetParam()}; }
};
INSTANTIATE_TEST_SUITE_P(Cpus, Threads, testing::Values(1, 2, 4));

void compute_for_ever() {
    for (;;) {
        compute(Duration::milliseconds(1));
    }
}
void sleep_for_ever() {
    for (;;) {
        static_cast<void>(pause());
    }
}
std::size_t count_threads() {
    LockGuard guard(Sim::process_lock);
    return self().threads.size();
}
/// Until the calling process has so many threads.
void await_threads(std::size_t count) {
    while (count_threads() != count) {
        sleep(Duration::milliseconds(1));
    }
}
Pid heard_by;
/// A thread that ends once somebody has heard SIGUSR1; who did is in `heard_by`.
Pid start_listener() {
    heard_by = Pid();
    EXPECT_TRUE(set_handler(abi::sig_usr1, [](std::uint32_t) { heard_by = own_number(); }));
    return *create_thread([] {
        while (heard_by == Pid()) {
            static_cast<void>(pause());
        }
    });
}
bool is_known_as(Pid number) {
    LockGuard guard(Sim::process_lock);
    return Sim::processes().find_thread(number) == &self().this_thread();
}

TEST_P(Threads, ShareTheirProcessAndHaveNumbersOfTheirOwn) {
    run_programs(cpus(), [] {
        static std::set<std::int32_t> numbers;
        numbers = {own_number().value()};
        EXPECT_EQ(own_number(), self().pid);
        SimProcess* const process = &self();
        for (int n = 0; n < 4; ++n) {
            const auto number = create_thread([process] {
                EXPECT_EQ(&self(), process);
                numbers.insert(own_number().value());
            });
            ASSERT_TRUE(number);
            EXPECT_NE(*number, self().pid);
        }
        await_threads(1);
        EXPECT_EQ(numbers.size(), 5U);
    });
}

TEST_P(Threads, AnEndIsToldInTheProgramsMemory) {
    run_programs(cpus(), [] {
        constexpr std::uint32_t word = 0x100;
        auto& words = self().memory->words;
        words[word] = 7;
        const auto number = create_thread([] { sleep(Duration::milliseconds(2)); },
                                          {.parent_word = UserPtr<std::uint32_t>(word),
                                           .child_clear_word = UserPtr<std::uint32_t>(word)});
        EXPECT_EQ(words[word], number->word());
        await_threads(1);
        EXPECT_EQ(words[word], 0U);
        EXPECT_EQ(Sim::state->woken_words, std::vector<std::uint32_t>{word}) << "who joins it";
    });
}

TEST_P(Threads, LocksOfAThreadThatEndsAreMarked) {
    run_programs(cpus(), [] {
        // A ring of two links at 0x110 and 0x120, each 4 bytes before its lock.
        static constexpr std::uint32_t head = 0x100, held = 0x114, others = 0x124, pending = 0x134;
        auto& words = self().memory->words;
        words = {{head, 0x110}, {head + 4, 4}, {head + 8, 0x130}, {0x110, 0x120},
                 {0x120, head}, {0x130, 0},    {others, 4711},    {pending, 0}};
        static Pid number;
        number = *create_thread([] {
            self().this_thread().robust_list = VirtAddr(head);
            self().memory->words[held] = own_number().word() | proc::lock_word::has_waiters;
        });
        await_threads(1);
        EXPECT_EQ(words[held], proc::lock_word::owner_died | proc::lock_word::has_waiters);
        EXPECT_EQ(words[others], 4711U) << "somebody else's";
        EXPECT_EQ(Sim::state->woken_words, (std::vector<std::uint32_t>{held, pending}));
    });
}

TEST_P(Threads, ARobustListThatNeverEndsIsGivenUp) {
    run_programs(cpus(), [] {
        auto& words = self().memory->words;
        words = {{0x100, 0x110}, {0x104, 4}, {0x108, 0}, {0x110, 0x110}};
        EXPECT_TRUE(create_thread([] { self().this_thread().robust_list = VirtAddr(0x100); }));
        EXPECT_TRUE(create_thread([] { self().this_thread().robust_list = VirtAddr(0x999); }));
        await_threads(1);
    });
}

TEST_P(Threads, TheProcessEndsWithItsLastThreadAndAsThatDoes) {
    run_programs(cpus(), [] {
        const Pid child = *fork([] {
            EXPECT_TRUE(create_thread([] {
                sleep(Duration::milliseconds(5));
                exit_thread(9);
            }));
            exit_thread(3);
        });
        EXPECT_EQ(wait({.which = child, .no_hang = true})->pid, Pid(0)) << "not yet";
        const auto report = wait({.which = child});
        EXPECT_EQ(report->status.code(), 9U);
        EXPECT_EQ(report->usage.switches, 2U) << "both threads are counted";
    });
}

TEST_P(Threads, OneEndsThemAll) {
    run_programs(cpus(), [] {
        for (auto* const others_do : {&compute_for_ever, &sleep_for_ever}) {
            const Pid child = *fork([others_do] {
                EXPECT_TRUE(create_thread(*others_do));
                EXPECT_TRUE(create_thread([] { exit(5); }));
                (*others_do)();
            });
            EXPECT_EQ(wait({.which = child})->status.code(), 5U);
        }
    });
}

TEST_P(Threads, AFatalSignalEndsThemAll) {
    run_programs(cpus(), [] {
        for (const std::uint32_t signal : {+abi::sig_kill, +abi::sig_term, +abi::sig_segv}) {
            const Pid child = *fork([] {
                EXPECT_TRUE(create_thread(compute_for_ever));
                EXPECT_TRUE(create_thread(sleep_for_ever));
                sleep_for_ever();
            });
            EXPECT_TRUE(kill(child, signal));
            EXPECT_EQ(wait({.which = child})->status.signal(), signal);
        }
    });
}

TEST_P(Threads, AllStopAndAllGoOn) {
    run_programs(cpus(), [] {
        static int steps;
        steps = 0;
        const Pid child = *fork([] {
            for (int n = 0; n < 2; ++n) {
                EXPECT_TRUE(create_thread([] {
                    for (;;) {
                        compute(Duration::milliseconds(1));
                        ++steps;
                    }
                }));
            }
            sleep_for_ever();
        });
        while (steps < 4) {
            sleep(Duration::milliseconds(1));
        }
        EXPECT_TRUE(kill(child, abi::sig_stop));
        EXPECT_EQ(wait({.which = child, .stopped = true})->code, abi::cld_stopped);
        const int then = steps;
        sleep(Duration::milliseconds(20));
        EXPECT_EQ(steps, then) << "nobody runs";
        EXPECT_TRUE(kill(child, abi::sig_cont));
        EXPECT_EQ(wait({.which = child, .continued = true})->code, abi::cld_continued);
        while (steps < then + 4) {
            sleep(Duration::milliseconds(1));
        }
        EXPECT_TRUE(kill(child, abi::sig_stop));
        EXPECT_TRUE(wait({.which = child, .stopped = true}));
        EXPECT_TRUE(kill(child, abi::sig_kill));
        EXPECT_EQ(wait({.which = child})->status.signal(), abi::sig_kill);
    });
}

TEST_P(Threads, ASignalGoesToAThreadThatDoesNotBlockIt) {
    run_programs(cpus(), [] {
        const Pid other = start_listener();
        proc::set_blocked_signals(self(), proc::SignalSet::of(abi::sig_usr1));
        EXPECT_TRUE(kill(self().pid, abi::sig_usr1));
        await_threads(1);
        EXPECT_EQ(heard_by, other);
    });
}

TEST_P(Threads, ASignalThatItsReceiverBlocksMeanwhileIsForTheOthers) {
    run_programs(cpus(), [] {
        static int heard;
        heard = 0;
        EXPECT_TRUE(set_handler(abi::sig_usr1, [](std::uint32_t) { ++heard; }));
        EXPECT_TRUE(create_thread([] {
            while (heard == 0) {
                static_cast<void>(pause());
            }
        }));
        sleep(Duration::milliseconds(2));
        // In one step, as if the mask changed between the signal and its delivery.
        EXPECT_TRUE(call([](SimProcess& p) -> Status {
            {
                LockGuard guard(Sim::process_lock);
                proc::send_signal(p, abi::sig_usr1, {});
            }
            proc::set_blocked_signals(p, proc::SignalSet::of(abi::sig_usr1));
            return {};
        }));
        await_threads(1);
        EXPECT_EQ(heard, 1);
    });
}

TEST_P(Threads, ASignalForOneIsNobodyElses) {
    run_programs(cpus(), [] {
        const Pid other = start_listener();
        EXPECT_TRUE(kill_thread(other, abi::sig_usr1));
        await_threads(1);
        EXPECT_EQ(heard_by, other);
        EXPECT_EQ(kill_thread(other, 0).error(), Errc::no_process) << "it has gone";
    });
}

TEST_P(Threads, WhoeverWaitsIsToldOfAnyThreadsChild) {
    run_programs(cpus(), [] {
        static Pid child;
        child = Pid();
        static int waited;
        waited = 0;
        for (int n = 0; n < 2; ++n) {
            EXPECT_TRUE(create_thread([] {
                while (child == Pid()) {
                    sleep(Duration::milliseconds(1));
                }
                waited += wait({.which = Pid(-1)}).has_value() ? 1 : 0;
            }));
        }
        child = *fork([] { sleep(Duration::milliseconds(5)); });
        await_threads(1);
        EXPECT_EQ(waited, 1) << "the other one has no child any more";
    });
}

TEST_P(Threads, ForkCopiesOnlyTheCallingOne) {
    run_programs(cpus(), [] {
        static Pid child;
        child = Pid();
        EXPECT_TRUE(create_thread([] {
            proc::set_blocked_signals(self(), proc::SignalSet::of(abi::sig_usr2));
            child = *fork([] {
                EXPECT_EQ(own_number(), self().pid);
                EXPECT_EQ(count_threads(), 1U);
                EXPECT_EQ(self().this_thread().signals.blocked(),
                          proc::SignalSet::of(abi::sig_usr2));
                exit(4);
            });
        }));
        await_threads(1);
        EXPECT_EQ(wait({.which = child})->status.code(), 4U) << "a child is its process's";
    });
}

TEST_P(Threads, ExecLeavesTheCallingOneUnderTheProcesssNumber) {
    run_programs(cpus(), [] {
        const Pid child = *fork([] {
            const Pid pid = self().pid;
            EXPECT_TRUE(create_thread(compute_for_ever));
            EXPECT_TRUE(create_thread([pid] {
                EXPECT_NE(own_number(), pid);
                EXPECT_TRUE(end_other_threads());
                EXPECT_EQ(own_number(), pid);
                EXPECT_EQ(count_threads(), 1U);
                EXPECT_TRUE(is_known_as(pid));
                exit_thread(6);
            }));
            sleep_for_ever();
        });
        EXPECT_EQ(wait({.which = child})->status.code(), 6U);
    });
}

TEST_P(Threads, OfTwoThatReplaceTheProgramOneDoes) {
    run_programs(cpus(), [] {
        static int done;
        done = 0;
        const Pid child = *fork([] {
            for (int n = 0; n < 2; ++n) {
                EXPECT_TRUE(create_thread([] {
                    EXPECT_TRUE(end_other_threads());
                    ++done;
                    sleep(Duration::milliseconds(5));
                    exit(6);
                }));
            }
            sleep_for_ever();
        });
        EXPECT_EQ(wait({.which = child})->status.code(), 6U);
        EXPECT_EQ(done, 1);
    });
}

TEST_P(Threads, ExecWhileOthersStopAndEnd) {
    run_programs(cpus(), [] {
        const Pid child = *fork([] {
            EXPECT_TRUE(create_thread(compute_for_ever));
            EXPECT_TRUE(create_thread([] { exit_thread(1); }));
            EXPECT_TRUE(create_thread([] {
                sleep(Duration::milliseconds(3));
                EXPECT_TRUE(end_other_threads());
                exit(6);
            }));
            EXPECT_TRUE(kill(self().pid, abi::sig_stop));
            sleep_for_ever();
        });
        EXPECT_TRUE(wait({.which = child, .stopped = true}));
        EXPECT_TRUE(kill(child, abi::sig_cont));
        EXPECT_EQ(wait({.which = child})->status.code(), 6U);
    });
}

TEST_P(Threads, AStopWaitsForAParentThatLendsItsMemory) {
    run_programs(cpus(), [] {
        const Pid child = *fork([] {
            EXPECT_TRUE(create_thread([] {
                const Pid borrower = *fork([] { sleep(Duration::milliseconds(10)); },
                                           {.share_memory = true, .wait_until_released = true});
                EXPECT_TRUE(wait({.which = borrower}));
                exit(2);
            }));
            sleep_for_ever();
        });
        sleep(Duration::milliseconds(3));
        EXPECT_TRUE(kill(child, abi::sig_stop));
        EXPECT_TRUE(wait({.which = child, .stopped = true}));
        EXPECT_TRUE(kill(child, abi::sig_cont));
        EXPECT_EQ(wait({.which = child})->status.code(), 2U);
    });
}

TEST_P(Threads, ThereAreNoMoreThanTheWorldHasRoomFor) {
    run_programs(cpus(), [] {
        Sim::state->most_processes = 3;
        EXPECT_TRUE(create_thread([] { sleep(Duration::milliseconds(5)); }));
        EXPECT_TRUE(create_thread([] { sleep(Duration::milliseconds(5)); }));
        EXPECT_EQ(create_thread([] {}).error(), Errc::would_block);
        EXPECT_EQ(fork([] {}).error(), Errc::would_block);
        await_threads(1);
        EXPECT_TRUE(fork([] {}));
        EXPECT_EQ(create_thread([] {}).has_value() + wait().has_value(), 2);
        await_threads(1);
    });
}

TEST_P(Threads, OneThatCannotBeMadeLeavesNothingBehind) {
    std::size_t failures = 0;
    for (bool has_failed = true; has_failed;) {
        run_programs(cpus(), [&] {
            Sim::state->heap.fail_at(failures + 1);
            const auto number = create_thread([] {});
            has_failed = Sim::state->heap.has_failed();
            if (!number) {
                EXPECT_EQ(number.error(), Errc::no_memory);
                EXPECT_EQ(self().account->held(Holding::processes), 1U);
                ++failures;
            }
            await_threads(1);
            EXPECT_NE(has_failed, number.has_value());
        });
    }
    EXPECT_GE(failures, 1U);
}

}  // namespace
}  // namespace kidney::test
