#include "drivers/keyboard/ps2_keyboard.hpp"
#include "tests/archetypes/hal.hpp"
#include "tests/fakes/fake_ports.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <string>

namespace kidney {

template class drivers::Ps2Keyboard<archetypes::PortIoArchetype>;

namespace {

using drivers::InputQueue;
using drivers::ScancodeDecoder;

std::string typed(std::initializer_list<int> codes) {
    ScancodeDecoder decoder;
    std::string text;
    for (const int code : codes) {
        text += decoder.feed(static_cast<std::uint8_t>(code));
    }
    return text;
}

TEST(ScancodeDecoder, LettersDigitsAndReleases) {
    EXPECT_EQ(typed({0x23, 0xA3, 0x17, 0x97, 0x02, 0x82, 0x39, 0x1C}), "hi1 \r");
    EXPECT_EQ(typed({0x0E, 0x0F, 0x01}), "\x7f\t\x1b");
}

TEST(ScancodeDecoder, ShiftAndCapsLock) {
    EXPECT_EQ(typed({0x2A, 0x1E, 0x02, 0xAA, 0x1E, 0x02}), "A!a1");
    EXPECT_EQ(typed({0x36, 0x28, 0xB6, 0x28}), "\"'");
    EXPECT_EQ(typed({0x3A, 0xBA, 0x1E, 0x02, 0x2A, 0x1E, 0xAA, 0x3A, 0xBA, 0x1E}), "A1aa")
        << "caps lock changes letters only, and shift undoes it";
}

TEST(ScancodeDecoder, CapsLockThatIsHeldChangesOnce) {
    EXPECT_EQ(typed({0x3A, 0x3A, 0x3A, 0x3A, 0xBA, 0x1E}), "A");
    EXPECT_EQ(typed({0x3A, 0x3A, 0xBA, 0x3A, 0x3A, 0x3A, 0xBA, 0x1E}), "a");
}

TEST(ScancodeDecoder, ControlAndAlt) {
    EXPECT_EQ(typed({0x1D, 0x2E, 0x20, 0x9D, 0x2E}),
              "\x03\x04"
              "c");
    EXPECT_EQ(typed({0xE0, 0x1D, 0x2B, 0xE0, 0x9D, 0x2B}), "\x1c\\");
    EXPECT_EQ(typed({0x38, 0x30, 0xB8, 0x30}),
              "\x1b"
              "bb");
    EXPECT_EQ(typed({0x1D, 0x39}), std::string(1, '\0')) << "Ctrl-space is NUL";
}

TEST(ScancodeDecoder, MagicKeysTypeNothing) {
    ScancodeDecoder decoder;
    const auto feed = [&](std::initializer_list<int> codes) {
        std::string text;
        for (const int code : codes) {
            text += decoder.feed(static_cast<std::uint8_t>(code));
        }
        return text + "|" + (decoder.take_magic_key() != '\0' ? "magic" : "");
    };
    EXPECT_EQ(feed({0x38, 0x54, 0x14, 0x94, 0xD4, 0xB8}), "|magic");  // Alt+SysRq+t
    EXPECT_EQ(feed({0x14}), "t|") << "without Alt it is a letter again";
    EXPECT_EQ(feed({0x38, 0xE0, 0x37, 0xE0, 0xB7, 0x14}), "|magic") << "SysRq may be let go";
    EXPECT_EQ(feed({0x38, 0x14}), "|magic") << "Alt still holds it, and repeats";
    EXPECT_EQ(feed({0xB8, 0x38, 0x14, 0xB8}), "\x1bt|") << "Alt let go ends it";
    EXPECT_EQ(feed({0x54, 0xD4, 0x14}), "t|") << "SysRq without Alt is none";
    EXPECT_EQ(feed({0x37}), "*|") << "the keypad's star";
    EXPECT_EQ(feed({0x38, 0x54, 0xE0, 0x48, 0x3B, 0xB8}), "|") << "other keys mean nothing";
}

TEST(ScancodeDecoder, FunctionKeysWithAltAskForAScreen) {
    ScancodeDecoder decoder;
    const auto feed = [&](std::initializer_list<int> codes) {
        std::string text;
        for (const int code : codes) {
            text += decoder.feed(static_cast<std::uint8_t>(code));
        }
        return text + "|" + std::to_string(decoder.take_screen_key());
    };
    EXPECT_EQ(feed({0x38, 0x3C, 0xBC, 0xB8}), "|2");
    EXPECT_EQ(feed({0x1E}), "a|0") << "it is told once";
    EXPECT_EQ(feed({0xE0, 0x38, 0x3B}), "|1") << "the right Alt does as well";
    EXPECT_EQ(feed({0x57}), "|11");
    EXPECT_EQ(feed({0xE0, 0xB8, 0x3C}), "\x1b[[B|0") << "without Alt it is a key";
}

TEST(ScancodeDecoder, ExtendedKeysGiveEscapeSequences) {
    EXPECT_EQ(typed({0xE0, 0x48, 0xE0, 0xC8}), "\x1b[A");
    EXPECT_EQ(typed({0xE0, 0x2A, 0xE0, 0x53, 0xE0, 0xD3, 0xE0, 0xAA}), "\x1b[3~")
        << "the fake shifts around it type nothing and shift nothing";
    EXPECT_EQ(typed({0xE0, 0x2A, 0x1E}), "a");
    EXPECT_EQ(typed({0x3B, 0x58}), "\x1b[[A\x1b[24~");
}

TEST(ScancodeDecoder, PauseIsSwallowed) {
    EXPECT_EQ(typed({0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5, 0x1E}), "a");
}

TEST(ScancodeDecoder, NoByteConfusesItForLong) {
    for (int first = 0; first < 256; ++first) {
        ScancodeDecoder decoder;
        EXPECT_LE(decoder.feed(static_cast<std::uint8_t>(first)).size(), 5U);
    }
}

TEST(InputQueue, DropsWholeSequencesWhenFullAndCounts) {
    InputQueue<4> queue;
    EXPECT_TRUE(queue.push("abc"));
    EXPECT_FALSE(queue.push("\x1b[A"));
    EXPECT_TRUE(queue.push("d"));
    EXPECT_EQ(queue.dropped(), 3U);
    std::string text;
    while (const auto c = queue.pop()) {
        text += *c;
    }
    EXPECT_EQ(text, "abcd");
    EXPECT_TRUE(queue.push("efgh")) << "wraps around";
    EXPECT_EQ(queue.pop(), 'e');
}

struct KeyboardMachine {
    fakes::FakePortSpace space;
    std::deque<std::uint8_t> bytes;
    std::uint8_t extra_status = 0;
    drivers::Ps2Keyboard<fakes::FakePorts> keyboard{fakes::FakePorts(space)};
    KeyboardMachine() {
        space.on_read(0x64, [this] { return (bytes.empty() ? 0U : 1U) | extra_status; });
        space.on_read(0x60, [this] {
            const std::uint8_t b = bytes.front();
            bytes.pop_front();
            return b + 0U;
        });
    }
};

TEST(Ps2Keyboard, ThrowsAwayWhatWasTypedBefore) {
    KeyboardMachine m;
    m.bytes = {0x1E, 0x9E};
    m.keyboard.initialise();
    EXPECT_EQ(m.keyboard.handle_interrupt(), 0U);
    m.keyboard.enable();
    EXPECT_EQ(m.space.written(0x64), (std::vector<std::uint32_t>{0xAD, 0xAE}));
}

TEST(Ps2Keyboard, ReadsEverythingOnAnInterrupt) {
    KeyboardMachine m;
    m.bytes = {0x23, 0xA3, 0x17, 0x97};
    EXPECT_EQ(m.keyboard.handle_interrupt(), 2U);
    EXPECT_EQ(m.keyboard.read(), 'h');
    EXPECT_EQ(m.keyboard.read(), 'i');
    EXPECT_FALSE(m.keyboard.read());
}

TEST(Ps2Keyboard, TheMouseTypesNothing) {
    KeyboardMachine m;
    m.extra_status = 0x20;
    m.bytes = {0x1E};
    EXPECT_EQ(m.keyboard.handle_interrupt(), 0U);
}

TEST(Ps2Keyboard, AControllerThatIsNotThereDoesNotHangUs) {
    fakes::FakePortSpace space;
    drivers::Ps2Keyboard keyboard{fakes::FakePorts(space)};
    keyboard.initialise();
    EXPECT_EQ(keyboard.handle_interrupt(), 0U);
    EXPECT_FALSE(keyboard.read());
}

}  // namespace
}  // namespace kidney
