/// A name that a program gives, as FAT understands it.
#pragma once

#include "fs/fat/text/letters.hpp"
#include "fs/fat/text/short_name.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kidney::fs::fat {

/// Without the dots at its end, which mean nothing here.
struct Name {
    WideName wide;

    /// To look for. Error: not_found (no name in this format can be like that).
    [[nodiscard]] Status find(std::string_view text) noexcept {
        while (!text.empty() && text.back() == '.') {
            text.remove_suffix(1);
        }
        return !text.empty() && widen(text, wide) ? Status() : Status(fail(Errc::not_found));
    }
    /// To make. Errors: invalid_argument (letters that are not allowed, no UTF-8), name_too_long,
    /// not_found (only dots).
    [[nodiscard]] Status make(std::string_view text) noexcept {
        while (!text.empty() && text.back() == '.') {
            text.remove_suffix(1);
        }
        if (text.empty()) {
            return fail(Errc::not_found);
        }
        TRY(widen(text, wide));
        constexpr std::u16string_view forbidden = u"*?<>|\":/\\";
        for (const char16_t unit : wide.view()) {
            if (unit < u' ' || forbidden.find(unit) != std::u16string_view::npos) {
                return fail(Errc::invalid_argument);
            }
        }
        return wide.view().back() == u' ' ? Status(fail(Errc::invalid_argument)) : Status();
    }
    /// Pieces of a long name.
    [[nodiscard]] std::uint32_t pieces() const noexcept {
        return static_cast<std::uint32_t>((wide.size + letters_per_piece - 1) / letters_per_piece);
    }
};

/// Piece `order` (from 1) of a long name.
[[nodiscard]] inline RawPiece make_piece(const WideName& name, std::size_t order,
                                         std::uint8_t checksum) noexcept {
    RawPiece piece{};
    const std::size_t begin = (order - 1) * letters_per_piece;
    const bool is_last = begin + letters_per_piece >= name.size;
    piece.order = static_cast<std::uint8_t>(order | (is_last ? piece_last : 0U));
    piece.attributes = attributes_piece;
    piece.kind = 0;
    piece.checksum = checksum;
    piece.cluster = 0;
    const auto unit = [&](std::size_t n) -> std::uint16_t {
        const std::size_t at = begin + n;
        return at < name.size ? name.units[at] : at == name.size ? 0 : 0xFFFF;
    };
    std::size_t n = 0;
    for (Le16& letter : piece.first) {
        letter = unit(n++);
    }
    for (Le16& letter : piece.second) {
        letter = unit(n++);
    }
    for (Le16& letter : piece.third) {
        letter = unit(n++);
    }
    return piece;
}

/// Puts the pieces of a long name together while a directory is read.
class LongNameReader {
public:
    void reset() noexcept { wanted_ = 0; }
    /// A piece, in the slot `slot` of the directory. What does not fit what came before is no part
    /// of a name.
    void take(const RawPiece& piece, std::uint32_t slot) noexcept {
        const std::uint32_t order = piece.order & ~unsigned{piece_last};
        if ((piece.order & piece_last) != 0) {
            name_.size = 0;
            start_slot_ = slot;
            checksum_ = piece.checksum;
            wanted_ = order <= most_pieces ? order : 0;
        }
        if (wanted_ == 0 || order != wanted_ || piece.checksum != checksum_) {
            wanted_ = 0;
            return;
        }
        put(piece, (order - 1) * letters_per_piece, (piece.order & piece_last) != 0);
        wanted_ = order == 1 ? complete : order - 1;
    }
    /// The long name of the entry that comes now, if it has one.
    [[nodiscard]] const WideName* finish(const ShortName& name) noexcept {
        const bool is_its = wanted_ == complete && checksum_of(name) == checksum_ && name_.size > 0;
        wanted_ = 0;
        return is_its ? &name_ : nullptr;
    }
    [[nodiscard]] std::uint32_t start_slot() const noexcept { return start_slot_; }

private:
    static constexpr std::uint32_t complete = ~0U;

    void put(const RawPiece& piece, std::size_t at, bool is_last) noexcept {
        std::array<char16_t, letters_per_piece> units;
        std::size_t n = 0;
        const auto append = [&](const auto& letters) {
            for (const std::uint16_t letter : letters) {
                units[n++] = letter;
            }
        };
        append(piece.first);
        append(piece.second);
        append(piece.third);
        const auto end = is_last ? std::ranges::find(units, u'\0') : units.end();
        const std::size_t room = name_.units.size() - at;
        const auto count = std::min(room, static_cast<std::size_t>(end - units.begin()));
        std::copy_n(units.begin(), count, name_.units.begin() + static_cast<std::ptrdiff_t>(at));
        if (is_last) {
            name_.size = at + count;
        }
    }

    WideName name_;
    std::uint32_t wanted_ = 0;  ///< the order of the next piece; 0: there is no name
    std::uint32_t start_slot_ = 0;
    std::uint8_t checksum_ = 0;
};

}  // namespace kidney::fs::fat
