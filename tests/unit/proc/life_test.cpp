/// Fork, exit and wait as programs see them, on simulated CPUs.
#include "tests/support/programs.hpp"

#include <gtest/gtest.h>

namespace kidney::test {
namespace {

using proc::ClonesToWaitFor;
using proc::Pid;
using proc::WaitRequest;

constexpr WaitRequest any{.which = Pid(-1)};

class Life : public testing::TestWithParam<std::uint32_t> {
protected:
    [[nodiscard]] static sim::MachineOptions cpus() { return {.cpus = GetParam()}; }
};
INSTANTIATE_TEST_SUITE_P(Cpus, Life, testing::Values(1, 2, 4));

TEST_P(Life, AParentLearnsHowItsChildEnded) {
    run_programs(cpus(), [] {
        const auto child = fork([] { exit(3); });
        ASSERT_TRUE(child);
        const auto report = wait();
        ASSERT_TRUE(report);
        EXPECT_EQ(report->pid, *child);
        EXPECT_EQ(report->code, abi::cld_exited);
        EXPECT_EQ(report->status.code(), 3U);
        EXPECT_EQ(wait().error(), Errc::no_child);
    });
}

TEST_P(Life, ChildrenAreWaitedForByNumberGroupAndKind) {
    run_programs(cpus(), [] {
        const Pid first = *fork([] { exit(1); });
        const Pid second = *fork([] {
            EXPECT_TRUE(set_group(Pid(0), Pid(0)));
            sleep(Duration::milliseconds(5));
            exit(2);
        });
        const Pid clone = *fork([] { exit(3); }, {.exit_signal = 0});
        static_cast<void>(set_group(second, second));  // whoever is first
        EXPECT_EQ(wait({.which = Pid(-second.value())})->pid, second);
        EXPECT_EQ(wait({.which = Pid(0)})->pid, first);
        EXPECT_EQ(wait(any).error(), Errc::no_child) << "clones are waited for on request only";
        EXPECT_EQ(wait({.which = Pid(-1), .clones = ClonesToWaitFor::only})->pid, clone);
        EXPECT_EQ(wait({.which = Pid(4711)}).error(), Errc::no_child);
    });
}

TEST_P(Life, AWaitMayLookOnly) {
    run_programs(cpus(), [] {
        const Pid child = *fork([] { exit(1); });
        WaitRequest look = any;
        look.leave_waitable = true;
        EXPECT_EQ(wait(look)->pid, child);
        EXPECT_EQ(wait(look)->pid, child);
        EXPECT_EQ(wait(any)->pid, child);
        EXPECT_EQ(wait(look).error(), Errc::no_child);
    });
}

TEST_P(Life, AWaitThatMustNotHangSaysNothingYet) {
    run_programs(cpus(), [] {
        const Pid child = *fork([] { sleep(Duration::milliseconds(20)); });
        WaitRequest now = any;
        now.no_hang = true;
        EXPECT_EQ(wait(now)->pid, Pid(0));
        EXPECT_EQ(wait(any)->pid, child);
        EXPECT_EQ(wait(now).error(), Errc::no_child);
    });
}

TEST_P(Life, OrphansAreTheFirstProcesssOrThoseOfAnAncestorThatAsked) {
    run_programs(cpus(), [] {
        static Pid grandchild;
        const Pid child = *fork([] { grandchild = *fork([] { exit(7); }); });
        EXPECT_EQ(wait({.which = child})->pid, child);
        EXPECT_EQ(wait(any)->pid, grandchild) << "which process 1 has adopted";

        const Pid reaper = *fork([] {
            {
                LockGuard guard(Sim::process_lock);
                self().adopts_orphans = true;
            }
            const Pid middle = *fork([] { grandchild = *fork([] { exit(8); }); });
            EXPECT_EQ(wait({.which = middle})->pid, middle);
            EXPECT_EQ(wait(any)->status.code(), 8U);
        });
        EXPECT_EQ(wait(any)->pid, reaper);
        EXPECT_EQ(wait(any).error(), Errc::no_child);
    });
}

TEST_P(Life, AGuardianThatSleepsLearnsOfAZombieThatItInherits) {
    run_programs(cpus(), [] {
        static Pid zombie;
        const Pid sleeper = *fork([] {
            EXPECT_TRUE(fork([] {
                zombie = *fork([] { exit(4); });
                sleep(Duration::milliseconds(10));
            }));
            sleep(Duration::milliseconds(100));
            EXPECT_TRUE(wait());
        });
        EXPECT_EQ(wait(any)->pid, zombie) << "long before its own child ends";
        EXPECT_EQ(wait(any)->pid, sleeper);
    });
}

TEST_P(Life, OrphansEndAsOrdinaryChildren) {
    run_programs(cpus(), [] {
        const Pid child =
            *fork([] { EXPECT_TRUE(fork([] { exit(5); }, {.exit_signal = abi::sig_usr1})); });
        EXPECT_EQ(wait({.which = child})->pid, child);
        EXPECT_EQ(wait(any)->status.code(), 5U) << "which only a wait for clones would have found";
    });
}

TEST_P(Life, OrphansGetTheSignalTheyAskedFor) {
    run_programs(cpus(), [] {
        static bool has_heard;
        has_heard = false;
        const Pid child = *fork([] {
            EXPECT_TRUE(fork([] {
                EXPECT_TRUE(set_handler(abi::sig_usr1, [](std::uint32_t) { has_heard = true; }));
                {
                    LockGuard guard(Sim::process_lock);
                    self().death_signal = abi::sig_usr1;
                }
                while (!has_heard) {
                    static_cast<void>(pause());
                }
            }));
            sleep(Duration::milliseconds(20));
        });
        EXPECT_EQ(wait({.which = child})->pid, child);
        EXPECT_TRUE(wait(any));
        EXPECT_TRUE(has_heard);
    });
}

TEST_P(Life, NobodyWaitsForTheChildrenOfAParentThatIgnoresThem) {
    for (const bool by_flag : {false, true}) {
        run_programs(cpus(), [by_flag] {
            EXPECT_TRUE(by_flag ? set_handler(
                                      abi::sig_chld, [](std::uint32_t) {},
                                      abi::sa_nocldwait | abi::sa_restart)
                                : set_action(abi::sig_chld, {.handler = abi::handler_ignore}));
            EXPECT_TRUE(fork([] { exit(1); }));
            EXPECT_TRUE(fork([] { sleep(Duration::milliseconds(3)); }));
            EXPECT_EQ(wait(any).error(), Errc::no_child) << "after both have ended";
            EXPECT_EQ(count_processes(), 1U);
        });
    }
}

TEST_P(Life, AChildBeginsWithItsParentsGroupIdentityAndMemory) {
    run_programs(cpus(), [] {
        self().memory->words[0x1000] = 5;
        self().umask = 077;
        static_cast<void>(create_session());
        const Pid child = *fork(
            [] {
                EXPECT_EQ(self().memory->words[0x1000], 5U);
                EXPECT_EQ(self().memory->words[0x2000], self().pid.word()) << "CLONE_CHILD_SETTID";
                EXPECT_EQ(self().umask, 077U);
                self().memory->words[0x1000] = 6;
                LockGuard guard(Sim::process_lock);
                EXPECT_EQ(self().group, proc::init_pid);
                EXPECT_EQ(self().parent->pid, proc::init_pid);
            },
            {.parent_word = UserPtr<std::uint32_t>(0x3000),
             .child_word = UserPtr<std::uint32_t>(0x2000)});
        EXPECT_EQ(self().memory->words[0x3000], child.word()) << "CLONE_PARENT_SETTID";
        EXPECT_EQ(wait()->pid, child);
        EXPECT_EQ(self().memory->words[0x1000], 5U);
        EXPECT_EQ(self().memory->words.count(0x2000), 0U);
    });
}

TEST_P(Life, AParentWaitsUntilItsMemoryIsGivenBack) {
    run_programs(cpus(), [] {
        const Pid child = *fork(
            [] {
                self().memory->words[0x1000] = 1;
                sleep(Duration::milliseconds(10));
                self().memory->words[0x1000] = 2;
                exit(0);
            },
            {.share_memory = true, .wait_until_released = true});
        EXPECT_EQ(self().memory->words[0x1000], 2U);
        EXPECT_EQ(wait()->pid, child);
    });
}

TEST_P(Life, AParentThatIsKilledWhileItsMemoryIsLentNeverReturns) {
    run_programs(cpus(), [] {
        static bool has_returned;
        has_returned = false;
        const Pid parent = *fork([] {
            static_cast<void>(fork([] { sleep(Duration::milliseconds(30)); },
                                   {.share_memory = true, .wait_until_released = true}));
            has_returned = true;
        });
        sleep(Duration::milliseconds(5));
        EXPECT_TRUE(kill(parent, abi::sig_kill));
        EXPECT_EQ(wait({.which = parent})->status.signal(), abi::sig_kill);
        EXPECT_TRUE(wait(any)) << "its child, which lives on";
        EXPECT_FALSE(has_returned);
    });
}

TEST_P(Life, SistersHaveTheSameParent) {
    run_programs(cpus(), [] {
        EXPECT_EQ(fork([] {}, {.sister = true}).error(), Errc::invalid_argument);
        static Pid sister;
        const Pid child = *fork([] { sister = *fork([] { exit(9); }, {.sister = true}); });
        EXPECT_EQ(wait({.which = child})->pid, child);
        EXPECT_EQ(wait(any)->pid, sister);
    });
}

TEST_P(Life, TheTableHasAnEnd) {
    run_programs(cpus(), [] {
        Sim::state->most_processes = 3;
        EXPECT_TRUE(fork([] { sleep(Duration::milliseconds(5)); }));
        EXPECT_TRUE(fork([] { sleep(Duration::milliseconds(5)); }));
        EXPECT_EQ(fork([] {}).error(), Errc::would_block);
        EXPECT_TRUE(wait());
        EXPECT_TRUE(fork([] {}));
        EXPECT_TRUE(wait() && wait());
    });
}

/// Whatever cannot be had: an error, and nothing is left behind (run_programs looks).
TEST_P(Life, AForkThatFailsLeavesNothingBehind) {
    std::size_t failures = 0;
    for (bool has_failed = true; has_failed;) {
        run_programs(cpus(), [&] {
            Sim::state->heap.fail_at(failures + 1);
            const auto child = fork([] { exit(1); });
            has_failed = Sim::state->heap.has_failed();
            if (child) {
                EXPECT_EQ(wait()->pid, *child);
            } else {
                EXPECT_EQ(child.error(), Errc::no_memory);
                ++failures;
            }
            EXPECT_EQ(count_processes(), 1U);
            EXPECT_NE(has_failed, child.has_value());
        });
    }
    EXPECT_GE(failures, 3U) << "the process, its thread, its memory";
}

}  // namespace
}  // namespace kidney::test
