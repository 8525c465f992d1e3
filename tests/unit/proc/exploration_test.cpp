/// Calls that meet: every interleaving of two processes' steps, with at most a few preemptions.
#include "tests/support/proc_world.hpp"

#include <gtest/gtest.h>

namespace kidney::test {
namespace {

using proc::ExitStatus;
using proc::Pid;
using proc::WaitRequest;
using World = ProcWorld<OnExplorer>;
using Process = TestProcess<OnExplorer>;

[[nodiscard]] Ref<Process> take_any() {
    LockGuard guard(World::process_lock);
    auto& all = World::state->table.all();
    return all.empty() ? nullptr : World::state->table.remove(all.back());
}
void end_world() {
    while (Ref<Process> gone = take_any()) {
    }
}

/// Two threads, and the first process, which has none of its own yet.
class Pair {
public:
    static constexpr std::size_t threads = 2;

    Pair(std::function<void()> first_does, std::function<void()> second_does) {
        World::begin(machine_);
        first_ = &machine_.spawn(std::move(first_does));
        second_ = &machine_.spawn(std::move(second_does));
        parent = &World::make_process(nullptr);
    }
    ~Pair() { end_world(); }
    void run(std::size_t cpu) { machine_.run_cpu(cpu); }
    void on_reschedule() { machine_.on_reschedule(); }

    Process* parent = nullptr;

protected:
    World::Thread* first_ = nullptr;
    World::Thread* second_ = nullptr;

private:
    World::Machine machine_;
};

/// A parent and its child, each with a thread of its own.
struct Family : Pair {
    Family(std::function<void()> parent_does, std::function<void()> child_does)
        : Pair(std::move(parent_does), std::move(child_does)), child(&World::make_process(parent)) {
        World::add_thread(*parent, *first_);
        World::add_thread(*child, *second_);
    }
    Process* child;
};

/// Two threads of one process, the child of one that has none.
struct Siblings : Pair {
    Siblings(std::function<void()> first_does, std::function<void()> second_does)
        : Pair(std::move(first_does), std::move(second_does)),
          process(&World::make_process(parent)) {
        World::add_thread(*process, *first_);
        World::add_thread(*process, *second_);
    }
    Process* process;
};

constexpr WaitRequest any{.which = Pid(-1)};

/// wait4 against exit: no wake-up is lost, and the zombie is there for exactly one.
struct WaitMeetsExit : Family {
    WaitMeetsExit()
        : Family(
              [this] {
                  const auto report = proc::wait_for_child(*parent, any);
                  sim::require(report.has_value() && report->status.code() == 3, "told of the end");
                  sim::require(proc::wait_for_child(*parent, any).error() == Errc::no_child,
                               "once only");
              },
              [this] { proc::exit_process(*child, ExitStatus::exited(3)); }) {}
    void check() {
        LockGuard guard(World::process_lock);
        sim::require(World::processes().count() == 1, "the child is gone");
    }
};

TEST(ExploredLife, WaitMeetsExit) {
    const auto all = sim::explore<WaitMeetsExit>({.preemptions = 1});
    EXPECT_TRUE(all.passed()) << all.failure << sim::story<WaitMeetsExit>(all.schedule);
    EXPECT_GT(all.schedules, 10U);
}

/// A stop against the SIGCONT that shall end it: whichever comes first, the child runs in the end.
struct StopMeetsContinue : Family {
    StopMeetsContinue()
        : Family(
              [this] {
                  for (const std::uint32_t signal : {+abi::sig_stop, +abi::sig_cont}) {
                      LockGuard guard(World::process_lock);
                      proc::send_signal(*child, signal, {});
                  }
              },
              [this] {
                  static_cast<void>(call_on<OnExplorer>([](Process&) { return Status(); }));
                  static_cast<void>(call_on<OnExplorer>([](Process&) { return Status(); }));
                  proc::exit_process(*child, ExitStatus::exited(0));
              }) {}
    void check() {
        LockGuard guard(World::process_lock);
        sim::require(child->is_zombie(), "it went on, and has ended");
    }
};

/// A parent that stops its child, waits for that, continues it, and waits for its end.
struct ShellMeetsJob : Family {
    ShellMeetsJob()
        : Family(
              [this] {
                  {
                      LockGuard guard(World::process_lock);
                      proc::send_signal(*child, abi::sig_stop, {});
                  }
                  WaitRequest changes = any;
                  changes.stopped = true;
                  auto report = proc::wait_for_child(*parent, changes);
                  sim::require(report.has_value(), "a change");
                  if (report->code == abi::cld_stopped) {
                      {
                          LockGuard guard(World::process_lock);
                          proc::send_signal(*child, abi::sig_cont, {});
                      }
                      report = proc::wait_for_child(*parent, any);
                  }
                  sim::require(report.has_value() && report->code == abi::cld_exited, "the end");
              },
              [this] {
                  static_cast<void>(call_on<OnExplorer>([](Process&) { return Status(); }));
                  proc::exit_process(*child, ExitStatus::exited(0));
              }) {}
    void check() {}
};

TEST(ExploredLife, StopMeetsContinue) {
    const auto all = sim::explore<StopMeetsContinue>({.preemptions = 1});
    EXPECT_TRUE(all.passed()) << all.failure << sim::story<StopMeetsContinue>(all.schedule);
}
TEST(ExploredLife, ShellMeetsJob) {
    const auto all = sim::explore<ShellMeetsJob>({.preemptions = 1});
    EXPECT_TRUE(all.passed()) << all.failure << sim::story<ShellMeetsJob>(all.schedule);
}

/// vfork: the child gives the memory back while somebody kills the parent that waits for it.
struct KillMeetsRelease : Family {
    KillMeetsRelease()
        : Family(
              [this] {
                  const std::uint32_t fatal = proc::wait_until_released(*parent, *child);
                  LockGuard guard(World::process_lock);
                  sim::require(child->lender == nullptr, "nothing is lent any more");
                  sim::require(fatal == 0 || fatal == abi::sig_term, "by the signal that was sent");
              },
              [this] {
                  {
                      LockGuard guard(World::process_lock);
                      proc::send_signal(*parent, abi::sig_term, {});
                  }
                  proc::return_borrowed_memory(*child, sched::WakeHint::none);
              }) {
        LockGuard guard(World::process_lock);
        child->lender = parent->thread;
        parent->pid = Pid(2);  // the first process would not end by a signal
    }
    void check() {}
};

TEST(ExploredLife, KillMeetsRelease) {
    const auto all = sim::explore<KillMeetsRelease>({.preemptions = 1});
    EXPECT_TRUE(all.passed()) << all.failure << sim::story<KillMeetsRelease>(all.schedule);
}

/// A sleeper that looks for its signal before it sleeps: none is missed.
struct PauseMeetsKill : Family {
    PauseMeetsKill()
        : Family(
              [this] {
                  while (!parent->is_interrupted()) {
                      World::Threads::block();
                  }
              },
              [this] {
                  LockGuard guard(World::process_lock);
                  parent->signals.force(parent->thread->signals, abi::sig_usr1, {});
                  World::Threads::interrupt(*parent->thread);
              }) {}
    void check() {}
};

TEST(ExploredLife, PauseMeetsKill) {
    const auto all = sim::explore<PauseMeetsKill>({.preemptions = 1});
    EXPECT_TRUE(all.passed()) << all.failure << sim::story<PauseMeetsKill>(all.schedule);
}

/// exit(2) of one thread against exit_group of the other: the latter says how the process ends, and
/// it ends once.
struct ExitMeetsExitGroup : Siblings {
    ExitMeetsExitGroup()
        : Siblings([this] { proc::exit_thread(*process, ExitStatus::exited(1)); },
                   [this] { proc::exit_process(*process, ExitStatus::exited(5)); }) {}
    void check() {
        LockGuard guard(World::process_lock);
        sim::require(process->is_zombie() && process->thread == nullptr, "all have ended");
        sim::require(process->status.code() == 5, "as the second said");
        sim::require(process->final_usage.switches == 2, "both are in the books");
    }
};

TEST(ExploredThreads, ExitMeetsExitGroup) {
    const auto all = sim::explore<ExitMeetsExitGroup>({.preemptions = 1});
    EXPECT_TRUE(all.passed()) << all.failure << sim::story<ExitMeetsExitGroup>(all.schedule);
    EXPECT_GT(all.schedules, 10U);
}

/// exec by one thread against a fatal signal that the other takes: either the program is replaced
/// by the one that is left, or the process ends.
struct ExecMeetsTheEnd : Siblings {
    ExecMeetsTheEnd()
        : Siblings([this] { proc::exit_process(*process, ExitStatus::killed(abi::sig_term)); },
                   [this] {
                       auto& thread = process->this_thread();
                       if (proc::end_other_threads(*process)) {
                           is_replaced = true;
                           LockGuard guard(World::process_lock);
                           sim::require(thread.number == process->pid,
                                        "under the process's number");
                           sim::require(World::processes().find_thread(process->pid) == &thread,
                                        "and known by it");
                       }
                       proc::exit_thread(*process, ExitStatus::exited(6));
                   }) {}
    void check() {
        LockGuard guard(World::process_lock);
        sim::require(process->is_zombie(), "all have ended");
        sim::require(
            is_replaced ? process->status.code() == 6 : process->status.signal() == abi::sig_term,
            "as who was left, or as the signal has it");
    }
    bool is_replaced = false;
};

TEST(ExploredThreads, ExecMeetsTheEnd) {
    const auto all = sim::explore<ExecMeetsTheEnd>({.preemptions = 1});
    EXPECT_TRUE(all.passed()) << all.failure << sim::story<ExecMeetsTheEnd>(all.schedule);
}

}  // namespace
}  // namespace kidney::test
