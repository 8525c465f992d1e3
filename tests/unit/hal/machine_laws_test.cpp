/// The laws of CPU, clock and physical memory, on the simulated machine. The kernel's self-test
/// runs the same ones on the real one.
#include "sim/cpu.hpp"
#include "sim/machine.hpp"
#include "sim/ram_arena.hpp"
#include "tests/fakes/fake_ports.hpp"
#include "tests/laws/clock_laws.hpp"
#include "tests/laws/cpu_laws.hpp"
#include "tests/laws/phys_map_laws.hpp"
#include "tests/laws/port_io_laws.hpp"
#include "tests/support/law_test.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace kidney {
namespace {

TEST(SimulatedMachine, ObeysTheLawsOfCpuAndClock) {
    laws::Report report;
    std::vector<std::byte> stack(256 * 1024);  // sanitizers need more than a kernel does
    sim::Machine* running = nullptr;
    sim::Machine machine({}, {.boot =
                                  [&](CpuId) {
                                      laws::run_laws<laws::CpuLaws<sim::Cpu>>(
                                          report, std::span<std::byte>(stack));
                                      laws::run_laws<laws::ClockLaws<sim::Clock>>(report);
                                      running->stop();
                                      for (;;) {
                                          sim::Cpu::wait_for_interrupt();
                                      }
                                  },
                              .on_timer = [] {},
                              .on_reschedule = [] {},
                              .on_preemption_point = [] {}});
    running = &machine;
    EXPECT_EQ(machine.run(), sim::Outcome::stopped);
    test::expect_laws_held(report);
}

TEST(RamArena, ObeysTheLawsOfAPhysMap) {
    sim::RamArena ram(64, 32);
    laws::Report report;
    laws::run_laws<laws::PhysMapLaws>(report, ram, FrameNumber(3), FrameNumber(40));
    laws::run_laws<laws::PhysMapLaws>(report, ram, FrameNumber(50), FrameNumber(40));
    test::expect_laws_held(report);
}

TEST(FakePorts, ObeysTheLawsOfAPortSpace) {
    fakes::FakePortSpace space;
    std::uint32_t scratch = 0;
    space.on_write(0x3FF, [&](std::uint32_t value) { scratch = value; });
    space.on_read(0x3FF, [&] { return scratch; });
    fakes::FakePorts io(space);
    laws::Report report;
    laws::run_laws<laws::PortIoLaws>(report, io, std::uint16_t{0x3FF}, std::uint16_t{0xE8});
    test::expect_laws_held(report);
}

}  // namespace
}  // namespace kidney
