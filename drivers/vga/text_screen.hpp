/// The 80x25 colour text screen of a VGA card.
///
/// Cells are 16-bit words in memory at physical 0xB8000: character, then attribute. The cursor is
/// in the CRT controller's registers 0x0E/0x0F (IBM VGA technical reference); 0x0C/0x0D say which
/// cell is shown first, of more than fit on the screen. Output goes on below what the firmware or
/// boot loader has printed.
#pragma once

#include "kidney/hal/character_sink.hpp"
#include "kidney/hal/port_io.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::drivers {

/// Understands printable characters, newline, carriage return, backspace and tab, and drops ANSI
/// escape sequences (colours of a shell prompt). Concurrency: none, callers serialise.
template <hal::PortIo Io>
class TextScreen {
public:
    static constexpr std::uint32_t columns = 80;
    static constexpr std::uint32_t rows = 25;
    static constexpr std::uint16_t grey_on_black = 0x0700;

    explicit constexpr TextScreen(Io io) noexcept : io_(io) {}

    /// `cells` is all of the card's text memory, at least one screen. Starts at the beginning of
    /// the line below the present cursor.
    void initialise(std::span<volatile std::uint16_t> cells) noexcept {
        cells_ = cells.data();
        memory_rows_ = static_cast<std::uint32_t>(cells.size()) / columns;
        const std::uint32_t start = read_crtc_word(start_high);
        const std::uint32_t cursor = read_crtc_word(cursor_high);
        origin_ = start / columns;
        row_ = cursor >= start ? cursor / columns - origin_ : rows;
        column_ = cursor % columns;
        if (origin_ + rows > memory_rows_ ||
            row_ >= rows) {  // nobody leaves it like this; start over
            origin_ = 0;
            row_ = rows - 1;
            column_ = columns;
            write_crtc_word(start_high, 0);
        }
        if (column_ != 0) {
            new_line();
        }
        show_cursor();
    }

    void put(char c) noexcept {
        if (cells_ == nullptr || in_escape(c)) {
            return;
        }
        switch (c) {
            case '\n':
                new_line();
                break;
            case '\r':
                column_ = 0;
                break;
            case '\b':
                column_ -= column_ > 0 ? 1 : 0;
                break;
            case '\t':
                column_ = (column_ | 7U) + 1;
                break;
            case '\a':
                break;
            default:
                if (column_ >= columns) {
                    new_line();
                }
                cells_[(origin_ + row_) * columns + column_++] =
                    static_cast<std::uint16_t>(grey_on_black | static_cast<std::uint8_t>(c));
                break;
        }
        show_cursor();
    }
    [[nodiscard]] std::uint32_t row() const noexcept { return row_; }
    [[nodiscard]] std::uint32_t column() const noexcept { return column_; }

private:
    static constexpr std::uint16_t crtc_index = 0x3D4;
    static constexpr std::uint16_t crtc_data = 0x3D5;
    // Pairs of registers, the upper byte first.
    static constexpr std::uint8_t start_high = 0x0C;   // the first cell that is shown
    static constexpr std::uint8_t cursor_high = 0x0E;  // the cell with the cursor

    std::uint32_t read_crtc_word(std::uint8_t high) noexcept {
        io_.write8(crtc_index, high);
        const std::uint32_t upper = io_.read8(crtc_data);
        io_.write8(crtc_index, static_cast<std::uint8_t>(high + 1));
        return upper << 8 | io_.read8(crtc_data);
    }
    void write_crtc_word(std::uint8_t high, std::uint32_t value) noexcept {
        io_.write8(crtc_index, high);
        io_.write8(crtc_data, static_cast<std::uint8_t>(value >> 8));
        io_.write8(crtc_index, static_cast<std::uint8_t>(high + 1));
        io_.write8(crtc_data, static_cast<std::uint8_t>(value));
    }
    void show_cursor() noexcept {
        const std::uint32_t column = column_ < columns ? column_ : columns - 1;
        write_crtc_word(cursor_high, (origin_ + row_) * columns + column);
    }
    /// Scrolls by moving the window over the text memory: copying a screen of slow video memory per
    /// line would make every log line cost milliseconds.
    void new_line() noexcept {
        column_ = 0;
        if (row_ + 1 < rows) {
            ++row_;
            return;
        }
        if (origin_ + rows == memory_rows_) {  // at the end: once in a while, copy to the start
            for (std::uint32_t i = 0; i < columns * (rows - 1); ++i) {
                cells_[i] = static_cast<std::uint16_t>(cells_[(origin_ + 1) * columns + i]);
            }
            origin_ = 0;
        } else {
            ++origin_;
        }
        for (std::uint32_t i = 0; i < columns; ++i) {
            cells_[(origin_ + row_) * columns + i] = grey_on_black | ' ';
        }
        write_crtc_word(start_high, origin_ * columns);
    }
    /// ESC [ parameters letter, or ESC and one other character.
    bool in_escape(char c) noexcept {
        switch (escape_) {
            case Escape::none:
                escape_ = c == '\x1b' ? Escape::started : Escape::none;
                return c == '\x1b';
            case Escape::started:
                escape_ = c == '[' ? Escape::parameters : Escape::none;
                return true;
            case Escape::parameters:
                escape_ = c >= '@' && c <= '~' ? Escape::none : Escape::parameters;
                return true;
        }
        return false;
    }

    enum class Escape : std::uint8_t { none, started, parameters };

    [[no_unique_address]] Io io_;
    volatile std::uint16_t* cells_ = nullptr;  ///< null: not initialised, output is dropped
    std::uint32_t memory_rows_ = 0;
    std::uint32_t origin_ = 0;  ///< the row of the memory that is shown first
    std::uint32_t row_ = 0;     ///< on the screen
    std::uint32_t column_ = 0;  ///< may be `columns`: the next character wraps first
    Escape escape_ = Escape::none;
};

}  // namespace kidney::drivers
