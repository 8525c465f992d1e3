#include "drivers/serial/uart16550.hpp"
#include "drivers/vga/text_screen.hpp"
#include "tests/archetypes/hal.hpp"
#include "tests/fakes/fake_ports.hpp"
#include "tests/laws/character_sink_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/unit/drivers/screen_machine.hpp"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <span>
#include <string>

namespace kidney {

// Compiled with no more than the contract promises.
template class drivers::Uart16550<archetypes::PortIoArchetype>;
template class drivers::TextScreen<archetypes::PortIoArchetype>;

namespace {

using drivers::TextScreen;
using drivers::Uart16550;

/// A UART whose transmitter takes some status reads to empty, as a real one does; a byte that comes
/// earlier is lost.
class FakeUart {
public:
    explicit FakeUart(fakes::FakePortSpace& space, std::uint16_t base) {
        space.on_read(base + 5, [this] {
            ++status_reads_;
            busy_ -= busy_ > 0 && !stuck_ ? 1 : 0;
            const bool is_break = break_;
            break_ = false;  // as on hardware: whoever reads it first
            return (busy_ == 0 ? 0x20U : 0U) | (input_.empty() ? 0U : 1U) | (is_break ? 0x10U : 0U);
        });
        space.on_write(base, [this](std::uint32_t value) {
            if (divisor_access_) {
                return;
            }
            if (busy_ == 0) {
                sent_.push_back(static_cast<char>(value));
                busy_ = 3;
            }
        });
        space.on_read(base, [this] {
            const char c = input_.front();
            input_.pop_front();
            return static_cast<unsigned char>(c) + 0U;
        });
        space.on_write(base + 3, [this](std::uint32_t v) { divisor_access_ = (v & 0x80) != 0; });
        space.on_write(base + 7, [this](std::uint32_t v) { scratch_ = v; });
        space.on_read(base + 7, [this] { return scratch_; });
    }
    std::string sent_;
    std::deque<char> input_;
    bool stuck_ = false;
    bool break_ = false;
    unsigned status_reads_ = 0;

private:
    unsigned busy_ = 0;
    bool divisor_access_ = false;
    std::uint32_t scratch_ = 0;
};

struct UartHarness {
    fakes::FakePortSpace space;
    FakeUart device{space, drivers::uart::com1};
    Uart16550<fakes::FakePorts> uart{fakes::FakePorts(space), drivers::uart::com1};
    UartHarness() { EXPECT_TRUE(uart.initialise()); }
    auto& sink() { return uart; }
    bool connected() { return true; }
    std::string text() { return device.sent_; }
    void get_stuck() { device.stuck_ = true; }
    unsigned accesses() { return device.status_reads_; }
};

TEST(Uart16550, TellsOfABreakOnceWhoeverReadTheStatus) {
    UartHarness harness;
    EXPECT_FALSE(harness.uart.take_break());
    harness.device.break_ = true;
    harness.device.input_ = {'\0', 't'};
    EXPECT_EQ(harness.uart.receive(), std::optional<std::uint8_t>(0));
    EXPECT_TRUE(harness.uart.take_break());
    EXPECT_EQ(harness.uart.receive(), std::optional<std::uint8_t>('t'));
    EXPECT_FALSE(harness.uart.take_break());
    harness.device.break_ = true;
    harness.uart.put('x');
    EXPECT_TRUE(harness.uart.take_break());
}

TEST(Uart16550, ObeysTheLawsOfACharacterSink) {
    UartHarness harness;
    test::LawReport report;
    laws::run_laws<laws::CharacterSinkLaws>(report, harness);
    test::expect_laws_held(report);
}

TEST(Uart16550, WithoutAPortEverythingIsDropped) {
    fakes::FakePortSpace space;
    Uart16550 uart(fakes::FakePorts(space), drivers::uart::com1);
    EXPECT_FALSE(uart.initialise());
    space.clear_log();
    uart.put('x');
    EXPECT_TRUE(space.log().empty());
    EXPECT_FALSE(uart.receive());
}

TEST(Uart16550, ReceivesUntilEmpty) {
    UartHarness harness;
    harness.device.input_ = {'h', 'i'};
    EXPECT_EQ(harness.uart.receive(), 'h');
    EXPECT_EQ(harness.uart.receive(), 'i');
    EXPECT_FALSE(harness.uart.receive());
}

TEST(Uart16550, APortThatGoesAwayHasNothingToSay) {
    UartHarness harness;
    harness.space.on_read(drivers::uart::com1 + 5, [] { return 0xFFU; });
    EXPECT_FALSE(harness.uart.receive()) << "or its interrupt handler would never end";
}

TEST(Uart16550, FindingAPortDoesNotDisturbWhoeverSends) {
    UartHarness harness;
    Uart16550<fakes::FakePorts> receiver{fakes::FakePorts(harness.space), drivers::uart::com1};
    harness.device.input_ = {'x'};
    harness.space.clear_log();
    EXPECT_TRUE(receiver.find());
    for (const fakes::PortAccess& access : harness.space.log()) {
        EXPECT_EQ(access.port, drivers::uart::com1 + 7) << "the scratch register, no other";
    }
    EXPECT_EQ(receiver.receive(), 'x');
}

using test::ScreenMachine;

struct ScreenHarness : ScreenMachine {
    ScreenHarness() { screen.initialise(memory); }
    auto& sink() { return screen; }
    bool connected() { return true; }
    std::string text() const { return row(0); }
    void get_stuck() {}
    unsigned accesses() { return 0; }
};

TEST(TextScreen, ObeysTheLawsOfACharacterSink) {
    ScreenHarness harness;
    test::LawReport report;
    laws::run_laws<laws::CharacterSinkLaws>(report, harness);
    test::expect_laws_held(report);
}

TEST(TextScreen, GoesOnBelowWhatTheBootLoaderPrinted) {
    ScreenMachine m;
    m.set_cursor(3 * 80 + 12);
    m.screen.initialise(m.memory);
    hal::put_all(m.screen, "hello");
    EXPECT_EQ(m.row(4), "hello");
    EXPECT_EQ(m.cursor(), 4 * 80 + 5U);
}

TEST(TextScreen, ScrollsAtTheBottomAndWrapsAtTheRight) {
    ScreenMachine m;
    m.set_cursor(24 * 80);
    m.screen.initialise(m.memory);
    hal::put_all(m.screen, "first\r\nsecond");
    EXPECT_EQ(m.row(23), "first");
    EXPECT_EQ(m.row(24), "second");
    hal::put_all(m.screen, "\r\n" + std::string(80, 'a') + "b");
    EXPECT_EQ(m.row(23), std::string(80, 'a'));
    EXPECT_EQ(m.row(24), "b");
}

TEST(TextScreen, ScrollsThroughAllOfTheMemoryAndRoundAgain) {
    ScreenHarness m;
    for (int i = 0; i < 1000; ++i) {
        hal::put_all(m.screen, "line " + std::to_string(i) + "\r\n");
    }
    for (std::uint32_t r = 0; r < 24; ++r) {
        ASSERT_EQ(m.row(r), "line " + std::to_string(976 + r));
    }
    EXPECT_EQ(m.row(24), "");
    EXPECT_EQ(m.cursor(), m.start() + 24 * 80);
}

TEST(TextScreen, ACursorBeyondTheScreenIsSurvived) {
    ScreenMachine m;
    m.set_cursor(0xffff);
    m.screen.initialise(m.memory);
    hal::put_all(m.screen, "x");
    EXPECT_EQ(m.row(24), "x");
}

TEST(TextScreen, UnderstandsControlCharacters) {
    ScreenHarness m;
    hal::put_all(m.screen, "ab\bc\tde\nf\rX");
    EXPECT_EQ(m.row(0), "ac      de");
    EXPECT_EQ(m.row(1), "X         f") << "a newline stays in its column";
}

}  // namespace
}  // namespace kidney
