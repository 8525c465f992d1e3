/// The line discipline, key by key.
#include "drivers/tty/line_discipline.hpp"

#include <gtest/gtest.h>

#include <string>

namespace kidney::drivers {
namespace {

struct Screen {
    std::string text;
    void put(char c) noexcept { text += c; }
};

class LineDisciplineTest : public ::testing::Test {
protected:
    InputEffect type(std::string_view keys) {
        InputEffect last;
        for (const char c : keys) {
            last = tty.receive(static_cast<std::uint8_t>(c), screen);
        }
        return last;
    }
    std::string read(std::size_t n = 1000) {
        std::string bytes(n, '\0');
        bytes.resize(tty.read(std::as_writable_bytes(std::span(bytes))));
        return bytes;
    }
    void raw(std::uint8_t minimum = 1, std::uint8_t time = 0) {
        abi::Termios t = tty.settings();
        t.lflag &= ~(abi::termios_local::icanon | abi::termios_local::echo);
        t.cc[abi::vmin] = minimum;
        t.cc[abi::vtime] = time;
        tty.set_settings(t);
    }
    LineDiscipline tty;
    Screen screen;
};

TEST_F(LineDisciplineTest, ALineIsReadableWhenItIsFinished) {
    EXPECT_FALSE(type("ls").readable);
    EXPECT_FALSE(tty.can_read());
    EXPECT_TRUE(type("\r").readable);  // ICRNL
    EXPECT_EQ(screen.text, "ls\r\n");
    EXPECT_EQ(read(), "ls\n");
    EXPECT_FALSE(tty.can_read());
}

TEST_F(LineDisciplineTest, OneReadGivesOneLine) {
    type("one\ntwo\n");
    EXPECT_EQ(read(), "one\n");
    EXPECT_EQ(read(2), "tw");
    EXPECT_EQ(read(), "o\n");
}

TEST_F(LineDisciplineTest, EraseTakesOneCharacterAndItsEcho) {
    type(
        "ab\x7f"
        "c\n");
    EXPECT_EQ(screen.text, "ab\b \bc\r\n");
    EXPECT_EQ(read(), "ac\n");
    type("\x7f\x7f\n");  // nothing to erase
    EXPECT_EQ(read(), "\n");
}

TEST_F(LineDisciplineTest, EraseTakesBothCellsOfAControlCharacter) {
    type("\x01\x7f");
    EXPECT_EQ(screen.text, "^A\b \b\b \b");
}

TEST_F(LineDisciplineTest, KillAndWordErase) {
    type("echo one two\x17\n");
    EXPECT_EQ(read(), "echo one \n");
    type(
        "rm -rf\x15"
        "ls\n");
    EXPECT_EQ(read(), "ls\n");
}

TEST_F(LineDisciplineTest, EndOfFileEndsReads) {
    EXPECT_TRUE(type("\x04").readable);
    EXPECT_TRUE(tty.can_read());
    EXPECT_EQ(read(), "");
    EXPECT_FALSE(tty.can_read());
    type("abc\x04");  // makes the partial line readable and is not an end of file of its own
    EXPECT_EQ(read(), "abc");
    EXPECT_FALSE(tty.can_read());
    type("abc\x04");
    EXPECT_EQ(read(3), "abc");
    EXPECT_FALSE(tty.can_read());
}

TEST_F(LineDisciplineTest, SignalKeysFlushInput) {
    type("abc");
    EXPECT_EQ(type("\x03").signal, abi::sig_int);
    EXPECT_EQ(screen.text, "abc^C");
    type("\n");
    EXPECT_EQ(read(), "\n");
    EXPECT_EQ(type("\x1c").signal, abi::sig_quit);
    EXPECT_EQ(type("\x1a").signal, abi::sig_tstp);
}

TEST_F(LineDisciplineTest, WithoutIsigTheKeysAreData) {
    abi::Termios t = tty.settings();
    t.lflag &= ~abi::termios_local::isig;
    tty.set_settings(t);
    EXPECT_EQ(type("\x03\n").signal, 0U);
    EXPECT_EQ(read(), "\x03\n");
}

TEST_F(LineDisciplineTest, LiteralNextTakesTheMeaningAway) {
    EXPECT_EQ(type("\x16\x03\n").signal, 0U);
    EXPECT_EQ(read(), "\x03\n");
}

TEST_F(LineDisciplineTest, RawModeGivesBytesAtOnce) {
    raw();
    EXPECT_TRUE(type("a").readable);
    EXPECT_EQ(read(), "a");
    EXPECT_EQ(screen.text, "");
}

TEST_F(LineDisciplineTest, MinimumAndTime) {
    raw(3);
    // Each byte may be all that somebody waits for: a reader who asks for less than VMIN.
    EXPECT_TRUE(type("a").readable);
    EXPECT_TRUE(tty.can_read(1));
    EXPECT_FALSE(tty.can_read(2));
    type("b");
    EXPECT_FALSE(tty.can_read());
    EXPECT_TRUE(tty.can_read(2));
    EXPECT_EQ(tty.read_timeout(), 0U);
    type("c");
    EXPECT_TRUE(tty.can_read());
    EXPECT_EQ(read(), "abc");
    raw(0);
    EXPECT_TRUE(tty.can_read());  // never waits
    EXPECT_EQ(read(), "");
}

TEST_F(LineDisciplineTest, TimeIsForTheFirstByteOrBetweenBytes) {
    raw(0, 5);
    EXPECT_FALSE(tty.can_read());
    EXPECT_EQ(tty.read_timeout(), 5U);
    type("a");
    EXPECT_TRUE(tty.can_read());
    EXPECT_EQ(read(), "a");
    raw(3, 7);
    EXPECT_FALSE(tty.can_read());
    EXPECT_EQ(tty.read_timeout(), 0U);  // the timer starts with the first byte
    type("b");
    EXPECT_FALSE(tty.can_read());
    EXPECT_EQ(tty.read_timeout(), 7U);
}

TEST_F(LineDisciplineTest, PollWaitsForTheMinimumUnlessThereIsATimer) {
    EXPECT_FALSE(tty.can_poll());
    type("a\n");
    EXPECT_TRUE(tty.can_poll());
    EXPECT_EQ(read(), "a\n");
    raw(2);
    type("a");
    EXPECT_FALSE(tty.can_poll());
    raw(2, 1);
    EXPECT_TRUE(tty.can_poll());
    raw(0);
    EXPECT_TRUE(tty.can_poll());
    read();
    EXPECT_FALSE(tty.can_poll());  // although a read would not wait
}

TEST_F(LineDisciplineTest, StopAndStartHoldTheOutput) {
    type("a\x13");
    EXPECT_TRUE(tty.is_stopped());
    EXPECT_FALSE(type("b").resumed);
    EXPECT_TRUE(type("\x11").resumed);
    EXPECT_FALSE(tty.is_stopped());
    type("\n");
    EXPECT_EQ(read(), "ab\n");  // the keys are no data
    type("\x13");
    EXPECT_TRUE(type("\x03").resumed);  // a signal starts it, too
    EXPECT_FALSE(tty.is_stopped());
    type("\x13");
    abi::Termios t = tty.settings();
    t.iflag &= ~abi::termios_input::ixon;
    tty.set_settings(t);
    EXPECT_FALSE(tty.is_stopped());
    type("\x13\x11\n");
    EXPECT_FALSE(tty.is_stopped());
    EXPECT_EQ(read(), "\x13\x11\n");
}

TEST_F(LineDisciplineTest, OnlyAProgramStartsWhatAProgramStopped) {
    EXPECT_FALSE(tty.set_flow(4));
    ASSERT_TRUE(tty.set_flow(abi::output_off));
    EXPECT_TRUE(tty.is_stopped());
    EXPECT_FALSE(type("\x11").resumed);
    EXPECT_TRUE(tty.is_stopped());
    ASSERT_TRUE(tty.set_flow(abi::output_on));
    EXPECT_FALSE(tty.is_stopped());
    ASSERT_TRUE(tty.set_flow(abi::send_stop));
    EXPECT_FALSE(tty.is_stopped());
}

TEST_F(LineDisciplineTest, FlushDropsTheQueueThatIsNamed) {
    type("kept\n");
    ASSERT_TRUE(tty.flush(abi::flush_output));
    EXPECT_FALSE(tty.flush(3));
    EXPECT_EQ(read(), "kept\n");
    for (const abi::FlushQueue queue : {abi::flush_input, abi::flush_both}) {
        type("gone\n");
        ASSERT_TRUE(tty.flush(queue));
        EXPECT_FALSE(tty.can_read());
    }
}

TEST_F(LineDisciplineTest, LeavingCanonicalModeKeepsTheUnfinishedLine) {
    type("abc");
    raw();
    EXPECT_EQ(read(), "abc");
}

TEST_F(LineDisciplineTest, OutputGetsCarriageReturns) {
    for (const char c : std::string_view("a\nb")) {
        tty.send(static_cast<std::uint8_t>(c), screen);
    }
    EXPECT_EQ(screen.text, "a\r\nb");
}

TEST_F(LineDisciplineTest, AFullBufferStillTakesTheNewline) {
    type(std::string(2 * LineDiscipline::capacity, 'x'));
    EXPECT_TRUE(type("\n").readable);
    EXPECT_EQ(read(10'000).size(), LineDiscipline::capacity);
    EXPECT_TRUE(type("y\n").readable);
    EXPECT_EQ(read(), "y\n");
}

TEST_F(LineDisciplineTest, Utf8IsErasedWholeWhenAskedFor) {
    abi::Termios t = tty.settings();
    t.iflag |= abi::termios_input::iutf8;
    tty.set_settings(t);
    type("a\xc3\xa4\x7f\n");
    EXPECT_EQ(read(), "a\n");
    EXPECT_EQ(screen.text, "a\xc3\xa4\b \b\r\n");
}

}  // namespace
}  // namespace kidney::drivers
