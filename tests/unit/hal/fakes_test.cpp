/// The fakes obey the laws of what they stand for.
#include "tests/fakes/fake_character_sink.hpp"
#include "tests/fakes/fake_interrupt_controller.hpp"
#include "tests/fakes/fake_ports.hpp"
#include "tests/laws/character_sink_laws.hpp"
#include "tests/laws/interrupt_controller_laws.hpp"
#include "tests/support/law_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace kidney {
namespace {

struct SinkHarness {
    fakes::FakeCharacterSink fake;
    fakes::FakeCharacterSink& sink() { return fake; }
    bool connected() { return true; }
    std::string text() { return fake.text(); }
    void get_stuck() {}
    unsigned accesses() { return 0; }
};

TEST(FakeCharacterSink, ObeysTheLaws) {
    SinkHarness harness;
    test::LawReport report;
    laws::run_laws<laws::CharacterSinkLaws>(report, harness);
    test::expect_laws_held(report);
}

struct ControllerHarness {
    fakes::FakeInterruptController fake;
    fakes::FakeInterruptController& controller() { return fake; }
    void pulse(hal::IrqLine line) { fake.pulse(line); }
    std::size_t count(hal::IrqLine line) {
        return static_cast<std::size_t>(
            std::ranges::count_if(fake.delivered(), [&](const auto& d) { return d.line == line; }));
    }
    std::size_t total() { return fake.delivered().size(); }
};

TEST(FakeInterruptController, ObeysTheLaws) {
    ControllerHarness harness;
    test::LawReport report;
    laws::run_laws<laws::InterruptControllerLaws>(report, harness);
    test::expect_laws_held(report);
}

TEST(FakeInterruptController, ALevelComesBackUntilTheDeviceIsQuiet) {
    fakes::FakeInterruptController fake;
    fake.enable(hal::IrqLine(11), hal::Trigger::level, CpuId(1));
    fake.raise(hal::IrqLine(11));
    fake.acknowledge(hal::IrqLine(11));
    EXPECT_EQ(fake.delivered().size(), 2U);
    fake.lower(hal::IrqLine(11));
    fake.acknowledge(hal::IrqLine(11));
    EXPECT_EQ(fake.delivered().size(), 2U);
    EXPECT_EQ(fake.delivered()[0].cpu, CpuId(1));
}

TEST(FakePorts, P2PortsWithoutADeviceReadAllOnes) {
    fakes::FakePortSpace space;
    fakes::FakePorts io(space);
    EXPECT_EQ(io.read8(0x80), 0xff);
    EXPECT_EQ(io.read16(0x80), 0xffff);
    EXPECT_EQ(io.read32(0x80), 0xffff'ffffU);
}

TEST(FakePorts, P1AccessesArriveInOrderEachOnceWithTheirWidth) {
    fakes::FakePortSpace space;
    fakes::FakePorts io(space);
    io.write8(1, 0xaa);
    io.write32(2, 0xbbbb'bbbb);
    io.write16(1, 0xcccc);
    const std::vector<fakes::PortAccess> expected{
        {1, 1, 0xaa, true}, {2, 4, 0xbbbb'bbbb, true}, {1, 2, 0xcccc, true}};
    EXPECT_EQ(space.log(), expected);
}

}  // namespace
}  // namespace kidney
