/// Colours and accents of characters, as programs set them and as a VGA card shows them.
#pragma once

#include "drivers/vga/escape_parser.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::drivers {

/// What ESC [ ... m sets (ECMA-48, 8.3.117; the colours are those of the Linux console).
class CharacterAttributes {
public:
    /// The attribute byte: foreground in bits 3:0, background in 6:4, blinking in 7.
    [[nodiscard]] constexpr std::uint8_t byte() const noexcept {
        std::uint32_t a = background_ << 4 | foreground_;
        if (underline_) {
            a = (a & 0xF0U) | cyan;  // the card's own underline is for monochrome screens
        } else if (intensity_ == Intensity::half) {
            a = (a & 0xF0U) | dark_grey;
        }
        if (reverse_) {
            a = (a & 0x88U) | (a >> 4 & 7U) | (a & 7U) << 4;
        }
        if (blink_) {
            a ^= 0x80U;
        }
        return static_cast<std::uint8_t>(intensity_ == Intensity::bold ? a ^ bright : a);
    }
    /// Of cells that are erased: the colours without the accents.
    [[nodiscard]] constexpr std::uint16_t blank() const noexcept {
        return static_cast<std::uint16_t>((background_ << 4 | foreground_) << 8 | ' ');
    }

    constexpr void select(const ControlSequence& s) noexcept {
        for (std::size_t i = 0; i < s.count; ++i) {
            const std::uint32_t code = s.parameters[i];
            if (code == 38 || code == 48) {
                std::uint32_t& colour = code == 38 ? foreground_ : background_;
                i = select_extended(s, i + 1, colour);
                background_ &= 7U;
            } else if (!select_accent(code)) {
                select_colour(code);
            }
        }
    }

private:
    enum class Intensity : std::uint8_t { half, normal, bold };
    static constexpr std::uint32_t grey = 7, black = 0, cyan = 3, dark_grey = 8, bright = 8;

    /// red and blue change places between ANSI and VGA.
    [[nodiscard]] static constexpr std::uint32_t vga(std::uint32_t ansi) noexcept {
        return (ansi & 0xAU) | (ansi & 1U) << 2 | (ansi >> 2 & 1U);
    }

    constexpr bool select_accent(std::uint32_t code) noexcept {
        switch (code) {
            case 0:
                *this = {};
                return true;
            case 1:
            case 2:
                intensity_ = code == 1 ? Intensity::bold : Intensity::half;
                return true;
            case 21:
            case 22:
                intensity_ = Intensity::normal;
                return true;
            case 4:
            case 24:
                underline_ = code == 4;
                return true;
            case 5:
            case 25:
                blink_ = code == 5;
                return true;
            case 7:
            case 27:
                reverse_ = code == 7;
                return true;
            default:
                return false;
        }
    }
    constexpr void select_colour(std::uint32_t code) noexcept {
        if (code >= 30 && code <= 37) {
            foreground_ = vga(code - 30);
        } else if (code == 39) {
            foreground_ = grey;
        } else if (code >= 40 && code <= 47) {
            background_ = vga(code - 40);
        } else if (code == 49) {
            background_ = black;
        } else if (code >= 90 && code <= 97) {
            foreground_ = vga(code - 90) | bright;
        } else if (code >= 100 && code <= 107) {
            background_ = vga(code - 100);  // bright backgrounds are the blinking bit
        }
    }
    /// 5;n or 2;r;g;b behind 38 and 48, brought down to sixteen colours. Returns the last parameter
    /// used.
    static constexpr std::size_t select_extended(const ControlSequence& s, std::size_t i,
                                                 std::uint32_t& colour) noexcept {
        if (i + 1 < s.count && s.parameters[i] == 5) {
            colour = of_256(s.parameters[i + 1]);
            return i + 1;
        }
        if (i + 3 < s.count && s.parameters[i] == 2) {
            colour = nearest(s.parameters[i + 1], s.parameters[i + 2], s.parameters[i + 3]);
            return i + 3;
        }
        return s.count;
    }
    [[nodiscard]] static constexpr std::uint32_t of_256(std::uint32_t n) noexcept {
        if (n < 16) {
            return vga(n);
        }
        if (n >= 232) {
            const std::uint32_t level = (n - 232) * 255 / 23;
            return nearest(level, level, level);
        }
        n -= 16;
        return nearest(n / 36 * 51, n / 6 % 6 * 51, n % 6 * 51);
    }
    /// Each channel above a third of full counts; bright if one of them is above two thirds.
    [[nodiscard]] static constexpr std::uint32_t nearest(std::uint32_t r, std::uint32_t g,
                                                         std::uint32_t b) noexcept {
        const auto on = [](std::uint32_t level) { return level > 85 ? 1U : 0U; };
        const bool is_bright = r > 200 || g > 200 || b > 200;
        return (is_bright ? bright : 0) | on(r) << 2 | on(g) << 1 | on(b);
    }

    std::uint32_t foreground_ = grey, background_ = black;
    Intensity intensity_ = Intensity::normal;
    bool underline_ = false, reverse_ = false, blink_ = false;
};

}  // namespace kidney::drivers
