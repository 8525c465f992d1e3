#include "drivers/timer/cmos_clock.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>

namespace kidney::drivers {
namespace {

/// The chip behind its two ports. Copies share one memory, as drivers keep their port space by
/// value.
class CmosPorts {
public:
    struct Chip {
        std::array<std::uint8_t, 128> memory{};
        std::uint8_t index = 0;
        std::function<void(Chip&, std::uint8_t)> before_read;
    };
    explicit CmosPorts(Chip& chip) : chip_(&chip) {}

    std::uint8_t read8(std::uint16_t port) noexcept {
        if (port != 0x71) {
            return 0xFF;
        }
        if (chip_->before_read) {
            chip_->before_read(*chip_, chip_->index);
        }
        return chip_->memory[chip_->index];
    }
    void write8(std::uint16_t port, std::uint8_t value) noexcept {
        if (port == 0x70) {
            chip_->index = value & 0x7F;
        }
    }
    std::uint16_t read16(std::uint16_t) noexcept { return 0xFFFF; }
    std::uint32_t read32(std::uint16_t) noexcept { return 0xFFFF'FFFF; }
    void write16(std::uint16_t, std::uint16_t) noexcept {}
    void write32(std::uint16_t, std::uint32_t) noexcept {}

private:
    Chip* chip_;
};
static_assert(hal::PortIo<CmosPorts>);

void set_date(CmosPorts::Chip& chip, std::array<std::uint8_t, 6> ymdhms, std::uint8_t status_b) {
    chip.memory[9] = ymdhms[0];
    chip.memory[8] = ymdhms[1];
    chip.memory[7] = ymdhms[2];
    chip.memory[4] = ymdhms[3];
    chip.memory[2] = ymdhms[4];
    chip.memory[0] = ymdhms[5];
    chip.memory[11] = status_b;
}

TEST(CmosClock, ReadsBcdAndBinaryIn24And12Hours) {
    CmosPorts::Chip chip;
    CmosClock clock{CmosPorts(chip)};
    const CalendarTime expected{2026, 11, 22, 15, 7, 59};
    set_date(chip, {0x26, 0x11, 0x22, 0x15, 0x07, 0x59}, 0x02);
    EXPECT_EQ(clock.read().value(), expected);
    set_date(chip, {26, 11, 22, 15, 7, 59}, 0x06);
    EXPECT_EQ(clock.read().value(), expected);
    set_date(chip, {0x26, 0x11, 0x22, 0x83, 0x07, 0x59}, 0x00);
    EXPECT_EQ(clock.read().value(), expected);
    set_date(chip, {0x26, 0x11, 0x22, 0x12, 0x07, 0x59}, 0x00);
    EXPECT_EQ(clock.read().value().hour, 0U) << "12 at night";
    set_date(chip, {0x26, 0x11, 0x22, 0x92, 0x07, 0x59}, 0x00);
    EXPECT_EQ(clock.read().value().hour, 12U) << "12 at noon";
}

TEST(CmosClock, ReadsAgainWhenTheClockTicksBetweenTwoRegisters) {
    CmosPorts::Chip chip;
    set_date(chip, {0x26, 0x12, 0x31, 0x23, 0x59, 0x59}, 0x02);
    int reads = 0;
    chip.before_read = [&](CmosPorts::Chip& c, std::uint8_t) {
        if (++reads == 4) {  // in the middle of the first snapshot
            set_date(c, {0x27, 0x01, 0x01, 0x00, 0x00, 0x00}, 0x02);
        }
    };
    CmosClock clock{CmosPorts(chip)};
    EXPECT_EQ(clock.read().value(), (CalendarTime{2027, 1, 1, 0, 0, 0}));
}

TEST(CmosClock, RefusesAnAbsentOrBrokenChip) {
    CmosPorts::Chip chip;
    chip.memory.fill(0xFF);  // for ever in an update
    EXPECT_EQ(CmosClock{CmosPorts(chip)}.read().error(), Errc::io_error);
    set_date(chip, {0x26, 0x13, 0x22, 0x15, 0x07, 0x59}, 0x02);
    chip.memory[10] = 0;
    EXPECT_EQ(CmosClock{CmosPorts(chip)}.read().error(), Errc::corrupted) << "month 13";
    set_date(chip, {0xAA, 0x11, 0x22, 0x15, 0x07, 0x59}, 0x02);
    EXPECT_EQ(CmosClock{CmosPorts(chip)}.read().error(), Errc::corrupted) << "year 110";
    set_date(chip, {0x69, 0x11, 0x22, 0x15, 0x07, 0x59}, 0x02);
    chip.memory[0x32] = 0x19;
    EXPECT_EQ(CmosClock{CmosPorts(chip)}.read().error(), Errc::corrupted) << "before 1970";
}

TEST(CmosClock, BelievesACenturyThatMakesSense) {
    struct Case {
        std::uint8_t century, year;
        std::uint32_t expected;
    };
    for (const Case& c : {Case{0x19, 0x99, 1999}, Case{0x20, 0x99, 2099}, Case{0x20, 0x26, 2026},
                          Case{0x21, 0x00, 2100}, Case{0x00, 0x26, 2026}, Case{0x00, 0x69, 2069},
                          Case{0x00, 0x70, 1970}, Case{0xFF, 0x99, 1999}, Case{0x13, 0x26, 2026}}) {
        CmosPorts::Chip chip;
        set_date(chip, {c.year, 0x11, 0x22, 0x15, 0x07, 0x59}, 0x02);
        chip.memory[0x32] = c.century;
        const auto read = CmosClock{CmosPorts(chip)}.read();
        ASSERT_TRUE(read) << c.expected;
        EXPECT_EQ(read->year, c.expected);
    }
    CmosPorts::Chip binary;
    set_date(binary, {99, 11, 22, 15, 7, 59}, 0x06);
    binary.memory[0x32] = 19;
    EXPECT_EQ(CmosClock{CmosPorts(binary)}.read().value().year, 1999U);
}

TEST(CmosClock, CountsSecondsSinceTheEpoch) {
    EXPECT_EQ(seconds_since_epoch({1970, 1, 1, 0, 0, 0}), 0);
    EXPECT_EQ(seconds_since_epoch({2000, 2, 29, 12, 0, 0}), 951825600);
    EXPECT_EQ(seconds_since_epoch({2000, 3, 1, 0, 0, 0}), 951868800);
    EXPECT_EQ(seconds_since_epoch({2026, 11, 22, 15, 7, 59}), 1795360079);
    EXPECT_EQ(seconds_since_epoch({2038, 1, 19, 3, 14, 8}), 2147483648);
}

}  // namespace
}  // namespace kidney::drivers
