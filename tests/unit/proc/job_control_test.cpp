/// Stopping, continuing, groups and sessions as a shell sees them.
#include "tests/support/programs.hpp"

#include <gtest/gtest.h>

namespace kidney::test {
namespace {

using proc::Pid;
using proc::WaitRequest;

class JobControl : public testing::TestWithParam<std::uint32_t> {
protected:
    [[nodiscard]] static sim::MachineOptions cpus() { return {.cpus = GetParam()}; }
};
INSTANTIATE_TEST_SUITE_P(Cpus, JobControl, testing::Values(1, 2, 4));

void compute_for_ever() {
    for (;;) {
        compute(Duration::milliseconds(1));
    }
}

TEST_P(JobControl, AStoppedChildGoesOnWhenItIsTold) {
    run_programs(cpus(), [] {
        const Pid child = *fork(compute_for_ever);
        EXPECT_TRUE(kill(child, abi::sig_stop));
        const WaitRequest stopped{.which = child, .stopped = true};
        auto report = wait(stopped);
        EXPECT_EQ(report->code, abi::cld_stopped);
        EXPECT_EQ(report->status.word(), proc::ExitStatus::stopped(abi::sig_stop).word());
        EXPECT_EQ(wait({.which = child, .no_hang = true, .stopped = true})->pid, Pid(0))
            << "a stop is told once";
        EXPECT_TRUE(kill(child, abi::sig_cont));
        report = wait({.which = child, .continued = true});
        EXPECT_EQ(report->code, abi::cld_continued);
        EXPECT_TRUE(kill(child, abi::sig_kill));
        EXPECT_EQ(wait({.which = child})->status.signal(), abi::sig_kill);
    });
}

TEST_P(JobControl, AChildThatBlocksTheSignalGoesOnAllTheSame) {
    run_programs(cpus(), [] {
        const Pid child = *fork([] {
            proc::set_blocked_signals(self(), proc::SignalSet::of(abi::sig_cont));
            EXPECT_TRUE(kill(self().pid, abi::sig_stop));
            exit(3);
        });
        EXPECT_TRUE(wait({.which = child, .stopped = true}));
        EXPECT_TRUE(kill(child, abi::sig_cont));
        EXPECT_EQ(wait({.which = child})->status.code(), 3U);
    });
}

TEST_P(JobControl, AStoppedChildCanBeKilled) {
    run_programs(cpus(), [] {
        const Pid child = *fork(compute_for_ever);
        EXPECT_TRUE(kill(child, abi::sig_stop));
        EXPECT_TRUE(wait({.which = child, .stopped = true}));
        EXPECT_TRUE(kill(child, abi::sig_term));
        EXPECT_EQ(wait({.which = child, .no_hang = true})->pid, Pid(0)) << "but not by this";
        EXPECT_TRUE(kill(child, abi::sig_kill));
        EXPECT_EQ(wait({.which = child})->status.signal(), abi::sig_kill);
    });
}

TEST_P(JobControl, AParentHearsOfStopsUnlessItSaysNo) {
    for (const std::uint32_t flags : {0U, +abi::sa_nocldstop}) {
        run_programs(cpus(), [flags] {
            static int heard;
            heard = 0;
            EXPECT_TRUE(set_handler(
                abi::sig_chld, [](std::uint32_t) { ++heard; }, flags | abi::sa_restart));
            const Pid child = *fork(compute_for_ever);
            EXPECT_TRUE(kill(child, abi::sig_stop));
            EXPECT_TRUE(wait({.which = child, .stopped = true}));
            EXPECT_EQ(heard, flags == 0 ? 1 : 0);
            EXPECT_TRUE(kill(child, abi::sig_kill));
            EXPECT_TRUE(wait({.which = child}));
            EXPECT_EQ(heard, flags == 0 ? 2 : 1);
        });
    }
}

/// The tree of a shell: a session of its own, below it a job in a group of its own. The shell runs
/// `shell` and the job `job`.
void run_shell(const std::function<void(Pid job)>& shell, const std::function<void()>& job) {
    const Pid leader = *fork([&] {
        EXPECT_TRUE(create_session());
        const Pid child = *fork([&] {
            EXPECT_TRUE(set_group(Pid(0), Pid(0)));
            job();
        });
        static_cast<void>(set_group(child, child));
        shell(child);
    });
    EXPECT_EQ(wait({.which = leader})->pid, leader);
}

TEST_P(JobControl, ATerminalStopsOnlyWhatSomebodyCanContinue) {
    run_programs(cpus(), [] {
        run_shell(
            [](Pid job) {
                EXPECT_TRUE(kill(job, abi::sig_tstp));
                EXPECT_EQ(wait({.which = job, .stopped = true})->code, abi::cld_stopped);
                EXPECT_TRUE(kill(job, abi::sig_kill));
                EXPECT_TRUE(wait({.which = job}));
            },
            compute_for_ever);
        // Of process 1's child nobody is in the same session but another group: it is orphaned.
        const Pid orphan = *fork([] {
            EXPECT_TRUE(create_session());
            EXPECT_TRUE(kill(self().pid, abi::sig_tstp));
            EXPECT_TRUE(kill(self().pid, abi::sig_ttin));
            exit(5);
        });
        EXPECT_EQ(wait({.which = orphan, .stopped = true})->status.code(), 5U);
    });
}

TEST_P(JobControl, AStoppedGroupThatIsOrphanedHangsUpAndGoesOn) {
    run_programs(cpus(), [] {
        static std::string heard;
        heard.clear();
        run_shell(
            [](Pid job) {
                EXPECT_TRUE(wait({.which = job, .stopped = true}));
                // The shell ends; nobody is left who would continue the job.
            },
            [] {
                EXPECT_TRUE(set_handler(abi::sig_hup, [](std::uint32_t) { heard += "HUP "; }));
                EXPECT_TRUE(set_handler(abi::sig_cont, [](std::uint32_t) { heard += "CONT "; }));
                EXPECT_TRUE(kill(self().pid, abi::sig_stop));
                exit(6);
            });
        EXPECT_EQ(wait()->status.code(), 6U) << "which process 1 has adopted";
        EXPECT_EQ(heard, "CONT HUP ");
    });
}

TEST_P(JobControl, AGroupThatIsOrphanedWhileItRunsHearsNothing) {
    run_programs(cpus(), [] {
        run_shell([](Pid) {},
                  [] {
                      sleep(Duration::milliseconds(10));
                      exit(7);
                  });
        EXPECT_EQ(wait()->status.code(), 7U);
    });
}

TEST_P(JobControl, GroupsFollowTheRulesOfPosix) {
    run_programs(cpus(), [] {
        EXPECT_EQ(set_group(Pid(0), Pid(-1)).error(), Errc::invalid_argument);
        EXPECT_EQ(set_group(Pid(4711), Pid(0)).error(), Errc::no_process);
        EXPECT_EQ(set_group(Pid(0), Pid(0)).error(), Errc::not_permitted) << "a session leader";
        EXPECT_EQ(create_session().error(), Errc::not_permitted);
        const Pid child = *fork([] {
            EXPECT_EQ(set_group(Pid(0), Pid(4711)).error(), Errc::not_permitted) << "no such group";
            EXPECT_EQ(set_group(proc::init_pid, Pid(0)).error(), Errc::no_process) << "no child";
            EXPECT_TRUE(set_group(Pid(0), Pid(0)));
            EXPECT_EQ(create_session().error(), Errc::not_permitted) << "it leads a group";
            EXPECT_TRUE(set_group(Pid(0), proc::init_pid)) << "back into the parent's";
            EXPECT_EQ(*create_session(), self().pid);
            sleep(Duration::milliseconds(10));
        });
        sleep(Duration::milliseconds(5));
        EXPECT_EQ(set_group(child, child).error(), Errc::not_permitted) << "another session";
        EXPECT_TRUE(wait());
        const Pid program = *fork([] {
            {
                LockGuard guard(Sim::process_lock);
                self().has_executed = true;
            }
            sleep(Duration::milliseconds(10));
        });
        sleep(Duration::milliseconds(5));
        EXPECT_EQ(set_group(program, program).error(), Errc::permission_denied);
        EXPECT_TRUE(wait());
    });
}

TEST_P(JobControl, ASessionLeaderThatEndsHangsUpItsTerminal) {
    run_programs(cpus(), [] {
        struct Screen final : proc::TerminalDevice {
            Screen() : TerminalDevice(4096) {}
            std::size_t offer(std::string_view text) noexcept override { return text.size(); }
            std::size_t waiting() noexcept override { return 0; }
        } screen;
        Sim::Terminal terminal(screen, 0x440);
        static bool heard;
        heard = false;
        run_shell(
            [&terminal](Pid job) {
                sleep(Duration::milliseconds(5));
                terminal.offer_to(self());
                EXPECT_TRUE(terminal.set_foreground(self(), job));
            },
            [] {
                EXPECT_TRUE(set_handler(abi::sig_hup, [](std::uint32_t) { heard = true; }));
                while (!heard) {
                    static_cast<void>(pause());
                }
            });
        EXPECT_TRUE(wait());
        EXPECT_TRUE(heard);
    });
}

TEST_P(JobControl, ASignalToAGroupReachesTheChildThatAMemberIsMaking) {
    run_programs(cpus(), [] {
        // While a member forks, its group is sent a signal: both must hear of it.
        const Pid member = *fork([] {
            EXPECT_TRUE(set_group(Pid(0), Pid(0)));
            for (int i = 0; i < 20; ++i) {
                if (const auto child = fork(compute_for_ever); !child) {
                    break;
                }
            }
            compute_for_ever();
        });
        static_cast<void>(set_group(member, member));
        compute(Duration::microseconds(300));
        static_cast<void>(call([member](SimProcess&) {
            LockGuard guard(Sim::process_lock);
            EXPECT_TRUE(proc::send_signal_to_group<Sim>(member, abi::sig_term, {}));
            return Status();
        }));
        while (count_processes() > 1) {
            EXPECT_EQ(wait()->status.signal(), abi::sig_term);
        }
    });
}

}  // namespace
}  // namespace kidney::test
