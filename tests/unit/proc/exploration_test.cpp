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

/// A parent and its child, each with a thread of its own.
class Family {
public:
    static constexpr std::size_t threads = 2;

    Family(std::function<void()> parent_does, std::function<void()> child_does) {
        World::begin(machine_);
        auto& parent_thread = machine_.spawn(std::move(parent_does));
        auto& child_thread = machine_.spawn(std::move(child_does));
        parent = &World::make_process(parent_thread, nullptr);
        child = &World::make_process(child_thread, parent);
    }
    ~Family() {
        while (Ref<Process> gone = take_any()) {
        }
    }
    void run(std::size_t cpu) { machine_.run_cpu(cpu); }
    void on_reschedule() { machine_.on_reschedule(); }

    Process* parent = nullptr;
    Process* child = nullptr;

private:
    static Ref<Process> take_any() {
        LockGuard guard(World::process_lock);
        auto& all = World::state->table.all();
        return all.empty() ? nullptr : World::state->table.remove(all.back());
    }
    World::Machine machine_;
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
        child->lender = parent;
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
                  parent->signals.force(abi::sig_usr1, {});
                  proc::notify(*parent);
              }) {}
    void check() {}
};

TEST(ExploredLife, PauseMeetsKill) {
    const auto all = sim::explore<PauseMeetsKill>({.preemptions = 1});
    EXPECT_TRUE(all.passed()) << all.failure << sim::story<PauseMeetsKill>(all.schedule);
}

}  // namespace
}  // namespace kidney::test
