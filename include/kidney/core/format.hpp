/// Text formatting for logs, panics and /proc: checked at compile time, no heap, no exceptions.
///
///     format_to(sink, "mapped {} at {:x}\n", pages, address);
///
/// `{}` prints integers, bool, char, strings, pointers, the address types and `Errc`. `{:x}` prints
/// hex,
/// `{:8}` right-aligns to a width, `{:08x}` pads with zeros, `{:<8}` left-aligns. `{{` and `}}` are
/// braces. A wrong number of arguments or an unknown specification does not compile.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/cpu_id.hpp"
#include "kidney/core/result.hpp"
#include "kidney/core/time.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace kidney {

/// Where text goes. Law: pieces arrive in order, and nothing is kept after the call.
template <class S>
concept TextSink = requires(S& sink, std::string_view text) {
    { sink.write(text) } noexcept -> std::same_as<void>;
};

/// One argument, reduced to a few shapes so that the formatter is one function, not one per call.
struct FormatArgument {
    enum class Kind : std::uint8_t { unsigned_integer, signed_integer, character, text, pointer };
    Kind kind = Kind::unsigned_integer;
    std::uint64_t number = 0;
    std::string_view text;

    constexpr FormatArgument(bool b) noexcept : kind(Kind::text), text(b ? "true" : "false") {}
    constexpr FormatArgument(char c) noexcept
        : kind(Kind::character), number(static_cast<unsigned char>(c)) {}
    template <std::unsigned_integral T>
    constexpr FormatArgument(T v) noexcept : number(v) {}
    template <std::signed_integral T>
    constexpr FormatArgument(T v) noexcept
        : kind(Kind::signed_integer), number(static_cast<std::uint64_t>(std::int64_t{v})) {}
    constexpr FormatArgument(std::string_view s) noexcept : kind(Kind::text), text(s) {}
    constexpr FormatArgument(const char* s) noexcept
        : kind(Kind::text), text(s == nullptr ? std::string_view("(null)") : std::string_view(s)) {}
    FormatArgument(const void* p) noexcept
        : kind(Kind::pointer), number(reinterpret_cast<std::uintptr_t>(p)) {}
    template <class Tag>
    constexpr FormatArgument(Address<Tag> a) noexcept : kind(Kind::pointer), number(a.value()) {}
    constexpr FormatArgument(FrameNumber f) noexcept : number(f.value()) {}
    constexpr FormatArgument(CpuId c) noexcept : number(c.value()) {}
    constexpr FormatArgument(Errc e) noexcept : kind(Kind::text), text(to_string(e)) {}
    constexpr FormatArgument(Duration d) noexcept
        : kind(Kind::signed_integer), number(static_cast<std::uint64_t>(d.count())) {}
    constexpr FormatArgument(Instant t) noexcept : number(t.nanoseconds()) {}
};

namespace detail {

/// `{[:][<][0][width][x]}`, already parsed.
struct FormatSpec {
    bool left = false;
    bool zero = false;
    bool hex = false;
    std::uint8_t width = 0;
};

/// Parses the text between the braces. Returns false for anything that this file does not promise.
constexpr bool parse_spec(std::string_view body, FormatSpec& spec) noexcept {
    if (body.empty()) {
        return true;
    }
    if (body.front() != ':') {
        return false;
    }
    std::size_t i = 1;
    if (i < body.size() && body[i] == '<') {
        spec.left = true;
        ++i;
    }
    if (i < body.size() && body[i] == '0') {
        spec.zero = true;
        ++i;
    }
    while (i < body.size() && body[i] >= '0' && body[i] <= '9') {
        spec.width = static_cast<std::uint8_t>(spec.width * 10 + (body[i] - '0'));
        ++i;
    }
    if (i < body.size() && body[i] == 'x') {
        spec.hex = true;
        ++i;
    }
    return i == body.size();
}

/// Next piece of a format string: literal text, then perhaps a field.
struct FormatPiece {
    std::string_view literal;
    bool has_field = false;
    bool valid = true;
    FormatSpec spec;
};

constexpr FormatPiece next_piece(std::string_view& rest) noexcept {
    FormatPiece piece;
    for (std::size_t i = 0; i < rest.size(); ++i) {
        if (rest[i] != '{' && rest[i] != '}') {
            continue;
        }
        if (i + 1 < rest.size() &&
            rest[i + 1] == rest[i]) {  // an escaped brace: print one of the two
            piece.literal = std::string_view(rest.data(), i + 1);
            rest.remove_prefix(i + 2);
            return piece;
        }
        const std::size_t close = rest.find('}', i);
        if (rest[i] == '}' || close == std::string_view::npos) {
            piece.valid = false;
            rest = {};
            return piece;
        }
        piece.literal = std::string_view(rest.data(), i);
        piece.has_field = true;
        piece.valid = parse_spec(std::string_view(rest.data() + i + 1, close - i - 1), piece.spec);
        rest.remove_prefix(close + 1);
        return piece;
    }
    piece.literal = rest;
    rest = {};
    return piece;
}

// Not constexpr: reaching one in the consteval constructor below is the compile error, and its name
// is the message.
void malformed_format_string();
void number_of_fields_differs_from_number_of_arguments();

}  // namespace detail

/// A format string that fits its arguments, or a compile error naming this constructor.
template <class... Args>
class FormatString {
public:
    template <std::size_t N>
    consteval FormatString(const char (&text)[N]) : text_(text, N - 1) {
        std::string_view rest = text_;
        std::size_t fields = 0;
        while (!rest.empty()) {
            const detail::FormatPiece piece = detail::next_piece(rest);
            if (!piece.valid) {
                detail::malformed_format_string();
            }
            fields += piece.has_field ? 1 : 0;
        }
        if (fields != sizeof...(Args)) {
            detail::number_of_fields_differs_from_number_of_arguments();
        }
    }
    [[nodiscard]] constexpr std::string_view text() const noexcept { return text_; }

private:
    std::string_view text_;
};

namespace detail {

template <TextSink S>
void write_padding(S& sink, char fill, std::size_t count) noexcept {
    for (; count > 0; --count) {
        sink.write(std::string_view(&fill, 1));
    }
}

template <TextSink S>
void write_argument(S& sink, const FormatArgument& argument, const FormatSpec& spec) noexcept {
    using Kind = FormatArgument::Kind;
    std::array<char, 24> digits{};
    std::size_t at = digits.size();
    std::string_view body = argument.text;
    bool negative = false;
    if (argument.kind == Kind::character) {
        digits[--at] = static_cast<char>(argument.number);
        body = std::string_view(&digits[at], 1);
    } else if (argument.kind != Kind::text) {
        std::uint64_t n = argument.number;
        negative = argument.kind == Kind::signed_integer && static_cast<std::int64_t>(n) < 0;
        if (negative) {
            n = 0 - n;
        }
        const bool hex = spec.hex || argument.kind == Kind::pointer;
        do {
            const auto digit = static_cast<unsigned>(hex ? n & 15U : n % 10U);
            digits[--at] = static_cast<char>(digit < 10 ? '0' + digit : 'a' + digit - 10);
            n = hex ? n >> 4 : n / 10;
        } while (n != 0);
        if (argument.kind == Kind::pointer && !spec.hex) {
            while (at > digits.size() - 8) {
                digits[--at] = '0';
            }
            digits[--at] = 'x';
            digits[--at] = '0';
        }
        body = std::string_view(&digits[at], digits.size() - at);
    }
    const std::size_t length = body.size() + (negative ? 1 : 0);
    const std::size_t padding = spec.width > length ? spec.width - length : 0;
    if (!spec.left && !spec.zero) {
        write_padding(sink, ' ', padding);
    }
    if (negative) {
        sink.write("-");
    }
    if (!spec.left && spec.zero) {
        write_padding(sink, '0', padding);
    }
    sink.write(body);
    if (spec.left) {
        write_padding(sink, ' ', padding);
    }
}

template <TextSink S>
void format_pieces(S& sink, std::string_view text,
                   std::span<const FormatArgument> arguments) noexcept {
    std::size_t next = 0;
    while (!text.empty()) {
        const FormatPiece piece = next_piece(text);
        sink.write(piece.literal);
        if (piece.has_field) {
            write_argument(sink, arguments[next++], piece.spec);
        }
    }
}

}  // namespace detail

template <TextSink S, class... Args>
void format_to(S& sink, FormatString<std::type_identity_t<Args>...> text,
               const Args&... arguments) noexcept {
    if constexpr (sizeof...(Args) == 0) {
        detail::format_pieces(sink, text.text(), {});
    } else {
        const FormatArgument list[] = {FormatArgument(arguments)...};
        detail::format_pieces(sink, text.text(), list);
    }
}

/// A sink into a fixed buffer; what does not fit is dropped and `truncated()` says so.
template <std::size_t N>
class TextBuffer {
public:
    void write(std::string_view text) noexcept {
        for (const char c : text) {
            if (size_ == N) {
                truncated_ = true;
                return;
            }
            data_[size_++] = c;
        }
    }
    [[nodiscard]] std::string_view view() const noexcept { return {data_.data(), size_}; }
    [[nodiscard]] bool truncated() const noexcept { return truncated_; }
    void clear() noexcept { size_ = 0; }

private:
    std::array<char, N> data_;
    std::size_t size_ = 0;
    bool truncated_ = false;
};

}  // namespace kidney
