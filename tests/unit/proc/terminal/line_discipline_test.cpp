/// The line discipline, key by key.
#include "proc/terminal/line_discipline.hpp"

#include <gtest/gtest.h>

#include <array>
#include <span>
#include <string>

namespace kidney::proc {
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
        bytes.resize(tty.read(std::as_writable_bytes(std::span(bytes))).count);
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

TEST_F(LineDisciplineTest, ALongLineComesInPieces) {
    type(std::string(300, 'x') + "\nmore\n");
    std::array<std::byte, 256> piece;
    InputBuffer::Piece got = tty.read(piece);
    EXPECT_EQ(got.count, 256U);
    EXPECT_FALSE(got.ended);
    got = tty.read(piece);
    EXPECT_EQ(got.count, 45U);
    EXPECT_TRUE(got.ended);
    type(std::string(256, 'y') + "\x04");
    EXPECT_EQ(read(), "more\n");
    got = tty.read(piece);
    EXPECT_EQ(got.count, 256U);
    EXPECT_TRUE(got.ended) << "the mark right behind belongs to it";
    EXPECT_EQ(tty.readable(), 0U);
}

class LineEchoTest : public LineDisciplineTest {
protected:
    void local(std::uint32_t on, std::uint32_t off = 0) {
        abi::Termios t = tty.settings();
        t.lflag = (t.lflag | on) & ~off;
        tty.set_settings(t);
    }
    void output(std::uint32_t on, std::uint32_t off = 0) {
        abi::Termios t = tty.settings();
        t.oflag = (t.oflag | on) & ~off;
        tty.set_settings(t);
    }
    void input(std::uint32_t on) {
        abi::Termios t = tty.settings();
        t.iflag |= on;
        tty.set_settings(t);
    }
    std::string sent(std::string_view text) {
        screen.text.clear();
        for (const char c : text) {
            tty.send(static_cast<std::uint8_t>(c), screen);
        }
        return screen.text;
    }
};

// What Linux 6.1 prints for the same keys, seen through a pseudo terminal.

TEST_F(LineEchoTest, LiteralNextShowsACaretThatTheCharacterReplaces) {
    type("\x16\x03");
    EXPECT_EQ(screen.text, "^\b^C");
    screen.text.clear();
    local(0, termios_local::echoctl);
    type("\x16x");
    EXPECT_EQ(screen.text, "x");
}

TEST_F(LineEchoTest, ReprintShowsTheLineAgain) {
    type(
        "ab\x12"
        "c\n");
    EXPECT_EQ(screen.text, "ab^R\r\nabc\r\n");
    EXPECT_EQ(read(), "abc\n");
    local(0, termios_local::iexten);
    type("\x12\n");
    EXPECT_EQ(read(), "\x12\n") << "without IEXTEN it is data";
}

TEST_F(LineEchoTest, WithoutEchoeTheEraseKeyIsShown) {
    local(0, termios_local::echoe);
    type(
        "ab\x7f"
        "c\n");
    EXPECT_EQ(screen.text, "ab^?c\r\n");
    EXPECT_EQ(read(), "ac\n");
}

TEST_F(LineEchoTest, PrintersShowWhatIsErasedBetweenStrokes) {
    local(termios_local::echoprt);
    type(
        "abc\x7f\x7f"
        "d\n");
    EXPECT_EQ(screen.text, "abc\\cb/d\r\n");
    EXPECT_EQ(read(), "ad\n");
    screen.text.clear();
    type("x\x7f");
    EXPECT_EQ(screen.text, "x\\x/") << "nothing is left to erase";
}

TEST_F(LineEchoTest, KillWipesOrShowsItsKey) {
    type("ab\x15");
    EXPECT_EQ(screen.text, "ab\b \b\b \b");
    screen.text.clear();
    local(0, termios_local::echoke);
    type("ab\x15");
    EXPECT_EQ(screen.text, "ab^U\r\n");
    screen.text.clear();
    local(0, termios_local::echok);
    type("ab\x15");
    EXPECT_EQ(screen.text, "ab^U");
    type("\n");
    EXPECT_EQ(read(), "\n");
}

TEST_F(LineEchoTest, WordEraseStopsWhereTheWordBegins) {
    type("a-bc d_1 \x17\n");
    EXPECT_EQ(read(), "a-bc \n");
    type("a-bc\x17\n");
    EXPECT_EQ(read(), "a-\n");
}

TEST_F(LineEchoTest, AnErasedTabGoesBackToWhereItBegan) {
    sent("$ ");  // the line begins in column 2
    screen.text.clear();
    type("a\t\x7f");
    EXPECT_EQ(screen.text, "a\t\b\b\b\b\b");
}

TEST_F(LineEchoTest, TabsBecomeBlanksWithXtabs) {
    EXPECT_EQ(sent("\ta\tb"), "\ta\tb");
    sent("\n");
    output(abi::termios_output::xtabs);
    EXPECT_EQ(sent("\ta\tb"), "        a       b");
    EXPECT_EQ(sent("\r12345678\tx\b\ty"), "\r12345678        x\b        y");
}

TEST_F(LineEchoTest, TheOtherOutputFlags) {
    output(abi::termios_output::ocrnl);
    EXPECT_EQ(sent("a\rb"), "a\nb");
    output(abi::termios_output::onocr | abi::termios_output::olcuc, abi::termios_output::ocrnl);
    EXPECT_EQ(sent("\n\ra\r"), "\r\nA\r") << "no return in column 0";
    output(abi::termios_output::onlret | abi::termios_output::xtabs,
           abi::termios_output::onlcr | abi::termios_output::olcuc);
    EXPECT_EQ(sent("abc\n\t"), "abc\n        ") << "a newline is a return too";
    output(0, abi::termios_output::opost);
    EXPECT_EQ(sent("\t\n"), "\t\n");
}

TEST_F(LineEchoTest, AnyKeyStartsOutputAgainWithIxany) {
    type("\x13");
    EXPECT_FALSE(type("x").resumed);
    EXPECT_TRUE(tty.is_stopped());
    input(abi::termios_input::ixany);
    EXPECT_TRUE(type("y").resumed);
    EXPECT_FALSE(tty.is_stopped());
    type("\n");
    EXPECT_EQ(read(), "xy\n") << "the key counts as data, too";
}

TEST_F(LineEchoTest, AFullLineRingsTheBellWithImaxbel) {
    input(abi::termios_input::imaxbel);
    type(std::string(LineDiscipline::capacity, 'x'));
    EXPECT_EQ(screen.text.back(), '\a');
}

TEST_F(LineEchoTest, UpperCaseTerminals) {
    input(abi::termios_input::iuclc);
    type("LS\n");
    EXPECT_EQ(read(), "ls\n");
}

}  // namespace
}  // namespace kidney::proc
