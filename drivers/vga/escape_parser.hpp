/// Takes terminal output apart: characters, and the escape sequences of ECMA-48 and the VT100.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::drivers {

/// ESC [ ? 1 ; 2 h: the final byte, its parameters, and whether it is one of DEC's ("?").
struct ControlSequence {
    static constexpr std::size_t most = 16;
    std::array<std::uint16_t, most> parameters{};
    std::size_t count = 0;  ///< at least 1
    char final = 0;
    bool is_private = false;

    /// Parameter `i`; absent or 0: `otherwise`.
    [[nodiscard]] constexpr std::uint32_t at(std::size_t i,
                                             std::uint32_t otherwise = 1) const noexcept {
        return i < count && parameters[i] != 0 ? parameters[i] : otherwise;
    }
};

/// What a byte completed.
enum class Token : std::uint8_t {
    none,       ///< it is part of a sequence that goes on, or of one that nobody wants
    character,  ///< the byte itself: a character or a control character
    escape,     ///< ESC and this byte
    control,    ///< a ControlSequence: see sequence()
};

/// A pure engine. Sequences that it does not know are passed over whole. CAN and SUB break one off,
/// ESC begins another; other control characters count in the middle of one, too, as in a VT100.
class EscapeParser {
public:
    [[nodiscard]] Token take(char c) noexcept {
        const auto byte = static_cast<std::uint8_t>(c);
        if (state_ == State::string) {
            return take_of_string(byte);
        }
        if (byte == escape || byte == cancel || byte == substitute) {
            state_ = byte == escape ? State::escape : State::text;
            return Token::none;
        }
        if (byte < ' ') {
            return Token::character;
        }
        switch (state_) {
            case State::text:
                return Token::character;
            case State::escape:
                return begin(c);
            case State::skip_one:
                state_ = State::text;
                return Token::none;
            case State::palette:
                state_ = --left_ == 0 ? State::text : State::palette;
                return Token::none;
            case State::control:
            case State::string:
                break;
        }
        return take_of_control(c);
    }
    [[nodiscard]] const ControlSequence& sequence() const noexcept { return sequence_; }

private:
    static constexpr std::uint8_t escape = 0x1B, cancel = 0x18, substitute = 0x1A, bell = 0x07;

    enum class State : std::uint8_t {
        text,
        escape,    ///< behind ESC
        control,   ///< behind ESC [
        skip_one,  ///< behind ESC ( and its like: one byte that names a character set
        string,    ///< behind ESC ]: up to BEL or ESC \ .
        palette,   ///< behind ESC ] P: seven digits, a sequence of Linux's own
    };

    Token begin(char c) noexcept {
        switch (c) {
            case '[':
                sequence_ = {.count = 1};
                state_ = State::control;
                return Token::none;
            case ']':
            case 'P':
            case '^':
            case '_':
                state_ = State::string;
                is_first_ = c == ']';
                return Token::none;
            case '(':
            case ')':
            case '#':
            case '%':
                state_ = State::skip_one;
                return Token::none;
            default:
                state_ = State::text;
                return Token::escape;
        }
    }
    Token take_of_control(char c) noexcept {
        if (c >= '0' && c <= '9') {
            std::uint16_t& value = sequence_.parameters[sequence_.count - 1];
            constexpr std::uint32_t largest = 9999;
            const std::uint32_t next = value * 10U + static_cast<std::uint32_t>(c - '0');
            value = static_cast<std::uint16_t>(next < largest ? next : largest);
        } else if (c == ';' || c == ':') {
            // The last parameter takes what does not fit: better than to run over.
            if (sequence_.count < ControlSequence::most) {
                ++sequence_.count;
            }
            sequence_.parameters[sequence_.count - 1] = 0;
        } else if (c == '?') {
            sequence_.is_private = true;
        } else if (c >= '@' && c <= '~') {
            sequence_.final = c;
            state_ = State::text;
            return Token::control;
        }
        return Token::none;
    }
    Token take_of_string(std::uint8_t byte) noexcept {
        const bool is_first = is_first_;
        is_first_ = false;
        if (is_first && byte == 'P') {
            state_ = State::palette;
            left_ = 7;
        } else if (byte == bell || byte == cancel || byte == substitute ||
                   (is_first && byte == 'R')) {
            state_ = State::text;
        } else if (byte == escape) {
            state_ = State::skip_one;  // the \ of ESC \ .
        }
        return Token::none;
    }

    State state_ = State::text;
    bool is_first_ = false;  ///< the next byte is the first of a string
    std::uint8_t left_ = 0;
    ControlSequence sequence_;
};

}  // namespace kidney::drivers
