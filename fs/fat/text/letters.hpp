/// Letters of names: UTF-8 of programs, UTF-16 of long names, code page 437 of short ones.
#pragma once

#include "fs/fat/format.hpp"
#include "kidney/core/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace kidney::fs::fat {

/// UTF-16 units of a name.
struct WideName {
    std::array<char16_t, longest_name> units;
    std::size_t size = 0;

    [[nodiscard]] constexpr std::span<const char16_t> view() const noexcept {
        return std::span(units).first(size);
    }
    [[nodiscard]] constexpr bool push(char16_t unit) noexcept {
        if (size == units.size()) {
            return false;
        }
        units[size++] = unit;
        return true;
    }
};

/// The letter that comes first in `text`, taken off it. Nothing: this is no UTF-8.
[[nodiscard]] constexpr std::optional<char32_t> take_letter(std::string_view& text) noexcept {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned first = byte(0);
    const std::size_t length = first < 0x80                    ? 1
                               : first >= 0xC2 && first < 0xE0 ? 2
                               : first >= 0xE0 && first < 0xF0 ? 3
                               : first >= 0xF0 && first < 0xF5 ? 4
                                                               : 0;
    if (length == 0 || text.size() < length) {
        return std::nullopt;
    }
    char32_t letter = length == 1 ? first : first & (0x7FU >> length);
    for (std::size_t n = 1; n < length; ++n) {
        if ((byte(n) & 0xC0U) != 0x80) {
            return std::nullopt;
        }
        letter = letter << 6 | (byte(n) & 0x3FU);
    }
    const bool is_longer_than_needed =
        (length == 3 && letter < 0x800) || (length == 4 && letter < 0x1'0000);
    if (is_longer_than_needed || letter > 0x10'FFFF || (letter >= 0xD800 && letter < 0xE000)) {
        return std::nullopt;
    }
    text.remove_prefix(length);
    return letter;
}

/// Errors: invalid_argument (no UTF-8), name_too_long (more than 255 units).
[[nodiscard]] constexpr Status widen(std::string_view text, WideName& to) noexcept {
    to.size = 0;
    while (!text.empty()) {
        const auto letter = take_letter(text);
        if (!letter) {
            return fail(Errc::invalid_argument);
        }
        const char32_t code = *letter;
        const bool fits = code < 0x1'0000
                              ? to.push(static_cast<char16_t>(code))
                              : to.push(static_cast<char16_t>(0xD7C0 + (code >> 10))) &&
                                    to.push(static_cast<char16_t>(0xDC00 + (code & 0x3FF)));
        if (!fits) {
            return fail(Errc::name_too_long);
        }
    }
    return {};
}

/// Collects UTF-8, as much as a name may have.
class NarrowName {
public:
    [[nodiscard]] constexpr std::string_view view() const noexcept {
        return {bytes_.data(), size_};
    }
    constexpr void clear() noexcept { size_ = 0; }
    /// False: there is no room.
    constexpr bool push(char32_t code) noexcept {
        const std::size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1'0000 ? 3 : 4;
        if (size_ + length > bytes_.size()) {
            return false;
        }
        if (length == 1) {
            bytes_[size_++] = static_cast<char>(code);
            return true;
        }
        bytes_[size_++] =
            static_cast<char>((0xF00U >> length & 0xFFU) | code >> (6 * (length - 1)));
        for (std::size_t left = length - 1; left-- > 0;) {
            bytes_[size_++] = static_cast<char>(0x80U | (code >> (6 * left) & 0x3FU));
        }
        return true;
    }

private:
    std::array<char, 255> bytes_{};
    std::size_t size_ = 0;
};

/// False: these units are no text, or more bytes than a name may have.
[[nodiscard]] constexpr bool narrow(std::span<const char16_t> units, NarrowName& to) noexcept {
    to.clear();
    for (std::size_t n = 0; n < units.size(); ++n) {
        char32_t code = units[n];
        if (code >= 0xD800 && code < 0xDC00 && n + 1 < units.size() && units[n + 1] >= 0xDC00 &&
            units[n + 1] < 0xE000) {
            code = 0x1'0000 + ((code - 0xD800) << 10) + (units[++n] - 0xDC00U);
        } else if (code >= 0xD800 && code < 0xE000) {
            return false;
        }
        if (code == 0 || code == U'/' || !to.push(code)) {
            return false;
        }
    }
    return !units.empty();
}

/// The capital letter of a unit: Latin, Greek and Cyrillic, which is what people have in names. Two
/// names are one if they differ only in this.
[[nodiscard]] constexpr char16_t capital(char16_t unit) noexcept {
    const auto less = [&](unsigned by) { return static_cast<char16_t>(unit - by); };
    const auto in = [&](unsigned from, unsigned to) { return unit >= from && unit <= to; };
    if (in(u'a', u'z') || (in(0xE0, 0xFE) && unit != 0xF7) || (in(0x3B1, 0x3CB) && unit != 0x3C2) ||
        in(0x430, 0x44F)) {
        return less(0x20);
    }
    if (unit < 0xFF) {
        return unit;
    }
    if (unit == 0xFF) {
        return 0x178;
    }
    const bool even_is_capital = in(0x100, 0x12F) || in(0x132, 0x137) || in(0x14A, 0x177) ||
                                 in(0x1DE, 0x1EF) || in(0x460, 0x481) || in(0x48A, 0x4BF) ||
                                 in(0x4D0, 0x52F) || in(0x1E00, 0x1E95) || in(0x1EA0, 0x1EFF);
    const bool odd_is_capital = in(0x139, 0x148) || in(0x179, 0x17E);
    if ((even_is_capital && unit % 2 != 0) || (odd_is_capital && unit % 2 == 0)) {
        return less(1);
    }
    return in(0x450, 0x45F) ? less(0x50) : unit;
}
[[nodiscard]] constexpr bool is_same_name(std::span<const char16_t> a,
                                          std::span<const char16_t> b) noexcept {
    if (a.size() != b.size()) {
        return false;
    }
    for (std::size_t n = 0; n < a.size(); ++n) {
        if (a[n] != b[n] && capital(a[n]) != capital(b[n])) {
            return false;
        }
    }
    return true;
}

/// The letters 0x80 to 0xFF of code page 437, which short names are in.
inline constexpr std::u16string_view code_page_437 =
    u"ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄"
    u"▌▐▀"
    u"αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00A0";
static_assert(code_page_437.size() == 128);

[[nodiscard]] constexpr char16_t letter_of_code_page(std::uint8_t byte) noexcept {
    return byte < 0x80 ? char16_t{byte} : code_page_437[byte - 0x80U];
}

}  // namespace kidney::fs::fat
