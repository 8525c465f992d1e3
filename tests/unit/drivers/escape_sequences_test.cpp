/// The screen as a terminal: what TERM=linux promises, sequence by sequence.
#include "drivers/vga/text_screen.hpp"
#include "tests/unit/drivers/screen_machine.hpp"

#include <gtest/gtest.h>

#include <string>

namespace kidney {
namespace {

class EscapeSequences : public testing::Test {
protected:
    EscapeSequences() { m.screen.initialise(m.memory); }

    void put(std::string_view text) { hal::put_all(m.screen, text); }
    /// Rows with their numbers, and the cursor at home.
    void fill_rows() {
        for (int r = 0; r < 25; ++r) {
            put("\x1b[" + std::to_string(r + 1) + ";1Hrow " + std::to_string(r));
        }
        put("\x1b[H");
    }
    std::uint16_t attribute_of(std::string_view select) {
        put("\x1b[0m\x1b[H" + std::string(select) + "x");
        return m.cell(0, 0) >> 8;
    }
    std::pair<unsigned, unsigned> cursor() { return {m.screen.row(), m.screen.column()}; }
    test::ScreenMachine m;
};

TEST_F(EscapeSequences, ClearIsHomeAndErase) {
    fill_rows();
    put("\x1b[12;30H\x1b[H\x1b[J");
    for (unsigned r = 0; r < 25; ++r) {
        EXPECT_EQ(m.row(r), "") << r;
    }
    EXPECT_EQ(cursor(), std::pair(0U, 0U));
}

TEST_F(EscapeSequences, TheCursorGoesWhereItIsTold) {
    put("\x1b[5;10Hx");
    EXPECT_EQ(m.row(4), "         x");
    put("\x1b[2A\x1b[3D");
    EXPECT_EQ(cursor(), std::pair(2U, 7U));
    put("\x1b[B\x1b[C");
    EXPECT_EQ(cursor(), std::pair(3U, 8U));
    put("\x1b[20d\x1b[40G");
    EXPECT_EQ(cursor(), std::pair(19U, 39U));
    put("\x1b[2E");
    EXPECT_EQ(cursor(), std::pair(21U, 0U));
    put("\x1b[F");
    EXPECT_EQ(cursor(), std::pair(20U, 0U));
    EXPECT_EQ(m.cursor(), m.start() + 20 * 80U);
}

TEST_F(EscapeSequences, NothingLeavesTheScreen) {
    put("\x1b[999;999H");
    EXPECT_EQ(cursor(), std::pair(24U, 79U));
    put("\x1b[99999999999B\x1b[500C");
    EXPECT_EQ(cursor(), std::pair(24U, 79U));
    put("\x1b[500A\x1b[500D");
    EXPECT_EQ(cursor(), std::pair(0U, 0U));
    put("\x1b[0;0Hx\x1b[70000L\x1b[70000P\x1b[70000@\x1b[70000X");
    EXPECT_EQ(cursor().first, 0U);
}

TEST_F(EscapeSequences, EraseToEitherSide) {
    fill_rows();
    put("\x1b[3;3H\x1b[K\x1b[4;3H\x1b[1K\x1b[5;3H\x1b[2K");
    EXPECT_EQ(m.row(2), "ro");
    EXPECT_EQ(m.row(3), "    3") << "the cell of the cursor goes too";
    EXPECT_EQ(m.row(4), "");
    put("\x1b[8;2H\x1b[1J");
    EXPECT_EQ(m.row(0) + m.row(5) + m.row(6), "");
    EXPECT_EQ(m.row(7), "  w 7");
    put("\x1b[20;2H\x1b[J");
    EXPECT_EQ(m.row(18), "row 18");
    EXPECT_EQ(m.row(19), "r");
    EXPECT_EQ(m.row(24), "");
}

TEST_F(EscapeSequences, InsertAndDeleteInALine) {
    put("abcdef\x1b[3G\x1b[2@");
    EXPECT_EQ(m.row(0), "ab  cdef");
    put("\x1b[P");
    EXPECT_EQ(m.row(0), "ab cdef");
    put("\x1b[2X");
    EXPECT_EQ(m.row(0), "ab  def");
    put("\x1b[4hXY\x1b[4l!");
    EXPECT_EQ(m.row(0), "abXY! def");
}

TEST_F(EscapeSequences, InsertAndDeleteLines) {
    fill_rows();
    put("\x1b[3;5H\x1b[2L");
    EXPECT_EQ(m.row(1), "row 1");
    EXPECT_EQ(m.row(2) + m.row(3), "");
    EXPECT_EQ(m.row(4), "row 2");
    EXPECT_EQ(m.row(24), "row 22");
    EXPECT_EQ(cursor(), std::pair(2U, 0U));
    put("\x1b[3M");
    EXPECT_EQ(m.row(2), "row 3");
    EXPECT_EQ(m.row(21), "row 22");
    EXPECT_EQ(m.row(22) + m.row(24), "");
}

TEST_F(EscapeSequences, ARegionScrollsAlone) {
    fill_rows();
    put("\x1b[5;8r\x1b[8;1H\nnew");
    EXPECT_EQ(m.row(3), "row 3");
    EXPECT_EQ(m.row(4), "row 5");
    EXPECT_EQ(m.row(7), "new");
    EXPECT_EQ(m.row(8), "row 8");
    put("\x1b[5;1H\x1bM");
    EXPECT_EQ(m.row(4), "");
    EXPECT_EQ(m.row(5), "row 5");
    EXPECT_EQ(m.row(8), "row 8");
    put("\x1b[25;1H\n");
    EXPECT_EQ(m.row(24), "row 24") << "below the region nothing scrolls";
    put("\x1b[r\x1b[25;1H\n");
    EXPECT_EQ(m.row(23), "row 24");
    put("\x1b[9;3r\x1b[25;1H\n");
    EXPECT_EQ(m.row(22), "row 24") << "a region of nothing is refused";
}

TEST_F(EscapeSequences, OriginModeCountsFromTheRegion) {
    put("\x1b[5;8r\x1b[?6h\x1b[2;3Hx\x1b[99;1Hy\x1b[?6l\x1b[1;1Hz");
    EXPECT_EQ(m.row(5), "  x");
    EXPECT_EQ(m.row(7), "y");
    EXPECT_EQ(m.row(0), "z");
}

TEST_F(EscapeSequences, TheLastColumnWrapsLate) {
    put(std::string(80, 'a'));
    EXPECT_EQ(cursor().first, 0U);
    put("\r\nb");
    EXPECT_EQ(m.row(1), "b");
    put("\x1b[H\x1b[?7l" + std::string(80, 'c') + "de\x1b[?7h");
    EXPECT_EQ(m.row(0), std::string(79, 'c') + "e");
    EXPECT_EQ(m.row(1), "b");
}

TEST_F(EscapeSequences, SaveAndRestore) {
    put("\x1b[3;4H\x1b[31m\x1b"
        "7\x1b[H\x1b[0m\x1b"
        "8x");
    EXPECT_EQ(m.row(2), "   x");
    EXPECT_EQ(m.cell(2, 3) >> 8, 0x04);
    put("\x1b[10;10H\x1b[s\x1b[H\x1b[uy");
    EXPECT_EQ(m.row(9), "         y");
}

TEST_F(EscapeSequences, Colours) {
    EXPECT_EQ(attribute_of(""), 0x07);
    EXPECT_EQ(attribute_of("\x1b[31m"), 0x04) << "red";
    EXPECT_EQ(attribute_of("\x1b[1;34m"), 0x09) << "bright blue";
    EXPECT_EQ(attribute_of("\x1b[33;44m"), 0x16) << "brown on blue";
    EXPECT_EQ(attribute_of("\x1b[7m"), 0x70);
    EXPECT_EQ(attribute_of("\x1b[7m\x1b[27m"), 0x07);
    EXPECT_EQ(attribute_of("\x1b[5m"), 0x87);
    EXPECT_EQ(attribute_of("\x1b[2m"), 0x08);
    EXPECT_EQ(attribute_of("\x1b[4m"), 0x03);
    EXPECT_EQ(attribute_of("\x1b[92m"), 0x0A);
    EXPECT_EQ(attribute_of("\x1b[31;47m\x1b[39;49m"), 0x07);
    EXPECT_EQ(attribute_of("\x1b[38;5;196m"), 0x0C);
    EXPECT_EQ(attribute_of("\x1b[38;2;0;255;0;1m"), 0x02) << "what follows the colour counts";
    EXPECT_EQ(attribute_of("\x1b[48;5;20;1m"), 0x1F);
    EXPECT_EQ(attribute_of("\x1b[38;5m"), 0x07);
}

TEST_F(EscapeSequences, ErasedCellsHaveTheBackground) {
    put("\x1b[44m\x1b[2J");
    EXPECT_EQ(m.cell(12, 40), 0x1720);
}

TEST_F(EscapeSequences, TheCursorCanBeHidden) {
    put("\x1b[?25l");
    EXPECT_EQ(m.crtc[0x0A] & 0x20, 0x20);
    put("\x1b[?25h");
    EXPECT_EQ(m.crtc[0x0A] & 0x20, 0);
}

TEST_F(EscapeSequences, ResetForgetsEverything) {
    fill_rows();
    put("\x1b[5;8r\x1b[?25l\x1b[41m\x1b[4h\x1b"
        "c");
    EXPECT_EQ(m.row(3), "");
    EXPECT_EQ(m.cell(0, 0), 0x0720);
    EXPECT_EQ(m.crtc[0x0A] & 0x20, 0);
    put("\x1b[25;1H\nab\x1b[25;1Hx");
    EXPECT_EQ(m.row(24), "xb");
}

TEST_F(EscapeSequences, WhatNobodyKnowsIsPassedOverWhole) {
    put("a\x1b(Bb\x1b[6nc\x1b[?1;1000hd\x1b]0;title\ae\x1b]2;title\x1b\\f\x1b]P0ff8800g\x1b]Rh"
        "\x1b[>ci\x1b%Gj\x1b=k\x1bPq~~\x1b\\l");
    EXPECT_EQ(m.row(0), "abcdefghijkl");
}

TEST_F(EscapeSequences, ASequenceCanBeBrokenOff) {
    put("\x1b[31\x18m\x1b[3\x1b[1mx\x1b[2\r;5Hy");
    EXPECT_EQ(m.row(0), "mx");
    EXPECT_EQ(m.cell(0, 1) >> 8, 0x0F);
    EXPECT_EQ(m.row(1), "    y") << "control characters count in the middle";
    put("\x1b[H\x1b[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18;19;20;31mz");
    EXPECT_EQ(m.row(0).front(), 'z');
}

TEST_F(EscapeSequences, AHiddenScreenGoesOnUnseen) {
    using Screen = test::ScreenMachine::Screen;
    std::array<std::uint16_t, std::size_t{Screen::columns} * Screen::rows> first{}, second{};
    Screen other{fakes::FakePorts(m.space)};
    other.cells().initialise_hidden(second);
    for (int n = 0; n < 40; ++n) {
        put("\r\n" + std::to_string(n));  // the window has moved
    }
    const std::uint32_t cursor_before = m.cursor();
    hal::put_all(other, "unseen\x1b[?25l");
    EXPECT_EQ(m.row(24), "39");
    EXPECT_EQ(m.cursor(), cursor_before);
    EXPECT_EQ(m.crtc[0x0A] & 0x20, 0);

    m.screen.cells().hide(first);
    other.cells().show(m.memory);
    EXPECT_EQ(m.row(0), "unseen");
    EXPECT_EQ(m.row(24), "");
    EXPECT_EQ(m.start(), 0U);
    EXPECT_EQ(m.cursor(), 6U);
    EXPECT_NE(m.crtc[0x0A] & 0x20, 0) << "it has hidden the cursor";

    put("\r\n\x1b[32mlater");
    EXPECT_EQ(m.row(0), "unseen");
    for (int n = 0; n < 30; ++n) {
        hal::put_all(other, "\r\nx");  // a screen that was shown scrolls as ever
    }
    other.cells().hide(second);
    m.screen.cells().show(m.memory);
    EXPECT_EQ(m.row(23), "39");
    EXPECT_EQ(m.row(24), "later");
    EXPECT_EQ(m.cell(24, 0) >> 8, 0x02);
    EXPECT_EQ(m.cursor(), 24U * 80 + 5);
    EXPECT_EQ(m.crtc[0x0A] & 0x20, 0);
}

}  // namespace
}  // namespace kidney
