/// The composition root of simulated tests: the real dispatcher and locks on `sim::Machine`.
///
///     SimWorld<> world({.cpus = 2, .seed = 7});
///     world.spawn("producer", [&] { ... });
///     EXPECT_EQ(world.run(), sim::Outcome::stopped) << world.report();
///
/// A world ends when its last thread does.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"
#include "policies/load_balancer.hpp"
#include "policies/scheduler.hpp"
#include "sched/dispatcher.hpp"
#include "sched/sync/condition_variable.hpp"
#include "sched/sync/event.hpp"
#include "sched/sync/mutex.hpp"
#include "sched/sync/semaphore.hpp"
#include "sched/sync/wait_queue.hpp"
#include "sim/cpu.hpp"
#include "sim/machine.hpp"
#include "tests/fakes/fake_heap.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace kidney::test {

namespace ranks {
inline constexpr LockRank timers{56, "timers"};
inline constexpr LockRank wait_queue{70, "wait queue"};
inline constexpr LockRank inheritance{74, "inheritance"};
inline constexpr LockRank roster{78, "roster"};
inline constexpr LockRank run_queue{80, "run queue"};
}  // namespace ranks

struct NothingElse {};

/// `Extra` is what a test's threads carry besides.
template <sched::SchedulerPolicy P = policies::scheduler::Selected,
          sched::LoadBalancer B = policies::load_balancer::Selected, class Extra = NothingElse>
class SimWorld {
public:
    struct Thread : sched::ThreadBase<sim::Cpu>, Extra {
        std::function<void()> body;
        std::unique_ptr<std::byte[]> stack;
    };

    struct Hooks {
        static void switching(Thread& from, Thread& to) noexcept {
            sim::Machine& machine = *sim::Machine::active();
            machine.record(std::uint64_t{from.id} << 32 | to.id);
            machine.record(machine.cpu().time);
            if (world->on_switch) {
                world->on_switch(from, to);
            }
        }
        static void woken(Thread& thread, CpuId cpu, bool is_new) noexcept {
            if (world->on_wake) {
                world->on_wake(thread, cpu, is_new);
            }
        }
        static void moved(Thread& thread, CpuId from, CpuId to) noexcept {
            if (world->on_move) {
                world->on_move(thread, from, to);
            }
        }
        static void exited(Thread& thread) noexcept {
            world->dispatcher_.dismiss(thread);
            if (--world->live_ == 0) {
                sim::Machine::active()->stop();
            }
        }
    };

    struct Config {
        using Cpu = sim::Cpu;
        using Clock = sim::Clock;
        using Timer = sim::Timer;
        using Local = sim::CpuLocal;
        using Policy = P;
        using Balancer = B;
        using Thread = SimWorld::Thread;
        using Hooks = SimWorld::Hooks;
        static sched::PolicySetup policy_setup(CpuId cpu) noexcept { return {.cpu = cpu}; }
        static constexpr Duration tick = Duration::milliseconds(1);
        static constexpr LockRank run_queue_rank = ranks::run_queue;
        static constexpr LockRank timer_rank = ranks::timers;
        static constexpr const LockRank& inheritance_rank = ranks::inheritance;
        static constexpr LockRank roster_rank = ranks::roster;
    };
    using Dispatcher = sched::Dispatcher<Config>;

    struct Where {
        static constexpr const LockRank& wait_queue_rank = ranks::wait_queue;
        static Dispatcher& dispatcher() noexcept { return world->dispatcher_; }
    };
    using Threads = sched::Threads<Dispatcher, Where>;

    // The locks of this world.
    template <const LockRank& Rank>
    using SpinLock = sched::SpinLock<Rank, sim::Cpu>;
    template <const LockRank& Rank>
    using Mutex = sched::Mutex<Rank, Threads>;
    using WaitQueue = sched::WaitQueue<Threads>;
    using ConditionVariable = sched::ConditionVariable<Threads>;
    using Semaphore = sched::Semaphore<Threads>;
    using Event = sched::Event<Threads>;

    explicit SimWorld(const sim::MachineOptions& options = {})
        : machine_(options,
                   {.boot = [this](CpuId id) { boot(id); },
                    .on_timer = [this] { dispatcher_.on_timer(); },
                    .on_reschedule = [this] { dispatcher_.on_reschedule(); },
                    .on_preemption_point = [this] { dispatcher_.on_preemption_point(); }}) {
        world = this;
    }
    ~SimWorld() { world = nullptr; }
    SimWorld(const SimWorld&) = delete;
    SimWorld& operator=(const SimWorld&) = delete;

    /// Before run(), or from a running thread.
    Thread& spawn(std::string_view name, std::function<void()> body,
                  sched::Priority priority = {}) {
        Thread& added = create(name, std::move(body), priority);
        if (running_) {
            start(added);
        }
        return added;
    }
    /// The same, but of a running world the caller start()s it, or forget()s it.
    Thread& create(std::string_view name, std::function<void()> body,
                   sched::Priority priority = {}) {
        auto thread = std::make_unique<Thread>();
        thread->set_name(name);
        thread->id = static_cast<std::uint32_t>(threads_.size() + 1);
        thread->priority = priority;
        thread->body = std::move(body);
        thread->stack = std::make_unique<std::byte[]>(stack_bytes);
        EXPECT_TRUE(dispatcher_.admit(*thread, heap_));
        ++live_;
        threads_.push_back(std::move(thread));
        return *threads_.back();
    }
    void start(Thread& thread) noexcept {
        dispatcher_.start(
            thread, {thread.stack.get(), stack_bytes},
            [](void* argument) noexcept { static_cast<Thread*>(argument)->body(); }, &thread);
    }
    /// One that was created and will never be started.
    void forget(Thread& thread) noexcept {
        dispatcher_.dismiss(thread);
        thread.state = sched::ThreadState::exited;
        --live_;
    }

    sim::Outcome run() {
        running_ = true;
        return machine_.run();
    }

    /// Who is where and waits for what; for a deadlock's message.
    [[nodiscard]] std::string report() const {
        static constexpr const char* states[] = {"created", "ready",  "running",
                                                 "waiting", "moving", "exited"};
        std::string text;
        for (const auto& t : threads_) {
            if (t->state == sched::ThreadState::exited) {
                continue;
            }
            text += "  " + std::string(t->name()) + " " + states[static_cast<int>(t->state)] +
                    " on CPU " + std::to_string(t->cpu.load());
            if (t->waits_for != nullptr) {
                char address[32];
                std::snprintf(address, sizeof(address), "%p", t->waits_for);
                text += std::string(", waits for ") + address;
            }
            if (t->held_mutexes.depth() != 0) {
                text += std::string(", holds ") + t->held_mutexes.innermost();
            }
            text += "\n";
        }
        return text;
    }

    /// Sees every switch, if set.
    std::function<void(const Thread& from, const Thread& to)> on_switch;
    /// See every wake-up, and who goes to another CPU, if set.
    std::function<void(const Thread& thread, CpuId cpu, bool is_new)> on_wake;
    std::function<void(const Thread& thread, CpuId from, CpuId to)> on_move;

    /// Threads that have not ended.
    [[nodiscard]] std::size_t live() const noexcept { return live_; }
    [[nodiscard]] Dispatcher& dispatcher() noexcept { return dispatcher_; }
    [[nodiscard]] sim::Machine& machine() noexcept { return machine_; }
    static void compute(Duration work) noexcept { sim::Machine::active()->compute(work); }
    static void sleep(Duration time) noexcept {
        world->dispatcher_.sleep_until(sim::Clock::now() + time);
    }
    [[nodiscard]] static Thread& current() noexcept { return Dispatcher::current(); }

private:
    static constexpr std::size_t stack_bytes = 256 * 1024;

    void boot(CpuId id) noexcept {
        Thread& idle = idle_[id.value()];
        idle.set_name("idle");
        dispatcher_.adopt_cpu(idle);
        if (id.value() == 0) {
            const std::size_t initial = threads_.size();
            for (std::size_t i = 0; i < initial; ++i) {
                start(*threads_[i]);
            }
        }
        dispatcher_.run_idle();
    }

    static inline SimWorld* world = nullptr;
    fakes::FakeHeap heap_;
    Dispatcher dispatcher_;
    std::array<Thread, max_cpus> idle_;
    std::vector<std::unique_ptr<Thread>> threads_;
    std::size_t live_ = 0;
    bool running_ = false;
    sim::Machine machine_;  // last: its destruction must not find the threads gone
};

}  // namespace kidney::test
