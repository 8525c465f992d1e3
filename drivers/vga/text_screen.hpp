/// The 80x25 colour text screen of a VGA card.
///
/// Cells are 16-bit words in memory at physical 0xB8000: character, then attribute. The cursor is
/// in the CRT controller's registers 0x0E/0x0F (IBM VGA technical reference). Output goes on below
/// what the firmware or boot loader has printed.
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

    /// `cells` is the frame buffer: columns * rows words. Starts at the beginning of the line below
    /// the present cursor.
    void initialise(volatile std::uint16_t* cells) noexcept {
        cells_ = cells;
        const std::uint32_t cursor =
            std::uint32_t{read_crtc(cursor_high)} << 8 | read_crtc(cursor_low);
        row_ = cursor / columns;
        column_ = cursor % columns;
        if (row_ >= rows) {
            row_ = rows - 1;
            column_ = columns;
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
                cells_[row_ * columns + column_++] =
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
    static constexpr std::uint8_t cursor_high = 0x0E;
    static constexpr std::uint8_t cursor_low = 0x0F;

    std::uint8_t read_crtc(std::uint8_t index) noexcept {
        io_.write8(crtc_index, index);
        return io_.read8(crtc_data);
    }
    void write_crtc(std::uint8_t index, std::uint8_t value) noexcept {
        io_.write8(crtc_index, index);
        io_.write8(crtc_data, value);
    }
    void show_cursor() noexcept {
        const std::uint32_t column = column_ < columns ? column_ : columns - 1;
        const std::uint32_t at = row_ * columns + column;
        write_crtc(cursor_high, static_cast<std::uint8_t>(at >> 8));
        write_crtc(cursor_low, static_cast<std::uint8_t>(at));
    }
    void new_line() noexcept {
        column_ = 0;
        if (row_ + 1 < rows) {
            ++row_;
            return;
        }
        for (std::uint32_t i = 0; i < columns * (rows - 1); ++i) {
            cells_[i] = static_cast<std::uint16_t>(cells_[i + columns]);
        }
        for (std::uint32_t i = columns * (rows - 1); i < columns * rows; ++i) {
            cells_[i] = grey_on_black | ' ';
        }
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
    std::uint32_t row_ = 0;
    std::uint32_t column_ = 0;  ///< may be `columns`: the next character wraps first
    Escape escape_ = Escape::none;
};

}  // namespace kidney::drivers
