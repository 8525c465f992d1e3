/// The text memory of a VGA card: 80x25 cells, a window over more of them, and a cursor. Of several
/// screens that share the card one is shown; the cells of the others lie in memory of their own.
///
/// Cells are 16-bit words in memory at physical 0xB8000: character, then attribute. The cursor is
/// in the CRT controller's registers 0x0E/0x0F (IBM VGA technical reference); 0x0A hides it,
/// 0x0C/0x0D say which cell is shown first.
#pragma once

#include "kidney/hal/port_io.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::drivers {

/// A place on the screen, from the upper left.
struct CellPosition {
    std::uint32_t row = 0, column = 0;
    friend constexpr bool operator==(CellPosition, CellPosition) noexcept = default;
};

/// Positions are the caller's to check. Before initialise() nothing is shown. Concurrency: none,
/// callers serialise.
template <hal::PortIo Io>
class VgaCells {
public:
    static constexpr std::uint32_t columns = 80;
    static constexpr std::uint32_t rows = 25;
    /// Where the cells lie while they are not shown.
    using Store = std::span<std::uint16_t, std::size_t{columns} * rows>;

    explicit constexpr VgaCells(Io io) noexcept : io_(io) {}

    /// `cells` is all of the card's text memory, at least one screen. Returns where the cursor is;
    /// the row is `rows` when it was nowhere.
    CellPosition initialise(std::span<volatile std::uint16_t> cells) noexcept {
        cells_ = cells.data();
        memory_rows_ = static_cast<std::uint32_t>(cells.size()) / columns;
        const std::uint32_t start = read_crtc_word(start_high);
        const std::uint32_t cursor = read_crtc_word(cursor_high);
        origin_ = start / columns;
        const std::uint32_t row = cursor >= start ? cursor / columns - origin_ : rows;
        if (origin_ + rows > memory_rows_ || row >= rows) {  // nobody leaves it like this
            origin_ = 0;
            write_crtc_word(start_high, 0);
            return {rows, 0};
        }
        return {row, cursor % columns};
    }
    [[nodiscard]] bool is_present() const noexcept { return cells_ != nullptr; }

    /// Blank cells in `store`, which are not shown.
    void initialise_hidden(Store store) noexcept {
        constexpr std::uint16_t blank = 0x0720;  // a space, grey on black
        std::ranges::fill(store, blank);
        lie_in(store);
    }
    /// Goes on in `store`, and is not shown any more.
    void hide(Store store) noexcept {
        for (std::size_t n = 0; n < store.size(); ++n) {
            store[n] = cells_[origin_ * columns + n];
        }
        lie_in(store);
    }
    /// Goes on in `cells`, all of the card's text memory, which nobody else shows any more.
    void show(std::span<volatile std::uint16_t> cells) noexcept {
        for (std::size_t n = 0; n < std::size_t{columns} * rows; ++n) {
            cells[n] = static_cast<std::uint16_t>(cells_[origin_ * columns + n]);
        }
        cells_ = cells.data();
        memory_rows_ = static_cast<std::uint32_t>(cells.size()) / columns;
        origin_ = 0;
        is_shown_ = true;
        write_crtc_word(start_high, 0);
        hide_cursor(is_cursor_hidden_);
        show_cursor(cursor_);
    }

    void set(CellPosition at, std::uint16_t cell) noexcept { cells_[index(at)] = cell; }
    [[nodiscard]] std::uint16_t get(CellPosition at) const noexcept { return cells_[index(at)]; }

    void show_cursor(CellPosition at) noexcept {
        cursor_ = at;
        write_crtc_word(cursor_high, index(at));
    }
    void hide_cursor(bool hidden) noexcept {
        is_cursor_hidden_ = hidden;
        if (!is_shown_) {
            return;
        }
        io_.write8(crtc_index, cursor_start);
        const auto before = static_cast<std::uint8_t>(io_.read8(crtc_data) & ~cursor_off);
        io_.write8(crtc_data, static_cast<std::uint8_t>(before | (hidden ? cursor_off : 0)));
    }

    /// All rows go up by one; the last is filled. Moves the window over the text memory: copying a
    /// screen of slow video memory per line would make every log line cost milliseconds.
    void scroll_up(std::uint16_t fill) noexcept {
        if (origin_ + rows == memory_rows_) {  // at the end: once in a while, copy to the start
            for (std::uint32_t i = 0; i < columns * (rows - 1); ++i) {
                cells_[i] = static_cast<std::uint16_t>(cells_[(origin_ + 1) * columns + i]);
            }
            origin_ = 0;
        } else {
            ++origin_;
        }
        for (std::uint32_t column = 0; column < columns; ++column) {
            set({rows - 1, column}, fill);
        }
        write_crtc_word(start_high, origin_ * columns);
    }

private:
    static constexpr std::uint16_t crtc_index = 0x3D4;
    static constexpr std::uint16_t crtc_data = 0x3D5;
    static constexpr std::uint8_t cursor_start = 0x0A;
    static constexpr std::uint8_t cursor_off = 0x20;
    // Pairs of registers, the upper byte first.
    static constexpr std::uint8_t start_high = 0x0C;   // the first cell that is shown
    static constexpr std::uint8_t cursor_high = 0x0E;  // the cell with the cursor

    void lie_in(Store store) noexcept {
        cells_ = store.data();
        memory_rows_ = rows;
        origin_ = 0;
        is_shown_ = false;
    }
    [[nodiscard]] std::uint32_t index(CellPosition at) const noexcept {
        return (origin_ + at.row) * columns + at.column;
    }
    std::uint32_t read_crtc_word(std::uint8_t high) noexcept {
        io_.write8(crtc_index, high);
        const std::uint32_t upper = io_.read8(crtc_data);
        io_.write8(crtc_index, static_cast<std::uint8_t>(high + 1));
        return upper << 8 | io_.read8(crtc_data);
    }
    void write_crtc_word(std::uint8_t high, std::uint32_t value) noexcept {
        if (!is_shown_) {
            return;
        }
        io_.write8(crtc_index, high);
        io_.write8(crtc_data, static_cast<std::uint8_t>(value >> 8));
        io_.write8(crtc_index, static_cast<std::uint8_t>(high + 1));
        io_.write8(crtc_data, static_cast<std::uint8_t>(value));
    }

    [[no_unique_address]] Io io_;
    volatile std::uint16_t* cells_ = nullptr;
    std::uint32_t memory_rows_ = 0;
    std::uint32_t origin_ = 0;  ///< the row of the memory that is shown first
    CellPosition cursor_;
    bool is_shown_ = true;
    bool is_cursor_hidden_ = false;
};

}  // namespace kidney::drivers
