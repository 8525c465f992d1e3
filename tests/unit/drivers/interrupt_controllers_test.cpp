#include "drivers/interrupt/io_apic.hpp"
#include "drivers/interrupt/local_apic.hpp"
#include "drivers/interrupt/pic8259.hpp"
#include "tests/archetypes/hal.hpp"
#include "tests/fakes/fake_ports.hpp"
#include "tests/laws/interrupt_controller_laws.hpp"
#include "tests/support/law_test.hpp"

#include <gtest/gtest.h>

#include <array>

namespace kidney {

template class drivers::Pic8259<archetypes::PortIoArchetype>;
template class drivers::IoApic<archetypes::MmioBusArchetype>;
template class drivers::LocalApic<archetypes::MmioBusArchetype>;

namespace {

/// One 8259 of the pair: initialisation, mask, request, in-service; edge triggered.
class FakePicChip {
public:
    FakePicChip(fakes::FakePortSpace& space, std::uint16_t base) {
        space.on_write(base, [this](std::uint32_t v) { command(v); });
        space.on_read(base, [this] { return reads_in_service_ ? in_service + 0U : requests + 0U; });
        space.on_write(base + 1, [this](std::uint32_t v) { data(v); });
        space.on_read(base + 1, [this] { return mask + 0U; });
    }
    std::uint8_t vector = 0;
    std::uint8_t mask = 0;
    std::uint8_t requests = 0;
    std::uint8_t in_service = 0;

private:
    void command(std::uint32_t v) {
        if ((v & 0x10) != 0) {
            step_ = 1;
            mask = requests = in_service = 0;
        } else if (v == 0x20) {  // clears the most urgent one
            in_service = static_cast<std::uint8_t>(in_service & (in_service - 1));
        } else if (v == 0x0B) {
            reads_in_service_ = true;
        }
    }
    void data(std::uint32_t v) {
        if (step_ == 1) {
            vector = static_cast<std::uint8_t>(v);
        }
        if (step_ == 0) {
            mask = static_cast<std::uint8_t>(v);
        } else {
            step_ = step_ == 3 ? 0 : step_ + 1;
        }
    }
    int step_ = 0;
    bool reads_in_service_ = false;
};

struct PicHarness {
    fakes::FakePortSpace space;
    FakePicChip first{space, 0x20};
    FakePicChip second{space, 0xA0};
    drivers::Pic8259<fakes::FakePorts> pic{fakes::FakePorts(space)};
    std::array<std::size_t, 16> counts{};

    PicHarness() { pic.initialise(0x20); }
    auto& controller() {
        settle();
        return *this;
    }
    // The laws call the controller through us, so that what becomes deliverable is delivered.
    void enable(hal::IrqLine l, hal::Trigger t, CpuId c) noexcept {
        pic.enable(l, t, c);
        settle();
    }
    void disable(hal::IrqLine l) noexcept { pic.disable(l); }
    void acknowledge(hal::IrqLine l) noexcept {
        pic.acknowledge(l);
        settle();
    }
    void pulse(hal::IrqLine line) {
        FakePicChip& chip = line.value() < 8 ? first : second;
        const auto bit = static_cast<std::uint8_t>(1U << line.value() % 8);
        if ((chip.mask & bit) == 0) {  // our drivers never rely on an edge from before enable()
            chip.requests |= bit;
        }
        settle();
    }
    void settle() {
        for (FakePicChip* chip : {&first, &second}) {
            for (unsigned i = 0; i < 8; ++i) {
                const auto bit = static_cast<std::uint8_t>(1U << i);
                if ((chip->in_service & bit) != 0) {
                    break;  // it holds off the less urgent ones
                }
                if ((chip->requests & ~chip->mask & bit) != 0) {
                    chip->requests = static_cast<std::uint8_t>(chip->requests & ~bit);
                    chip->in_service |= bit;
                    ++counts[i + (chip == &second ? 8 : 0)];
                }
            }
        }
    }
    std::size_t count(hal::IrqLine line) { return counts[line.value()]; }
    std::size_t total() {
        std::size_t sum = 0;
        for (const std::size_t c : counts) {
            sum += c;
        }
        return sum;
    }
};

TEST(Pic8259, ObeysTheLawsOfAnInterruptController) {
    PicHarness harness;
    test::LawReport report;
    laws::run_laws<laws::InterruptControllerLaws>(report, harness);
    test::expect_laws_held(report);
}

TEST(Pic8259, MovesItsVectorsAndMasksAllButTheCascade) {
    PicHarness h;
    EXPECT_EQ(h.first.vector, 0x20);
    EXPECT_EQ(h.second.vector, 0x28);
    EXPECT_EQ(h.first.mask, 0xfb);
    EXPECT_EQ(h.second.mask, 0xff);
}

TEST(Pic8259, LinesOfTheSecondChipAreAcknowledgedOnBoth) {
    PicHarness h;
    h.space.clear_log();
    h.pic.acknowledge(hal::IrqLine(12));
    EXPECT_EQ(h.space.written(0xA0), std::vector<std::uint32_t>{0x20});
    EXPECT_EQ(h.space.written(0x20), std::vector<std::uint32_t>{0x20});
}

TEST(Pic8259, TellsSpuriousInterruptsFromRealOnes) {
    PicHarness h;
    EXPECT_FALSE(h.pic.is_spurious(hal::IrqLine(3)));
    EXPECT_TRUE(h.pic.is_spurious(hal::IrqLine(7)));
    h.first.in_service = 0x80;
    EXPECT_FALSE(h.pic.is_spurious(hal::IrqLine(7)));
    h.space.clear_log();
    EXPECT_TRUE(h.pic.is_spurious(hal::IrqLine(15)));
    EXPECT_EQ(h.space.written(0x20), std::vector<std::uint32_t>{0x20})
        << "the cascade line was real";
}

/// The I/O APIC's two-register window over its table.
struct IoApicMachine {
    fakes::FakeMmio::Space space;
    std::array<std::uint32_t, 256> registers{};
    drivers::IoApic<fakes::FakeMmio> apic{fakes::FakeMmio(space)};

    IoApicMachine() {
        registers[1] = 23U << 16 | 0x11;
        space.on_write = [this](std::uint32_t offset, std::uint32_t value) {
            if (offset == 0x10) {
                registers[space.registers[0]] = value;
            }
        };
        space.on_read = [this](std::uint32_t) { return registers[space.registers[0]]; };
        apic.initialise();
    }
    std::uint32_t low(std::uint32_t input) const { return registers[0x10 + 2 * input]; }
    std::uint32_t high(std::uint32_t input) const { return registers[0x11 + 2 * input]; }
};

TEST(IoApic, StartsWithEveryInputMasked) {
    IoApicMachine m;
    EXPECT_EQ(m.apic.inputs(), 24U);
    for (std::uint32_t i = 0; i < 24; ++i) {
        EXPECT_EQ(m.low(i), 1U << 16) << i;
    }
}

TEST(IoApic, RoutesAnInput) {
    IoApicMachine m;
    m.apic.route(11, 0x2b, hal::Trigger::level, true, 3);
    EXPECT_EQ(m.low(11), 0x2bU | 1U << 13 | 1U << 15);
    EXPECT_EQ(m.high(11), 3U << 24);
    m.apic.mask(11);
    EXPECT_NE(m.low(11) & 1U << 16, 0U);
    m.apic.route(24, 0x40, hal::Trigger::edge, false, 0);  // no such input: nothing happens
}

/// Local vectors of an APIC that is switched off cannot be unmasked (SDM 3, 10.4.7.2); QEMU lets
/// them.
TEST(LocalApic, TheTimerOfACpuThatComesUpIsNotMasked) {
    constexpr std::uint32_t spurious = 0x0F0, timer = 0x320, lint0 = 0x350, masked = 1U << 16;
    fakes::FakeMmio::Space space;
    space.registers = {{spurious, 0xff}, {timer, masked}, {lint0, masked}};  // after INIT
    space.on_write = [&](std::uint32_t offset, std::uint32_t value) {
        const bool is_on = (space.registers[spurious] & 1U << 8) != 0;
        if (!is_on && (offset == timer || offset == lint0)) {
            space.registers[offset] = value | masked;
        }
    };
    drivers::LocalApic<fakes::FakeMmio> apic{fakes::FakeMmio(space)};
    apic.enable(0xff, 0xf0);
    EXPECT_EQ(space.registers[spurious], 0x1ffU);
    EXPECT_EQ(space.registers[timer], 0xf0U) << "one shot, not masked";
    EXPECT_NE(space.registers[lint0] & masked, 0U);
}

TEST(LocalApic, SendsStartUpMessages) {
    fakes::FakeMmio::Space space;
    drivers::LocalApic<fakes::FakeMmio> apic{fakes::FakeMmio(space)};
    apic.send(2, drivers::InterruptCommand::Mode::startup, 8);
    EXPECT_EQ(space.registers[0x310], 2U << 24);
    EXPECT_EQ(space.registers[0x300], 8U | 6U << 8 | 1U << 14);
    EXPECT_EQ(space.writes[0].first, 0x310U) << "the lower half sends, so it comes last";
}

TEST(LocalApic, AMessageThatNeverLeavesDoesNotHangUs) {
    fakes::FakeMmio::Space space;
    space.on_read = [](std::uint32_t) { return 1U << 12; };
    drivers::LocalApic<fakes::FakeMmio> apic{fakes::FakeMmio(space)};
    apic.send_to_others(drivers::InterruptCommand::Mode::non_maskable, 0);
    EXPECT_FALSE(space.writes.empty()) << "it was sent all the same";
}

}  // namespace
}  // namespace kidney
