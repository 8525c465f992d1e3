#include "drivers/power/power_off.hpp"

#include "tests/fakes/fake_ports.hpp"

#include <gtest/gtest.h>

namespace kidney {
namespace {

using drivers::acpi::PowerControl;

constexpr PowerControl power{.control_a = 0x604,
                             .control_b = 0x704,
                             .off_type_a = 5,
                             .off_type_b = 6,
                             .command = 0xB2,
                             .enable = 0xF1};

TEST(PowerOff, SwitchesAcpiOnFirstIfTheFirmwareHasNot) {
    fakes::FakePortSpace space;
    std::uint32_t control = 0;
    space.on_read(0x604, [&] { return control; });
    space.on_write(0xB2, [&](std::uint32_t value) { control = value == 0xF1 ? 1 : 0; });
    space.on_read(0x704, [] { return 0x8200U | 1U << 10; });
    fakes::FakePorts io(space);
    drivers::acpi_power_off(io, power);
    EXPECT_EQ(space.written(0xB2), std::vector<std::uint32_t>{0xF1});
    EXPECT_EQ(space.written(0x604), std::vector<std::uint32_t>{1U | 5U << 10 | 1U << 13});
    EXPECT_EQ(space.written(0x704), std::vector<std::uint32_t>{0x8200U | 6U << 10 | 1U << 13})
        << "reserved bits stay, the old sleep type does not";
}

TEST(PowerOff, AMachineThatNeverSwitchesAcpiOnIsNotWaitedForForever) {
    fakes::FakePortSpace space;
    space.on_read(0x604, [] { return 0U; });
    fakes::FakePorts io(space);
    drivers::acpi_power_off(io, power);
    EXPECT_EQ(space.written(0x604).size(), 1U);
}

TEST(PowerOff, EmulatorsAreToldTheirOwnWay) {
    fakes::FakePortSpace space;
    fakes::FakePorts io(space);
    drivers::emulator_power_off(io);
    std::string word;
    for (const std::uint32_t c : space.written(0x8900)) {
        word.push_back(static_cast<char>(c));
    }
    EXPECT_EQ(word, "Shutdown");
}

}  // namespace
}  // namespace kidney
