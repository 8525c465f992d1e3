/// Short names, 8 letters and 3: what is in an entry itself.
#pragma once

#include "fs/fat/format.hpp"
#include "fs/fat/text/letters.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace kidney::fs::fat {

using ShortName = std::array<std::byte, 11>;
inline constexpr std::size_t base_letters = 8;

/// What the pieces of a long name carry, so that they are known to belong to this short one.
[[nodiscard]] constexpr std::uint8_t checksum_of(const ShortName& name) noexcept {
    std::uint8_t sum = 0;
    for (const std::byte letter : name) {
        sum = static_cast<std::uint8_t>((sum >> 1 | sum << 7) + std::to_integer<unsigned>(letter));
    }
    return sum;
}

/// How it is shown: with a dot, and in small letters where the bits say so.
constexpr void show(const ShortName& name, std::uint8_t letters, WideName& to) noexcept {
    to.size = 0;
    const auto put = [&](std::size_t begin, std::size_t end, bool is_small) {
        while (end > begin && name[end - 1] == std::byte{' '}) {
            --end;
        }
        for (std::size_t n = begin; n < end; ++n) {
            auto byte = std::to_integer<std::uint8_t>(name[n]);
            byte = n == 0 && byte == letter_of_e5 ? std::uint8_t{0xE5} : byte;
            char16_t unit = letter_of_code_page(byte);
            if (is_small && unit >= u'A' && unit <= u'Z') {
                unit = static_cast<char16_t>(unit + 0x20);
            }
            static_cast<void>(to.push(unit));
        }
    };
    put(0, base_letters, (letters & small_base) != 0);
    if (name[base_letters] != std::byte{' '}) {
        static_cast<void>(to.push(u'.'));
        put(base_letters, name.size(), (letters & small_extension) != 0);
    }
}

/// A letter that a short name may have as it is; of small ones, their capital.
[[nodiscard]] constexpr bool is_short_letter(char16_t unit) noexcept {
    constexpr std::u16string_view others = u"$%'-_@~`!(){}^#&";
    return (unit >= u'A' && unit <= u'Z') || (unit >= u'0' && unit <= u'9') ||
           others.find(unit) != std::u16string_view::npos;
}

/// What a new name becomes as a short one.
struct ShortForm {
    ShortName name{};
    std::uint8_t letters = 0;  ///< RawEntry::letters
    bool is_exact = true;      ///< it says all that the name says: no long name is needed
    std::size_t base = 0;      ///< letters in front of the blanks
};

/// The first 8 letters in front of the last dot, and the first 3 behind it. Not exact means: it
/// needs a long name beside it, and a number at its end (with_tail()).
[[nodiscard]] constexpr ShortForm shorten(std::span<const char16_t> name) noexcept {
    ShortForm form;
    form.name.fill(std::byte{' '});
    std::size_t dot = name.size();
    for (std::size_t n = name.size(); n-- > 1;) {
        if (name[n] == u'.') {
            dot = n;
            break;
        }
    }
    // Blanks and dots in front are no part of it.
    const auto fill = [&](std::span<const char16_t> from, std::size_t begin, std::size_t room,
                          std::uint8_t small_bit) {
        std::size_t count = 0;
        bool has_small = false, has_capital = false;
        for (const char16_t unit : from) {
            if (unit == u'.' || unit == u' ') {
                form.is_exact = false;
                continue;
            }
            if (count == room) {
                form.is_exact = false;
                break;
            }
            const bool is_small = unit >= u'a' && unit <= u'z';
            const auto letter = is_small ? static_cast<char16_t>(unit - 0x20) : unit;
            has_small = has_small || is_small;
            has_capital = has_capital || (unit >= u'A' && unit <= u'Z');
            form.is_exact = form.is_exact && is_short_letter(letter);
            form.name[begin + count++] =
                static_cast<std::byte>(is_short_letter(letter) ? letter : u'_');
        }
        form.is_exact = form.is_exact && !(has_small && has_capital);
        form.letters |= has_small ? small_bit : std::uint8_t{0};
        return count;
    };
    form.base = fill(name.first(dot), 0, base_letters, small_base);
    if (dot < name.size()) {
        const std::size_t count = fill(name.subspan(dot + 1), base_letters,
                                       form.name.size() - base_letters, small_extension);
        form.is_exact = form.is_exact && count > 0;
    }
    if (form.base == 0) {
        form.is_exact = false;
        form.name[0] = std::byte{'_'};
        form.base = 1;
    }
    if (!form.is_exact) {
        form.letters = 0;
    }
    return form;
}

/// The form with "~number" at the end of its base.
[[nodiscard]] constexpr ShortName with_tail(const ShortForm& form, std::uint32_t number) noexcept {
    std::array<char, base_letters> digits{};
    std::size_t count = 0;
    do {
        digits[count++] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    ShortName name = form.name;
    std::size_t at = std::min(form.base, base_letters - 1 - count);
    name[at++] = std::byte{'~'};
    while (count > 0) {
        name[at++] = static_cast<std::byte>(digits[--count]);
    }
    std::fill(name.begin() + static_cast<std::ptrdiff_t>(at), name.begin() + base_letters,
              std::byte{' '});
    return name;
}
/// The number in `name` if it is the form with a tail.
[[nodiscard]] constexpr std::optional<std::uint32_t> tail_in(const ShortForm& form,
                                                             const ShortName& name) noexcept {
    std::size_t end = base_letters;
    while (end > 0 && name[end - 1] == std::byte{' '}) {
        --end;
    }
    std::uint32_t number = 0;
    std::uint32_t place = 1;
    for (std::size_t n = end; n-- > 1;) {
        const auto letter = std::to_integer<unsigned>(name[n]);
        if (letter == '~') {
            return place > 1 && with_tail(form, number) == name ? std::optional(number)
                                                                : std::nullopt;
        }
        if (letter < '0' || letter > '9' || end - n > 6) {
            break;
        }
        number += (letter - '0') * place;
        place *= 10;
    }
    return std::nullopt;
}

}  // namespace kidney::fs::fat
