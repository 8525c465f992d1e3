#include "drivers/timer/pit8254.hpp"
#include "drivers/timer/tick_scale.hpp"
#include "tests/archetypes/hal.hpp"
#include "tests/fakes/fake_ports.hpp"

#include <gtest/gtest.h>

namespace kidney {

template class drivers::Pit8254<archetypes::PortIoArchetype>;

namespace {

using drivers::TickScale;

TEST(TickScale, IsExactForRoundFrequencies) {
    constexpr auto ns = TickScale::nanoseconds(1'000'000'000);
    static_assert(ns(0) == 0 && ns(1) == 1 && ns(123'456'789'012'345) == 123'456'789'012'345);
    constexpr auto slow = TickScale::nanoseconds(1'000'000);
    static_assert(slow(7) == 7000);
}

TEST(TickScale, StaysWithinTwoPartsInABillion) {
    for (const std::uint64_t hertz : {1'193'182ULL, 3'579'545ULL, 99'999'000ULL, 1'000'005'000ULL,
                                      2'500'113'777ULL, 5'123'456'789ULL}) {
        const auto scale = TickScale::nanoseconds(hertz);
        for (const std::uint64_t ticks : {hertz, hertz * 3600, hertz * 86'400 * 365}) {
            const long double exact =
                static_cast<long double>(ticks) * 1e9L / static_cast<long double>(hertz);
            const long double error = static_cast<long double>(scale(ticks)) - exact;
            EXPECT_LT(error < 0 ? -error : error, exact * 1e-9L + 2) << hertz << " " << ticks;
        }
    }
}

TEST(TickScale, NeverGoesBackwards) {
    const auto scale = TickScale::nanoseconds(2'500'113'777);
    std::uint64_t last = 0;
    for (std::uint64_t t = (1ULL << 32) - 1000; t < (1ULL << 32) + 1000; ++t) {
        EXPECT_GE(scale(t), last);
        last = scale(t);
    }
}

TEST(TickScale, BeforeCalibrationEverythingIsZero) {
    constexpr TickScale scale;
    static_assert(scale(~std::uint64_t{0}) == 0);
}

TEST(Pit8254, OneShotCountsInModeZeroLowByteFirst) {
    fakes::FakePortSpace space;
    drivers::Pit8254 pit{fakes::FakePorts(space)};
    pit.start_one_shot(0x1234);
    EXPECT_EQ(space.written(0x43), std::vector<std::uint32_t>{0x30});
    EXPECT_EQ(space.written(0x40), (std::vector<std::uint32_t>{0x34, 0x12}));
}

TEST(Pit8254, AMeasurementKeepsTheLoudspeakerQuiet) {
    fakes::FakePortSpace space;
    space.on_read(0x61, [] { return 0x03U; });
    drivers::Pit8254 pit{fakes::FakePorts(space)};
    pit.start_measurement(100);
    EXPECT_EQ(space.written(0x61), std::vector<std::uint32_t>{0x01});
    EXPECT_EQ(space.written(0x43), std::vector<std::uint32_t>{0xB0});
    EXPECT_FALSE(pit.measurement_done());
    space.on_read(0x61, [] { return 0x21U; });
    EXPECT_TRUE(pit.measurement_done());
}

}  // namespace
}  // namespace kidney
