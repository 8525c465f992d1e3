/// The simulated machine against the laws of the hal contracts, without a dispatcher.
#include "sim/machine.hpp"

#include "sim/cpu.hpp"

#include <gtest/gtest.h>

namespace kidney::sim {
namespace {

/// Runs `body` as the boot code of CPU 0; the other CPUs halt for ever.
struct Bare {
    std::function<void()> on_timer = [] {};
    std::function<void()> on_reschedule = [] {};

    Outcome run(const MachineOptions& options, std::function<void(Machine&)> body) {
        Machine machine(options, {.boot =
                                      [&](CpuId id) {
                                          if (id == CpuId(0)) {
                                              body(machine);
                                              machine.stop();
                                          }
                                          for (;;) {
                                              Cpu::wait_for_interrupt();
                                          }
                                      },
                                  .on_timer = [this] { on_timer(); },
                                  .on_reschedule = [this] { on_reschedule(); },
                                  .on_preemption_point = [] {}});
        return machine.run();
    }
};

TEST(Machine, NothingToWaitForIsADeadlock) {
    Bare bare;
    EXPECT_EQ(bare.run({.cpus = 3}, [](Machine&) { Cpu::wait_for_interrupt(); }),
              Outcome::deadlock);
}

TEST(Machine, C2NoInterruptWhileDisabled) {
    Bare bare;
    int fired = 0;
    bare.on_timer = [&] { ++fired; };
    EXPECT_EQ(bare.run({},
                       [&](Machine& machine) {
                           Timer::arm(Clock::now() + Duration::microseconds(10));
                           machine.compute(Duration::milliseconds(1));
                           EXPECT_EQ(fired, 0);
                           Cpu::interrupts_restore(hal::InterruptState::enabled);
                           EXPECT_EQ(fired, 1);
                           EXPECT_EQ(Cpu::interrupts_disable(), hal::InterruptState::enabled);
                           EXPECT_EQ(Cpu::interrupts_disable(), hal::InterruptState::disabled);
                       }),
              Outcome::stopped);
}

TEST(Machine, C4APendingInterruptEndsTheHalt) {
    Bare bare;
    int fired = 0;
    bare.on_timer = [&] { ++fired; };
    EXPECT_EQ(bare.run({},
                       [&](Machine& machine) {
                           Timer::arm(Clock::now() + Duration::microseconds(1));
                           machine.compute(Duration::microseconds(100));  // pending, not delivered
                           Cpu::wait_for_interrupt();
                           EXPECT_EQ(fired, 1);
                           EXPECT_FALSE(Cpu::interrupts_enabled());
                       }),
              Outcome::stopped);
}

TEST(Machine, T3TheTimerFiresOnceAtItsTime) {
    Bare bare;
    std::vector<Instant> fired;
    bare.on_timer = [&] { fired.push_back(Clock::now()); };
    EXPECT_EQ(bare.run({},
                       [&](Machine&) {
                           const Instant deadline = Clock::now() + Duration::milliseconds(3);
                           Timer::arm(Clock::now() + Duration::milliseconds(1));
                           Timer::arm(deadline);  // replaces the first
                           Cpu::wait_for_interrupt();
                           ASSERT_EQ(fired.size(), 1U);
                           EXPECT_GE(fired[0], deadline);
                           EXPECT_LT(fired[0], deadline + Duration::microseconds(10));
                       }),
              Outcome::stopped);
}

TEST(Machine, C8RescheduleReachesTheOtherCpu) {
    Bare bare;
    std::uint32_t where = 99;
    bare.on_reschedule = [&] { where = Cpu::id().value(); };
    EXPECT_EQ(bare.run({.cpus = 2},
                       [&](Machine& machine) {
                           Cpu::send_reschedule(CpuId(1));
                           machine.compute(Duration::microseconds(50));
                           EXPECT_EQ(where, 1U);
                       }),
              Outcome::stopped);
}

TEST(Machine, DeviceInterruptsArriveInOrder) {
    Bare bare;
    std::vector<int> order;
    EXPECT_EQ(bare.run({},
                       [&](Machine& machine) {
                           machine.interrupt_in(Duration::microseconds(20), CpuId(0),
                                                [&] { order.push_back(2); });
                           machine.interrupt_in(Duration::microseconds(10), CpuId(0),
                                                [&] { order.push_back(1); });
                           while (order.size() < 2) {
                               Cpu::wait_for_interrupt();
                           }
                           EXPECT_EQ(order, (std::vector<int>{1, 2}));
                       }),
              Outcome::stopped);
}

TEST(Machine, ALivelockRunsOutOfTime) {
    Bare bare;
    EXPECT_EQ(bare.run({.time_limit = Duration::milliseconds(1)},
                       [](Machine& machine) { machine.compute(Duration::seconds(1)); }),
              Outcome::out_of_time);
}

}  // namespace
}  // namespace kidney::sim
