/// Files that signals are read from, and files that stand for processes.
#include "proc/life/pid_file.hpp"
#include "proc/signal/signal_file.hpp"
#include "tests/support/programs.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace kidney::test {
namespace {

using proc::ExitStatus;
using proc::Pid;
using proc::SignalSet;
constexpr LockRank poll_rank{66, "poll"};

/// Just the number.
struct NumberFormat {
    static constexpr std::size_t size = 4;
    static Status put(fs::ReadBuffer& to, std::uint32_t signal, const proc::SignalCause&) noexcept {
        return to.put(std::as_bytes(std::span(&signal, 1)));
    }
};
using PollLock = sched::SpinLock<poll_rank, OnSim::Cpu>;
using SimPidFile = proc::PidFile<SimProcess, PollLock>;
using SimFile = proc::SignalFile<SimProcess, PollLock, NumberFormat>;
using Signals = std::vector<std::uint32_t>;

Result<Signals> read(fs::File& file, std::size_t most) {
    Signals signals(most);
    fs::SpanReadBuffer to(std::as_writable_bytes(std::span(signals)));
    signals.resize(TRY(file.read(to)) / 4);
    return signals;
}

Ref<SimFile> signal_file(SignalSet set, bool non_blocking = true) {
    return *mm::make_ref<SimFile>(Sim::heap(), set, non_blocking);
}
void block_signals(SignalSet set) {
    call([&](SimProcess& p) {
        proc::set_blocked_signals(p, set);
        return Status();
    });
}
/// As the program's read(2): a signal that is delivered ends it.
Result<Signals> read_file(fs::File& file, std::size_t most) {
    return call([&](SimProcess&) { return read(file, most); });
}
constexpr SignalSet both = SignalSet::of_all(abi::sig_usr1, abi::sig_usr2);

TEST(SignalFile, GivesThePendingSignalsOfItsReader) {
    run_programs({.cpus = 2}, [] {
        block_signals(both);
        const auto file = signal_file(both | SignalSet::of(abi::sig_kill));
        EXPECT_EQ(read_file(*file, 1).error(), Errc::would_block);
        EXPECT_EQ(read_file(*file, 0).error(), Errc::invalid_argument);
        EXPECT_TRUE(kill(self().pid, abi::sig_usr2));
        EXPECT_TRUE(kill_thread(own_number(), abi::sig_usr1));
        EXPECT_TRUE(kill(self().pid, abi::sig_usr2)) << "which is pending already";
        EXPECT_TRUE(file->poll(nullptr).readable);
        EXPECT_EQ(read_file(*file, 5)->size(), 2U);
        EXPECT_FALSE(file->poll(nullptr).readable);
        const auto child = fork([&] {
            EXPECT_EQ(read_file(*file, 1).error(), Errc::would_block) << "its parent's";
            exit(0);
        });
        EXPECT_TRUE(kill(self().pid, abi::sig_usr1));
        EXPECT_TRUE(wait({.which = *child}));
        EXPECT_EQ(read_file(*file, 1), Signals{abi::sig_usr1});
    });
}

TEST(SignalFile, MayChangeItsSet) {
    run_programs({.cpus = 1}, [] {
        block_signals(both);
        const auto file = signal_file(SignalSet::of(abi::sig_usr1));
        EXPECT_TRUE(kill(self().pid, abi::sig_usr2));
        EXPECT_FALSE(file->poll(nullptr).readable);
        file->change(both);
        EXPECT_TRUE(file->poll(nullptr).readable);
        EXPECT_EQ(read_file(*file, 1), Signals{abi::sig_usr2});
    });
}

TEST(PidFile, IsReadyWhenItsProcessHasEnded) {
    run_programs({.cpus = 2}, [] {
        const auto child = fork([] {
            static_cast<void>(pause());
            exit(1);
        });
        const Ref<SimPidFile> file = *mm::make_ref<SimPidFile>(Sim::heap(), false);
        {
            LockGuard guard(Sim::process_lock);
            file->bind(*Sim::processes().find(*child));
        }
        EXPECT_FALSE(file->poll(nullptr).readable);
        EXPECT_TRUE(kill(*child, abi::sig_kill));
        EXPECT_TRUE(wait({.which = *child}));
        EXPECT_TRUE(file->poll(nullptr).readable);
        LockGuard guard(Sim::process_lock);
        EXPECT_FALSE(file->is_known());
    });
}

/// Is there at each birth, and at no other time.
struct Witness final : proc::BirthWitness<SimProcess> {
    void born(SimProcess& child) noexcept override { pid = child.pid; }
    Pid pid{0};
};
TEST(BirthWitness, SeesTheChildBeforeItRuns) {
    run_programs({.cpus = 1}, [] {
        Witness witness;
        const auto child = call([&](SimProcess& p) {
            TestRegisters start;
            start.program = [] { exit(0); };
            return proc::fork_process(p, start, {}, &witness);
        });
        EXPECT_EQ(witness.pid, *child);
        EXPECT_TRUE(wait({.which = *child}));
        Witness nobody;
        Sim::heap().fail_at(1);
        const auto none = call(
            [&](SimProcess& p) { return proc::fork_process(p, TestRegisters(), {}, &nobody); });
        Sim::heap().fail_at(0);
        EXPECT_EQ(none.error(), Errc::no_memory);
        EXPECT_EQ(nobody.pid, Pid(0));
    });
}

}  // namespace
}  // namespace kidney::test
