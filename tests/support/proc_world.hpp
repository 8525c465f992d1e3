/// The second world of processes: programs are C++ functions on fibers, which make calls as a
/// program would.
///
///     run_programs({.cpus = 2}, [] {                // with the calls of
///     tests/support/programs.hpp
///         const Pid child = *fork([] { exit(3); });
///         EXPECT_EQ(wait()->status.code(), 3U);
///     });
///
/// A program ends when its function returns (with 0) or calls exit(); what it keeps on its stack
/// is not destroyed then. Signals are delivered at the end of each call, as on a machine.
#pragma once

#include "kidney/core/ref.hpp"
#include "kidney/mm/make.hpp"
#include "policies/load_balancer.hpp"
#include "policies/scheduler.hpp"
#include "proc/identity/user_accounts.hpp"
#include "proc/life/exit.hpp"
#include "proc/life/fork.hpp"
#include "proc/life/job_control.hpp"
#include "proc/life/wait.hpp"
#include "proc/process.hpp"
#include "proc/process_table.hpp"
#include "proc/signal/delivery.hpp"
#include "proc/signal/send.hpp"
#include "proc/terminal/terminal.hpp"
#include "proc/world.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sched/sync/wait_queue.hpp"
#include "tests/fakes/fake_heap.hpp"
#include "tests/support/explored_world.hpp"
#include "tests/support/sim_world.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace kidney::test {

/// What a program "runs on": what a child begins with, and handlers that stand on its stack.
struct TestRegisters {
    std::function<void()> program;
    proc::CallFate fate = proc::CallFate::none;
    struct Handler {
        std::uint32_t signal = 0, number = 0;
        proc::SignalSet mask;
        proc::CallFate fate = proc::CallFate::none;  ///< of the call that it interrupted
    };
    std::vector<Handler> handlers;
};

/// `On` says what the processes run on: OnSim or OnExplorer.
template <class On>
class TestProcess;
template <class On>
struct OfProcess : proc::UserThread {
    TestProcess<On>* process = nullptr;
    TestRegisters registers;
};

/// Simulated CPUs; threads come and go.
struct OnSim {
    using Machine = SimWorld<policies::scheduler::Selected, policies::load_balancer::Selected,
                             OfProcess<OnSim>>;
    using Cpu = sim::Cpu;
};
/// The explorer's CPUs: all interleavings of the few threads that a scenario begins with.
struct OnExplorer {
    struct Thread : sched::ThreadBase<sim::ExploredCpu>, OfProcess<OnExplorer> {};
    using Machine = ExploredWorld<sim::ExploredCpu, Thread>;
    using Cpu = sim::ExploredCpu;
};

/// Memory that has words, and nothing else.
class TestSpace : public RefCounted {
public:
    using Words = std::map<std::uint32_t, std::uint32_t>;

    TestSpace(fakes::FakeHeap& heap, Words w) noexcept : words(std::move(w)), heap_(heap) {}
    [[nodiscard]] Result<Ref<TestSpace>> fork() noexcept {
        return Ref<TestSpace>::adopt(TRY(mm::make<TestSpace>(heap_, heap_, Words(words))));
    }
    void dispose() noexcept { mm::destroy(heap_, this); }

    Words words;

private:
    fakes::FakeHeap& heap_;
};

namespace ranks {
inline constexpr LockRank terminal_line{54, "terminal line"};
inline constexpr LockRank shown{55, "shown"};
inline constexpr LockRank poll{56, "poll"};
inline constexpr LockRank signals{60, "signals"};
inline constexpr LockRank process_view{62, "process view"};
inline constexpr LockRank accounts{64, "accounts"};
}  // namespace ranks

/// A model of proc::World. There is one at a time: begin() makes it new.
template <class On>
struct ProcWorld {
    using Process = TestProcess<On>;
    using Machine = typename On::Machine;
    using Thread = typename Machine::Thread;
    using Threads = typename Machine::Threads;
    using Heap = fakes::FakeHeap;
    using AddressSpace = TestSpace;
    using Terminal = proc::Terminal<ProcWorld>;
    using ProcessLock = sched::SpinLock<ranks::signals, typename On::Cpu>;
    using TimerLock = NullLock;
    using ViewLock = sched::SpinLock<ranks::process_view, typename On::Cpu>;
    using LineLock = sched::SpinLock<ranks::terminal_line, typename On::Cpu>;
    using ShownLock = sched::SpinLock<ranks::shown, typename On::Cpu>;
    using PollLock = sched::SpinLock<ranks::poll, typename On::Cpu>;
    using WaitQueue = sched::WaitQueue<Threads>;
    using Registers = TestRegisters;
    using Table = proc::ProcessTable<ProcWorld>;
    using Accounts = proc::UserAccounts<Heap, sched::SpinLock<ranks::accounts, typename On::Cpu>>;

    /// What the world consists of besides its lock.
    struct State {
        Heap heap;
        Table table;
        Accounts accounts{heap};
        Machine* machine = nullptr;
        std::size_t most_processes = 64;
        std::vector<std::function<void(std::uint32_t)>> handlers;  ///< by number
        proc::ExitStatus init_status;
        std::vector<std::uint32_t> woken_words;
    };
    static inline std::unique_ptr<State> state;
    static inline ProcessLock process_lock;

    static State& begin(Machine& machine) {
        std::destroy_at(&process_lock);  // a run that failed may have left it locked
        std::construct_at(&process_lock);
        state.reset();
        state = std::make_unique<State>();
        state->machine = &machine;
        return *state;
    }

    [[nodiscard]] static Table& processes() noexcept { return state->table; }
    [[nodiscard]] static Heap& heap() noexcept { return state->heap; }
    [[nodiscard]] static Instant now() noexcept { return sim::Clock::now(); }

    /// As every kernel: something that can fail stands for the stack.
    [[nodiscard]] static Result<Thread*> create_thread(std::string_view name) noexcept {
        if constexpr (requires(Machine& m, Thread& t) { m.forget(t); }) {
            void* const stack = TRY(heap().allocate(16));
            heap().free(stack, 16);
            return &state->machine->create(name, [] { run_child(); });
        } else {
            return fail(Errc::no_memory);
        }
    }
    static void destroy_thread(Thread& thread) noexcept {
        if constexpr (requires(Machine& m) { m.forget(thread); }) {
            state->machine->forget(thread);
        }
    }
    static void start_thread(Thread& thread) noexcept {
        if constexpr (requires(Machine& m) { m.start(thread); }) {
            state->machine->start(thread);
        }
    }
    static void leave_process(Thread& thread) noexcept REQUIRES(process_lock) {
        thread.process = nullptr;
    }
    [[noreturn]] static void end_thread() noexcept { state->machine->dispatcher().exit(); }

    static void leave_memory(Process& self) noexcept {
        self.replace(self.memory, Ref<AddressSpace>());
    }
    [[nodiscard]] static Status put_word(UserPtr<std::uint32_t> to, std::uint32_t value) noexcept {
        Process& self = *Machine::Dispatcher::current().process;
        if (!self.memory || to.address().value() % 4 != 0) {
            return fail(Errc::bad_address);
        }
        self.memory->words[to.address().value()] = value;
        return {};
    }

    [[nodiscard]] static Result<std::uint32_t> get_word(UserPtr<std::uint32_t> from) noexcept {
        const auto& words = Threads::current().process->memory->words;
        const auto found = words.find(from.address().value());
        return found == words.end() ? Result<std::uint32_t>(fail(Errc::bad_address))
                                    : found->second;
    }
    [[nodiscard]] static Result<std::uint32_t> compare_exchange_word(
        UserPtr<std::uint32_t> at, std::uint32_t expected, std::uint32_t desired) noexcept {
        const std::uint32_t seen = TRY(get_word(at));
        if (seen == expected) {
            TRY(put_word(at, desired));
        }
        return seen;
    }
    static void wake_word(UserPtr<std::uint32_t> word) noexcept {
        state->woken_words.push_back(word.address().value());
    }

    [[nodiscard]] static Status begin_thread(Thread& thread, const Registers& start,
                                             const proc::ForkRequest&) noexcept {
        thread.registers.program = start.program;
        return {};
    }
    static void restart_call(Registers& r) noexcept { r.fate = proc::CallFate::restarts; }
    static void fail_call(Process&, Registers& r) noexcept { r.fate = proc::CallFate::fails; }
    [[nodiscard]] static Status build_handler(Process&, Registers& r, const proc::Delivery& d,
                                              proc::SignalSet mask) noexcept {
        if (d.disposition.handler >= state->handlers.size()) {
            return fail(Errc::bad_address);
        }
        r.handlers.push_back(
            {d.signal, d.disposition.handler, mask, std::exchange(r.fate, proc::CallFate::none)});
        return {};
    }

    [[nodiscard]] static Result<Ref<UserAccount>> book_process(Process& self) noexcept {
        self.account->take(Holding::processes, 1);
        return self.account;
    }
    [[nodiscard]] static Status may_join(const Process&, const UserAccount&) noexcept
        REQUIRES(process_lock) {
        return processes().tasks() < state->most_processes ? Status()
                                                           : Status(fail(Errc::would_block));
    }
    static void inherit(const Process&, Process&) noexcept {}
    static void inherit_thread(const Thread&, Thread&) noexcept {}
    static void let_go(Process&) noexcept {}
    [[noreturn]] static void init_has_exited(proc::ExitStatus status) noexcept {
        state->init_status = status;
        if constexpr (requires(Machine& m) { m.machine().stop(); }) {
            state->machine->machine().stop();
        }
        for (;;) {
            Threads::block();
        }
    }
    static void hang_up_session(Process& leader) noexcept REQUIRES(process_lock) {
        leader.terminal->hang_up();
    }
    /// Every thread has been given a CPU once: sums show who was counted.
    [[nodiscard]] static proc::Usage usage_of_thread(const Thread&) noexcept {
        return {.switches = 1};
    }
    [[nodiscard]] static proc::Usage usage_of(Process& p) noexcept REQUIRES(process_lock) {
        proc::Usage all = p.ended_threads;
        for (const Thread& t : p.threads) {
            all = all + usage_of_thread(t);
        }
        return all;
    }

    static void process_ends(const Process&, proc::ExitStatus) noexcept {}
    static void delivers(const Process&, const proc::Delivery&) noexcept {}
    static void ends_by_signal(const Process&, const proc::Delivery&, const Registers&) noexcept {}

    /// A process outside any call, without a thread.
    static Process& make_process(Process* parent) {
        Process& p = **mm::make<Process>(heap());
        p.account = *state->accounts.of(0);
        p.account->take(Holding::processes, 1);
        p.memory = Ref<TestSpace>::adopt(*mm::make<TestSpace>(heap(), heap(), TestSpace::Words()));
        LockGuard guard(process_lock);
        p.pid = processes().allocate_pid();
        p.group = p.session = parent != nullptr ? parent->group : p.pid;
        p.parent = parent;
        if (parent != nullptr) {
            parent->children.push_back(p);
        } else {
            p.signals.become_init();
        }
        processes().add(p);
        return p;
    }
    /// A thread that the caller provides; the first one has the process's number.
    static void add_thread(Process& p, Thread& thread) {
        thread.process = &p;
        LockGuard guard(process_lock);
        const bool is_first = p.threads.empty();
        thread.number = is_first ? p.pid : processes().allocate_pid();
        p.account->take(Holding::processes, is_first ? 0 : 1);
        processes().add_thread(p, thread);
    }

    static void run_child() noexcept {
        Thread& thread = Threads::current();
        Process& self = *thread.process;
        proc::write_own_number(self);
        return_to_program(self);
        thread.registers.program();
        proc::exit_thread(self, proc::ExitStatus::exited(0));
    }

    /// The way out of a call: signals, and the handlers that they ask for, the last one first.
    static void return_to_program(Process& self) noexcept {
        Thread& thread = Threads::current();
        TestRegisters& registers = thread.registers;
        for (;;) {
            if (self.is_interrupted() || thread.restart_mode != proc::RestartMode::none) {
                proc::deliver_signals(self, registers);
            }
            if (registers.handlers.empty()) {
                return;
            }
            const TestRegisters::Handler h = registers.handlers.back();
            registers.handlers.pop_back();
            const auto below = std::exchange(registers.handlers, {});
            state->handlers[h.number](h.signal);
            registers.handlers = below;
            registers.fate = h.fate;
            proc::set_blocked_signals(self, h.mask);
        }
    }
};

template <class On>
class TestProcess final : public proc::ProcessBase<ProcWorld<On>> {
public:
    static constexpr const char* cache_name = "process";
    void dispose() noexcept { mm::destroy(ProcWorld<On>::heap(), this); }
};

static_assert(proc::TerminalServices<ProcWorld<OnSim>>);
static_assert(proc::World<ProcWorld<OnSim>> && proc::World<ProcWorld<OnExplorer>>);

/// A system call of the running program: f(process) gives a Result.
template <class On, class F>
auto call_on(F&& f) -> decltype(f(std::declval<TestProcess<On>&>())) {
    using World = ProcWorld<On>;
    auto& thread = World::Threads::current();
    TestProcess<On>& self = *thread.process;
    for (;;) {
        auto result = f(self);
        if (!result && result.error() == Errc::restart &&
            thread.restart_mode == proc::RestartMode::none) {
            thread.restart_mode = proc::RestartMode::by_flag;
        }
        thread.registers.fate = proc::CallFate::none;
        World::return_to_program(self);
        switch (std::exchange(thread.registers.fate, proc::CallFate::none)) {
            case proc::CallFate::none:
                return result;
            case proc::CallFate::restarts:
                break;
            case proc::CallFate::fails:
                return fail(Errc::interrupted);
        }
    }
}

}  // namespace kidney::test
