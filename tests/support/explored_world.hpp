/// The composition root of explored tests: the real dispatcher, whose CPUs are the explorer's
/// threads.
///
///     struct Scenario {
///         static constexpr std::size_t threads = 2;            // CPUs
///         ExploredWorld<> world;
///         Scenario() { world.spawn([this] { ... }); }
///         void run(std::size_t cpu) { world.run_cpu(cpu); }    // until the last thread has ended
///         void on_reschedule() { world.on_reschedule(); }
///         void check() {}
///     };
///
/// Time stands still, so there are no timers and no ticks: what is explored is sleeping, waking and
/// halting. Two CPUs may run the dispatcher, further ones play devices: of three CPUs, two that are
/// idle could keep each other looking into the third's queue for ever.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"
#include "sched/balancers/work_stealing.hpp"
#include "sched/dispatcher.hpp"
#include "sched/policies/round_robin.hpp"
#include "sched/sync/thread_control.hpp"
#include "sim/explorer.hpp"

#include <array>
#include <cstddef>
#include <functional>
#include <utility>

namespace kidney::test {

/// `C` and `ThreadType` are parameters so that a test can seed a mistake in either.
template <class C = sim::ExploredCpu, class ThreadType = sched::ThreadBase<C>>
class ExploredWorld {
public:
    struct Thread : ThreadType {
        std::function<void()> body;
    };

    struct Clock {
        [[nodiscard]] static Instant now() noexcept { return Instant(); }
    };
    struct Timer {
        static void arm(Instant) noexcept {}
        static void disarm() noexcept {}
    };
    struct Local {
        [[nodiscard]] static void* thread() noexcept { return world->here().thread; }
        static void set_thread(void* thread) noexcept { world->here().thread = thread; }
        static void flag_work() noexcept { world->here().work_flagged = true; }
    };
    struct Hooks {
        static void switching(Thread&, Thread&) noexcept {}
        static void exited(Thread&) noexcept { world->thread_ended(); }
    };
    struct Config {
        using Cpu = C;
        using Clock = ExploredWorld::Clock;
        using Timer = ExploredWorld::Timer;
        using Local = ExploredWorld::Local;
        using Policy = sched::RoundRobin;
        using Balancer = sched::WorkStealing;
        using Thread = ExploredWorld::Thread;
        using Hooks = ExploredWorld::Hooks;
        static constexpr Duration tick = Duration::milliseconds(10);
        static sched::PolicySetup policy_setup(CpuId cpu) noexcept { return {.cpu = cpu}; }
        static constexpr LockRank run_queue_rank{80, "run queue"};
        static constexpr LockRank timer_rank{56, "timers"};
        static constexpr LockRank inheritance_rank{74, "inheritance"};
        static constexpr LockRank roster_rank{78, "roster"};
    };
    using Dispatcher = sched::Dispatcher<Config>;
    struct Where {
        static constexpr LockRank wait_queue_rank{70, "wait queue"};
        [[nodiscard]] static Dispatcher& dispatcher() noexcept { return world->dispatcher_; }
    };
    using Threads = sched::Threads<Dispatcher, Where>;

    ExploredWorld() noexcept { world = this; }
    ExploredWorld(const ExploredWorld&) = delete;
    ExploredWorld& operator=(const ExploredWorld&) = delete;

    /// In the scenario's constructor. CPU 0 starts the threads in this order.
    Thread& spawn(std::function<void()> body) {
        KIDNEY_INVARIANT(count_ < max_threads, "too many threads");
        Thread& thread = threads_[count_++];
        thread.body = std::move(body);
        ++live_;
        return thread;
    }
    /// Brings the CPU up; returns when the last thread has ended.
    void run_cpu(std::size_t cpu) noexcept {
        if (live_ == 0) {
            return;  // all threads ended before this CPU came up
        }
        cpus_[cpu].is_up = true;
        static_cast<void>(C::interrupts_disable());
        sim::prepare_fiber(cpus_[cpu].boot, stacks[max_threads + cpu], &boot, this);
        sim::explored::switch_context(cpus_[cpu].home, cpus_[cpu].boot);
    }
    void on_reschedule() noexcept {
        OneCpu& cpu = here();
        if (live_ == 0) {
            sim::explored::switch_context(cpu.boot, cpu.home);  // for ever
        }
        dispatcher_.on_reschedule();
        if (std::exchange(cpu.work_flagged, false)) {
            dispatcher_.on_preemption_point();
        }
    }
    [[nodiscard]] Dispatcher& dispatcher() noexcept { return dispatcher_; }

private:
    static constexpr std::size_t max_threads = 3;
    static constexpr std::size_t stack_bytes = 64 * 1024;

    struct OneCpu {
        void* thread = nullptr;
        bool work_flagged = false;
        bool is_up = false;
        sim::Fiber home;  ///< the explorer's
        sim::Fiber boot;  ///< becomes the idle thread
        Thread idle;
    };

    [[nodiscard]] OneCpu& here() noexcept { return cpus_[sim::explored::current()]; }

    static void boot(void* argument) noexcept {
        static_cast<ExploredWorld*>(argument)->boot_here();
    }
    void boot_here() noexcept {
        OneCpu& cpu = here();
        dispatcher_.adopt_cpu(cpu.idle);
        if (sim::explored::current() == 0) {
            for (std::size_t i = 0; i < count_; ++i) {
                dispatcher_.start(
                    threads_[i], stacks[i],
                    [](void* thread) noexcept { static_cast<Thread*>(thread)->body(); },
                    &threads_[i]);
            }
        }
        dispatcher_.run_idle();
    }
    void thread_ended() noexcept {
        if (--live_ == 0) {
            for (std::size_t i = 0; i < cpus_.size(); ++i) {
                if (cpus_[i].is_up) {
                    C::send_reschedule(CpuId(static_cast<std::uint32_t>(i)));
                }
            }
        }
    }

    static inline ExploredWorld* world = nullptr;
    /// Used again by each run: what a run leaves on them is dead.
    alignas(16) static inline std::array<std::array<std::byte, stack_bytes>,
                                         max_threads + sim::explored::max_threads> stacks;

    Dispatcher dispatcher_;
    std::array<OneCpu, sim::explored::max_threads> cpus_;
    std::array<Thread, max_threads> threads_;
    std::size_t count_ = 0;
    std::size_t live_ = 0;
};

}  // namespace kidney::test
