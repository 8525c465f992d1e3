/// The VGA text screen as a terminal: what TERM=linux promises to programs.
///
/// Output goes on below what the firmware or boot loader has printed. Three parts: EscapeParser
/// says what a byte means, CharacterAttributes which colours are set, VgaCells is the hardware;
/// here is what the sequences do (Linux's console_codes(4)). Questions (ESC [ 6 n) are not
/// answered: the terminal on the serial line does that.
#pragma once

#include "drivers/vga/attributes.hpp"
#include "drivers/vga/escape_parser.hpp"
#include "drivers/vga/vga_cells.hpp"
#include "kidney/hal/character_sink.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::drivers {

/// A newline goes down and stays in its column: CR LF begins a line. Characters are those of code
/// page 437. Concurrency: none, callers serialise.
template <hal::PortIo Io>
class TextScreen {
public:
    using Cells = VgaCells<Io>;
    static constexpr std::uint32_t columns = Cells::columns;
    static constexpr std::uint32_t rows = Cells::rows;

    explicit constexpr TextScreen(Io io) noexcept : cells_(io) {}

    /// `memory` is all of the card's text memory, at least one screen. Starts at the beginning of
    /// the line below the present cursor.
    void initialise(std::span<volatile std::uint16_t> memory) noexcept {
        at_ = cells_.initialise(memory);
        const bool is_nowhere = at_.row == rows;
        if (is_nowhere || at_.column != 0) {
            at_ = {is_nowhere ? rows - 1 : at_.row, 0};
            line_feed();
        }
        show_cursor();
    }

    /// To begin hidden, to hide it, and to show it again.
    [[nodiscard]] Cells& cells() noexcept { return cells_; }

    void put(char c) noexcept {
        if (!cells_.is_present()) {
            return;
        }
        switch (parser_.take(c)) {
            case Token::none:
                return;
            case Token::character:
                take_character(c);
                break;
            case Token::escape:
                take_escape(c);
                break;
            case Token::control:
                take_control(parser_.sequence());
                break;
        }
        show_cursor();
    }
    [[nodiscard]] std::uint32_t row() const noexcept { return at_.row; }
    [[nodiscard]] std::uint32_t column() const noexcept { return at_.column; }

private:
    /// What ESC 7 saves.
    struct Saved {
        CellPosition at;
        CharacterAttributes attributes;
    };

    void show_cursor() noexcept {
        cells_.show_cursor({at_.row, std::min(at_.column, columns - 1)});
    }
    [[nodiscard]] std::uint16_t blank() const noexcept { return attributes_.blank(); }

    void take_character(char c) noexcept {
        switch (c) {
            case '\n':
            case '\v':
            case '\f':
                line_feed();
                break;
            case '\r':
                at_.column = 0;
                break;
            case '\b':
                at_.column -= at_.column > 0 ? 1 : 0;
                break;
            case '\t':
                at_.column = std::min((at_.column | 7U) + 1, columns - 1);
                break;
            default:
                if (static_cast<std::uint8_t>(c) >= ' ') {
                    print(c);
                }
                break;
        }
    }
    /// The last column holds the cursor until the next character, which wraps first.
    void print(char c) noexcept {
        if (at_.column >= columns) {
            if (wraps_) {
                at_.column = 0;
                line_feed();
            } else {
                at_.column = columns - 1;
            }
        }
        if (inserts_) {
            insert_cells(1);
        }
        cells_.set(at_, static_cast<std::uint16_t>(attributes_.byte() << 8 |
                                                   static_cast<std::uint8_t>(c)));
        ++at_.column;
    }

    void take_escape(char c) noexcept {
        switch (c) {
            case '7':
                saved_ = {at_, attributes_};
                break;
            case '8':
                at_ = saved_.at;
                attributes_ = saved_.attributes;
                break;
            case 'D':
                line_feed();
                break;
            case 'E':
                at_.column = 0;
                line_feed();
                break;
            case 'M':
                reverse_line_feed();
                break;
            case 'c':
                reset();
                break;
            default:
                break;
        }
    }
    void reset() noexcept {
        attributes_ = {};
        saved_ = {};
        top_ = 0;
        bottom_ = rows - 1;
        wraps_ = true;
        inserts_ = is_relative_ = false;
        cells_.hide_cursor(false);
        fill({0, 0}, {rows - 1, columns});
        at_ = {};
    }

    void take_control(const ControlSequence& s) noexcept {
        if (s.is_private) {
            if (s.final == 'h' || s.final == 'l') {
                set_private_modes(s);
            }
            return;
        }
        if (move_cursor(s)) {
            return;
        }
        switch (s.final) {
            case '@':
                insert_cells(s.at(0));
                break;
            case 'J':
                erase_screen(s.at(0, 0));
                break;
            case 'K':
                erase_line(s.at(0, 0));
                break;
            case 'L':
            case 'M':
                move_lines(s.final == 'L', s.at(0));
                break;
            case 'P':
                delete_cells(s.at(0));
                break;
            case 'X':
                fill(at_on_screen(), {at_.row, std::min(at_on_screen().column + s.at(0), columns)});
                break;
            case 'h':
            case 'l':
                if (s.at(0) == 4) {
                    inserts_ = s.final == 'h';
                }
                break;
            case 'm':
                attributes_.select(s);
                break;
            case 'r':
                set_region(s.at(0), s.at(1, rows));
                break;
            case 's':
                saved_ = {at_, attributes_};
                break;
            case 'u':
                at_ = saved_.at;
                attributes_ = saved_.attributes;
                break;
            default:
                break;
        }
    }

    /// False: the sequence does not move the cursor. Nothing moves it off the screen.
    bool move_cursor(const ControlSequence& s) noexcept {
        const std::uint32_t n = s.at(0);
        switch (s.final) {
            case 'A':
            case 'F':
                go_up(n);
                break;
            case 'B':
            case 'E':
            case 'e':
                go_down(n);
                break;
            case 'C':
            case 'a':
                at_.column = std::min(at_on_screen().column + n, columns - 1);
                break;
            case 'D':
                at_.column = at_on_screen().column - std::min(n, at_on_screen().column);
                break;
            case 'G':
            case '`':
                at_.column = std::min(n, columns) - 1;
                break;
            case 'd':
                go_to(n, at_.column + 1);
                break;
            case 'H':
            case 'f':
                go_to(n, s.at(1));
                break;
            default:
                return false;
        }
        if (s.final == 'E' || s.final == 'F') {
            at_.column = 0;
        }
        return true;
    }
    /// Up to the edge of the region if it begins inside, else of the screen.
    void go_up(std::uint32_t n) noexcept {
        const std::uint32_t edge = at_.row >= top_ ? top_ : 0;
        at_.row -= std::min(n, at_.row - edge);
    }
    void go_down(std::uint32_t n) noexcept {
        const std::uint32_t edge = at_.row <= bottom_ ? bottom_ : rows - 1;
        at_.row += std::min(n, edge - at_.row);
    }
    /// From 1. Rows count from the region's first with DECOM.
    void go_to(std::uint32_t row, std::uint32_t column) noexcept {
        const std::uint32_t first = is_relative_ ? top_ : 0;
        const std::uint32_t last = is_relative_ ? bottom_ : rows - 1;
        at_ = {std::min(first + row - 1, last), std::min(column, columns) - 1};
    }
    [[nodiscard]] CellPosition at_on_screen() const noexcept {
        return {at_.row, std::min(at_.column, columns - 1)};
    }

    void set_private_modes(const ControlSequence& s) noexcept {
        const bool on = s.final == 'h';
        for (std::size_t i = 0; i < s.count; ++i) {
            switch (s.parameters[i]) {
                case 6:
                    is_relative_ = on;
                    go_to(1, 1);
                    break;
                case 7:
                    wraps_ = on;
                    break;
                case 25:
                    cells_.hide_cursor(!on);
                    break;
                default:
                    break;
            }
        }
    }
    /// DECSTBM, from 1; a region of less than two lines is refused.
    void set_region(std::uint32_t first, std::uint32_t last) noexcept {
        last = std::min(last, rows);
        if (first < last) {
            top_ = first - 1;
            bottom_ = last - 1;
            go_to(1, 1);
        }
    }

    void line_feed() noexcept {
        if (at_.row == bottom_) {
            scroll(top_, 1, true);
        } else if (at_.row + 1 < rows) {
            ++at_.row;
        }
    }
    void reverse_line_feed() noexcept {
        if (at_.row == top_) {
            scroll(top_, 1, false);
        } else if (at_.row > 0) {
            --at_.row;
        }
    }
    /// IL and DL: inside the region, from the cursor's line on.
    void move_lines(bool down, std::uint32_t n) noexcept {
        if (at_.row >= top_ && at_.row <= bottom_) {
            scroll(at_.row, n, !down);
            at_.column = 0;
        }
    }
    /// Rows from `first` to the region's last move by `n`; what they leave is blank.
    void scroll(std::uint32_t first, std::uint32_t n, bool up) noexcept {
        const std::uint32_t height = bottom_ - first + 1;
        if (up && n == 1 && height == rows) {
            cells_.scroll_up(blank());
            return;
        }
        n = std::min(n, height);
        for (std::uint32_t i = 0; i + n < height; ++i) {
            const std::uint32_t to = up ? first + i : bottom_ - i;
            const std::uint32_t from = up ? to + n : to - n;
            for (std::uint32_t column = 0; column < columns; ++column) {
                cells_.set({to, column}, cells_.get({from, column}));
            }
        }
        const std::uint32_t emptied = up ? bottom_ + 1 - n : first;
        fill({emptied, 0}, {emptied + n - 1, columns});
    }

    /// Blank from `first` up to, and without, `end`.
    void fill(CellPosition first, CellPosition end) noexcept {
        for (CellPosition p = first;
             p.row < end.row || (p.row == end.row && p.column < end.column);) {
            cells_.set(p, blank());
            if (++p.column == columns && p.row < end.row) {
                p = {p.row + 1, 0};
            }
        }
    }
    void erase_screen(std::uint32_t what) noexcept {
        const CellPosition here = at_on_screen();
        if (what == 0) {
            fill(here, {rows - 1, columns});
        } else if (what == 1) {
            fill({0, 0}, {here.row, here.column + 1});
        } else if (what <= 3) {
            fill({0, 0}, {rows - 1, columns});
        }
    }
    void erase_line(std::uint32_t what) noexcept {
        const CellPosition here = at_on_screen();
        if (what <= 2) {
            fill({here.row, what == 0 ? here.column : 0},
                 {here.row, what == 1 ? here.column + 1 : columns});
        }
    }
    void insert_cells(std::uint32_t n) noexcept {
        const CellPosition here = at_on_screen();
        n = std::min(n, columns - here.column);
        for (std::uint32_t column = columns; column-- > here.column + n;) {
            cells_.set({here.row, column}, cells_.get({here.row, column - n}));
        }
        fill(here, {here.row, here.column + n});
    }
    void delete_cells(std::uint32_t n) noexcept {
        const CellPosition here = at_on_screen();
        n = std::min(n, columns - here.column);
        for (std::uint32_t column = here.column; column + n < columns; ++column) {
            cells_.set({here.row, column}, cells_.get({here.row, column + n}));
        }
        fill({here.row, columns - n}, {here.row, columns});
    }

    Cells cells_;
    EscapeParser parser_;
    CharacterAttributes attributes_;
    CellPosition at_;  ///< the column may be `columns`: the next character wraps first
    Saved saved_;
    std::uint32_t top_ = 0, bottom_ = rows - 1;  ///< the region that scrolls (DECSTBM)
    bool wraps_ = true;                          ///< DECAWM
    bool inserts_ = false;                       ///< IRM
    bool is_relative_ = false;                   ///< DECOM: rows count from `top_`
};

}  // namespace kidney::drivers
