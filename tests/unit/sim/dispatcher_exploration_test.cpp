/// The real dispatcher through every interleaving of a bounded scenario: one thread sleeps,
/// somebody wakes it. And mistakes seeded into it, which the explorer must find and replay.
#include "sched/thread.hpp"
#include "sim/explorer.hpp"
#include "tests/support/expect_all_pass.hpp"
#include "tests/support/explored_world.hpp"

#include <gtest/gtest.h>

#include <iostream>

namespace kidney::test {
namespace {

using sim::ExploredCpu;
using sim::require;

/// One CPU with two threads, of which one sleeps; the other CPU is a device: it only wakes.
template <class World>
struct RemoteWaker {
    static constexpr std::size_t threads = 2;
    World world;
    typename World::Thread* sleeper = nullptr;
    ExploredCpu::Atomic<std::uint32_t> up{0};
    ExploredCpu::Atomic<std::uint32_t> flag{0};
    bool other_ran = false;
    bool saw_flag = false;

    RemoteWaker() {
        sleeper = &world.spawn([this] {
            up.store(1);
            while (flag.load() == 0) {
                world.dispatcher().block();
            }
            saw_flag = true;
        });
        world.spawn([this] { other_ran = true; });
    }
    void run(std::size_t cpu) {
        if (cpu == 0) {
            return world.run_cpu(cpu);
        }
        while (up.load() == 0) {
            ExploredCpu::relax();
        }
        static_cast<void>(ExploredCpu::interrupts_disable());  // as in an interrupt handler
        flag.store(1);
        world.dispatcher().wake(*sleeper);
    }
    void on_reschedule() { world.on_reschedule(); }
    void check() {
        require(saw_flag, "the sleeper slept on");
        require(other_ran, "a thread was lost");
    }
};

/// Somebody knows a thread before it has been started: it is in a table already. A wake must not
/// set it going; whoever starts it would find it running, or gone.
struct EarlyWaker {
    static constexpr std::size_t threads = 2;
    ExploredWorld<> world;
    ExploredWorld<>::Thread* newcomer = nullptr;
    bool ran = false;

    EarlyWaker() {
        newcomer = &world.spawn([this] { ran = true; });
    }
    void run(std::size_t cpu) {
        if (cpu == 0) {
            return world.run_cpu(cpu);
        }
        static_cast<void>(ExploredCpu::interrupts_disable());
        require(!world.dispatcher().wake(*newcomer), "it was woken, but it never slept");
    }
    void on_reschedule() { world.on_reschedule(); }
    void check() { require(ran, "it never ran"); }
};

/// Two CPUs with a queue each: what one starts and wakes, the other may steal, run and finish.
template <class World>
struct TwoCpus {
    static constexpr std::size_t threads = 2;
    World world;
    typename World::Thread* sleeper = nullptr;
    ExploredCpu::Atomic<std::uint32_t> flag{0};
    bool saw_flag = false;

    TwoCpus() {
        world.spawn([this] {
            flag.store(1);
            world.dispatcher().wake(*sleeper);  // who may be sleeping, on its way, or not started
        });
        sleeper = &world.spawn([this] {
            while (flag.load() == 0) {
                world.dispatcher().block();
            }
            saw_flag = true;
        });
    }
    void run(std::size_t cpu) { world.run_cpu(cpu); }
    void on_reschedule() { world.on_reschedule(); }
    void check() { require(saw_flag, "the sleeper slept on"); }
};

template <class Scenario>
void expect_lost_wake_up() {
    const sim::Exploration found = sim::explore<Scenario>({.preemptions = 2});
    EXPECT_NE(found.failure.find("nobody can go on"), std::string::npos) << found.failure;
    std::cout << "             lost wake-up after " << found.schedules
              << " schedules: " << found.schedule << "\n";
    const sim::Exploration again = sim::replay<Scenario>(found.schedule);
    EXPECT_EQ(again.failure, found.failure);
    EXPECT_EQ(again.schedule, found.schedule);
}

TEST(DispatcherExploration, RemoteWaker) {
    expect_all_pass<RemoteWaker<ExploredWorld<>>>(2);
}
TEST(DispatcherExploration, TwoCpus) {
    expect_all_pass<TwoCpus<ExploredWorld<>>>(2);
}
TEST(DispatcherExploration, EarlyWaker) {
    expect_all_pass<EarlyWaker>(2);
}
// --- Seeded mistakes ---

/// A thread that forgets a wake which found it awake: hides the dispatcher's mark.
struct Forgetful : sched::ThreadBase<ExploredCpu> {
    struct Mark {
        Mark& operator=(bool) noexcept { return *this; }
        explicit operator bool() const noexcept { return false; }
    };
    Mark wake_pending;
};
TEST(SeededMistake, TheDispatcherForgetsAnEarlyWake) {
    expect_lost_wake_up<RemoteWaker<ExploredWorld<ExploredCpu, Forgetful>>>();
}

/// A CPU that lets interrupts in before it halts: the one that was to keep it awake comes then, and
/// the CPU halts with a thread in its queue.
struct HaltsTooLate : ExploredCpu {
    static void wait_for_interrupt() noexcept {
        interrupts_restore(hal::InterruptState::enabled);
        static_cast<void>(interrupts_disable());
        ExploredCpu::wait_for_interrupt();
    }
};
TEST(SeededMistake, InterruptsComeBetweenTheLookAndTheHalt) {
    using Thread = sched::ThreadBase<HaltsTooLate>;
    expect_lost_wake_up<RemoteWaker<ExploredWorld<HaltsTooLate, Thread>>>();
}

}  // namespace
}  // namespace kidney::test
