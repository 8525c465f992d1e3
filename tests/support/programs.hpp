/// The calls that programs of the simulated world make (tests/support/proc_world.hpp): thin, for
/// the rules are the engine's.
#pragma once

#include "tests/support/proc_world.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <utility>

namespace kidney::test {

using Sim = ProcWorld<OnSim>;
using SimProcess = TestProcess<OnSim>;

[[nodiscard]] inline SimProcess& self() {
    return *Sim::Machine::Dispatcher::current().process;
}
template <class F>
auto call(F&& f) {
    return call_on<OnSim>(std::forward<F>(f));
}

inline Result<proc::Pid> fork(std::function<void()> program, proc::ForkRequest request = {}) {
    return call([&](SimProcess& p) {
        TestRegisters start;
        start.program = program;
        return proc::fork_process(p, start, request);
    });
}
inline Result<proc::WaitReport> wait(proc::WaitRequest request = {.which = proc::Pid(-1)}) {
    return call([&](SimProcess& p) { return proc::wait_for_child(p, request); });
}
[[noreturn]] inline void exit(std::uint32_t code) {
    proc::exit_process(self(), proc::ExitStatus::exited(code));
}
inline Status kill(proc::Pid pid, std::uint32_t signal) {
    return call([&](SimProcess& p) -> Status {
        LockGuard guard(Sim::process_lock);
        SimProcess* const target = Sim::processes().find(pid);
        if (target == nullptr) {
            return fail(Errc::no_process);
        }
        if (!proc::may_signal(p, *target, signal)) {
            return fail(Errc::not_permitted);
        }
        if (signal != 0) {
            proc::send_signal(*target, signal, {.code = abi::si_user, .pid = p.pid.value()});
        }
        return {};
    });
}
/// A thread of the calling process: pthread_create(3).
inline Result<proc::Pid> create_thread(std::function<void()> program,
                                       proc::ForkRequest request = {}) {
    return call([&](SimProcess& p) {
        TestRegisters start;
        start.program = program;
        return proc::clone_thread(p, start, request);
    });
}
[[noreturn]] inline void exit_thread(std::uint32_t code) {
    proc::exit_thread(self(), proc::ExitStatus::exited(code));
}
/// The part of exec that concerns threads.
inline Status end_other_threads() {
    return call([](SimProcess& p) { return proc::end_other_threads(p); });
}
[[nodiscard]] inline proc::Pid own_number() {
    return self().this_thread().number;
}
/// To one thread of the calling process: tgkill(2).
inline Status kill_thread(proc::Pid number, std::uint32_t signal) {
    return call([&](SimProcess& p) -> Status {
        LockGuard guard(Sim::process_lock);
        Sim::Thread* const thread = Sim::processes().find_thread(number);
        if (thread == nullptr || thread->process != &p) {
            return fail(Errc::no_process);
        }
        proc::send_signal_to_thread(p, *thread, signal,
                                    {.code = abi::si_tkill, .pid = p.pid.value()});
        return {};
    });
}
/// Sleeps until a signal comes: pause(2).
inline Status pause() {
    return call([](SimProcess& p) -> Status {
        while (!p.is_interrupted()) {
            Sim::Threads::block();
        }
        p.this_thread().restart_mode = proc::RestartMode::unless_handled;
        return fail(Errc::restart);
    });
}
/// Computes, in user mode, and notices signals at its end as at a timer tick.
inline void compute(Duration work) {
    Sim::Machine::compute(work);
    static_cast<void>(call([](SimProcess&) { return Status(); }));
}
/// The same without a CPU: everybody else comes to run. Signals do not end it.
inline void sleep(Duration time) {
    Sim::Machine::sleep(time);
    static_cast<void>(call([](SimProcess&) { return Status(); }));
}
inline Status set_handler(std::uint32_t signal, std::function<void(std::uint32_t)> handler,
                          std::uint32_t flags = 0) {
    Sim::state->handlers.push_back(std::move(handler));
    const auto number = static_cast<std::uint32_t>(Sim::state->handlers.size() - 1);
    return call([&](SimProcess& p) {
        LockGuard guard(Sim::process_lock);
        return p.signals.set_disposition(p.threads, signal, {.handler = number, .flags = flags});
    });
}
inline Status set_action(std::uint32_t signal, const proc::Disposition& d) {
    return call([&](SimProcess& p) {
        LockGuard guard(Sim::process_lock);
        return p.signals.set_disposition(p.threads, signal, d);
    });
}
inline Status set_group(proc::Pid target, proc::Pid group) {
    return call([&](SimProcess& p) { return proc::set_group(p, target, group); });
}
inline Result<proc::Pid> create_session() {
    return call([](SimProcess& p) { return proc::create_session(p); });
}
/// How many processes there are, zombies included.
[[nodiscard]] inline std::size_t count_processes() {
    LockGuard guard(Sim::process_lock);
    return Sim::processes().count();
}

/// Takes a process out of the table; null: there is none.
[[nodiscard]] inline Ref<SimProcess> take_any() {
    LockGuard guard(Sim::process_lock);
    auto& all = Sim::state->table.all();
    return all.empty() ? nullptr : Sim::state->table.remove(all.back());
}

/// Boots a machine whose process 1 runs `init`, until that ends; what is left of its world is taken
/// apart. Fails the test if there is a deadlock, or if something was left behind: a process besides
/// process 1, or memory.
inline void run_programs(const sim::MachineOptions& options, std::function<void()> init,
                         std::function<void()> prepare = {}) {
    Sim::Machine machine(options);
    Sim::begin(machine);
    Sim::state->handlers = {[](std::uint32_t) {}, [](std::uint32_t) {}};  // SIG_DFL and SIG_IGN
    Sim::Thread& thread = machine.create("init", [&] {
        init();
        sleep(Duration::milliseconds(5));  // a thread outlives its process by a few steps
        EXPECT_EQ(Sim::state->machine->live(), count_processes()) << "zombies or threads were left";
        EXPECT_EQ(self().account->held(Holding::processes), count_processes()) << "in the books";
        exit(0);
    });
    Sim::add_thread(Sim::make_process(nullptr), thread);
    if (prepare) {
        prepare();
    }
    const bool has_ended = machine.run() == sim::Outcome::stopped;
    EXPECT_TRUE(has_ended) << machine.report();
    std::size_t left = 0;
    for (Ref<SimProcess> gone = take_any(); gone; gone = take_any()) {
        ++left;
    }
    if (has_ended) {
        EXPECT_EQ(left, 1U) << "processes were left";
        EXPECT_EQ(Sim::state->heap.live_objects(), 0U) << "memory was left";
    }
    Sim::state.reset();
}

}  // namespace kidney::test
