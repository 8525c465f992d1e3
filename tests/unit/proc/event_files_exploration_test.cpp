/// Reading a signal against sending it, and waiting for an end against the end: every interleaving.
#include "proc/life/pid_file.hpp"
#include "proc/signal/signal_file.hpp"
#include "tests/support/proc_world.hpp"

#include <gtest/gtest.h>

#include <array>

namespace kidney::test {
namespace {

using proc::ExitStatus;
using proc::SignalSet;
using World = ProcWorld<OnExplorer>;
using Process = TestProcess<OnExplorer>;
constexpr LockRank poll_rank{66, "poll"};
using PollLock = sched::SpinLock<poll_rank, sim::ExploredCpu>;

struct NumberFormat {
    static constexpr std::size_t size = 4;
    static Status put(fs::ReadBuffer& to, std::uint32_t signal, const proc::SignalCause&) noexcept {
        return to.put(std::as_bytes(std::span(&signal, 1)));
    }
};
using SignalFile = proc::SignalFile<Process, PollLock, NumberFormat>;
using PidFile = proc::PidFile<Process, PollLock>;

[[nodiscard]] Ref<Process> take_any() {
    LockGuard guard(World::process_lock);
    auto& all = World::state->table.all();
    return all.empty() ? nullptr : World::state->table.remove(all.back());
}

/// A parent and its child, each with a thread.
class Family {
public:
    static constexpr std::size_t threads = 2;

    Family(std::function<void()> parent_does, std::function<void()> child_does) {
        World::begin(machine_);
        auto& first = machine_.spawn(std::move(parent_does));
        auto& second = machine_.spawn(std::move(child_does));
        parent = &World::make_process(nullptr);
        child = &World::make_process(parent);
        World::add_thread(*parent, first);
        World::add_thread(*child, second);
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
    World::Machine machine_;
};

/// The child reads what its parent sends: it does not sleep for ever.
struct ReadMeetsSend : Family {
    Ref<SignalFile> file;
    std::uint32_t got = 0;
    ReadMeetsSend()
        : Family(
              [this] {
                  LockGuard guard(World::process_lock);
                  proc::send_signal(*child, abi::sig_usr1, {});
              },
              [this] {
                  fs::SpanReadBuffer to(std::as_writable_bytes(std::span(&got, 1)));
                  sim::require(file->read(to) == 4U, "nothing was read");
              }) {
        const SignalSet usr1 = SignalSet::of(abi::sig_usr1);
        child->threads.front().signals.set_blocked(usr1);
        file = *mm::make_ref<SignalFile>(World::heap(), usr1, false);
    }
    void check() {
        sim::require(got == abi::sig_usr1, "another signal");
        file.reset();
    }
};

/// The parent polls the file that stands for its child.
struct PollMeetsExit : Family {
    class Poller final : public fs::PollWaiter {
    public:
        Poller() noexcept : PollWaiter(entries_), thread_(World::Threads::current()) {}
        ~Poller() { leave_all(); }
        void wake() noexcept override { World::Threads::wake(thread_, sched::WakeHint::none); }

    private:
        std::array<fs::PollEntry, 1> entries_;
        World::Thread& thread_;
    };

    Ref<PidFile> file;
    PollMeetsExit()
        : Family(
              [this] {
                  for (;;) {
                      Poller poller;
                      if (file->poll(&poller).readable) {
                          break;
                      }
                      World::Threads::block();
                  }
              },
              [this] { proc::exit_process(*child, ExitStatus::exited(3)); }) {
        file = *mm::make_ref<PidFile>(World::heap(), false);
        LockGuard guard(World::process_lock);
        file->bind(*child);
    }
    void check() { file.reset(); }
};

TEST(ExploredEventFiles, ASignalIsNotMissed) {
    const auto all = sim::explore<ReadMeetsSend>({.preemptions = 2});
    EXPECT_TRUE(all.passed()) << all.failure << sim::story<ReadMeetsSend>(all.schedule);
    EXPECT_GT(all.schedules, 10U);
}
TEST(ExploredEventFiles, AnEndIsNotMissed) {
    const auto all = sim::explore<PollMeetsExit>({.preemptions = 1});
    EXPECT_TRUE(all.passed()) << all.failure << sim::story<PollMeetsExit>(all.schedule);
    EXPECT_GT(all.schedules, 10U);
}

}  // namespace
}  // namespace kidney::test
