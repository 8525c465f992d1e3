/// From keyboard scan codes (set 1, as the i8042 delivers them) to what a terminal sends.
///
/// A pure state machine: one byte in, a few characters out. Keys without a character give the
/// escape sequences that `TERM=linux` promises. US layout. A key pressed while Alt and SysRq (Print
/// Screen) are held types nothing: it is a magic key, for the kernel itself. Nor does a function
/// key while Alt is held: it asks for another screen.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace kidney::drivers {

namespace scancode {
inline constexpr std::uint8_t released = 0x80;
inline constexpr std::uint8_t extended_prefix = 0xE0;
inline constexpr std::uint8_t pause_prefix = 0xE1;

enum Key : std::uint8_t {
    keypad_enter = 0x1C,
    left_control = 0x1D,
    left_shift = 0x2A,
    keypad_divide = 0x35,
    right_shift = 0x36,
    left_alt = 0x38,
    print_screen = 0x37,  // extended; without that, the keypad's star
    caps_lock = 0x3A,
    f1 = 0x3B,
    f10 = 0x44,
    home = 0x47,
    up = 0x48,
    page_up = 0x49,
    left = 0x4B,
    right = 0x4D,
    end = 0x4F,
    down = 0x50,
    page_down = 0x51,
    insert = 0x52,
    delete_ = 0x53,
    system_request = 0x54,  // Print Screen while Alt is held
    f11 = 0x57,
    f12 = 0x58,
};

// Index: scan code. '\0': types nothing by itself.
inline constexpr std::string_view plain{
    "\0\x1b"
    "1234567890-=\x7f\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 "
    "\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "789-456+1230.\0\0<",
    0x57};
inline constexpr std::string_view shifted{
    "\0\x1b"
    "!@#$%^&*()_+\x7f\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 "
    "\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "789-456+1230.\0\0>",
    0x57};
static_assert(plain[0x1E] == 'a' && plain[0x39] == ' ' && plain[home] == '7' && plain[0x56] == '<');
static_assert(shifted[0x1E] == 'A' && shifted[0x28] == '"' && shifted[0x56] == '>');
}  // namespace scancode

/// Remembers the modifiers and whether the next byte belongs to an extended key.
class ScancodeDecoder {
public:
    /// What the key that this byte completes types: mostly one character; empty for releases and
    /// modifiers. Good until the next call.
    [[nodiscard]] constexpr std::string_view feed(std::uint8_t code) noexcept {
        if (skip_ > 0) {
            --skip_;
            return {};
        }
        if (code == scancode::extended_prefix) {
            extended_ = true;
            return {};
        }
        if (code == scancode::pause_prefix) {
            skip_ = 5;  // the rest of Pause, which has no release: E1 1D 45 E1 9D C5
            return {};
        }
        const bool extended = extended_;
        extended_ = false;
        const bool pressed = (code & scancode::released) == 0;
        const auto key = static_cast<std::uint8_t>(code & ~scancode::released);
        if (set_modifier(key, extended, pressed) || !pressed) {
            return {};
        }
        if (is_magic_) {
            magic_key_ = !extended && key < scancode::plain.size() ? scancode::plain[key] : '\0';
            return {};
        }
        return extended ? extended_key(key) : plain_key(key);
    }
    /// The magic key that feed() has seen; '\0': none since this was last asked.
    [[nodiscard]] constexpr char take_magic_key() noexcept {
        const char key = magic_key_;
        magic_key_ = '\0';
        return key;
    }
    /// Which screen was asked for, from 1; 0: none since this was last asked.
    [[nodiscard]] constexpr std::uint8_t take_screen_key() noexcept {
        return std::exchange(screen_key_, std::uint8_t{0});
    }
    [[nodiscard]] constexpr bool is_caps_locked() const noexcept { return caps_lock_; }

private:
    constexpr bool set_modifier(std::uint8_t key, bool extended, bool pressed) noexcept {
        switch (key) {
            case scancode::left_shift:
            case scancode::right_shift:
                if (!extended) {  // E0 2A is sent around some extended keys and means nothing
                    (key == scancode::left_shift ? left_shift_ : right_shift_) = pressed;
                }
                return true;
            case scancode::left_control:
                (extended ? right_control_ : left_control_) = pressed;
                return true;
            case scancode::left_alt:
                (extended ? right_alt_ : left_alt_) = pressed;
                is_magic_ = is_magic_ && (left_alt_ || right_alt_);
                return true;
            case scancode::print_screen:
                if (!extended) {
                    return false;
                }
                [[fallthrough]];
            case scancode::system_request:
                // Not when it is released: Alt alone holds it, as some keyboards cannot say three.
                is_magic_ = is_magic_ || (pressed && (left_alt_ || right_alt_));
                return true;
            case scancode::caps_lock:
                caps_lock_ = caps_lock_ != (pressed && !caps_lock_held_);
                caps_lock_held_ = pressed;  // a key that is held repeats, this one as well
                return true;
            default:
                return false;
        }
    }

    /// Of a function key, from 1; 0: it is none.
    [[nodiscard]] static constexpr std::uint8_t function_number(std::uint8_t key) noexcept {
        if (key >= scancode::f1 && key <= scancode::f10) {
            return static_cast<std::uint8_t>(key - scancode::f1 + 1);
        }
        return key == scancode::f11 ? 11 : key == scancode::f12 ? 12 : 0;
    }
    constexpr std::string_view plain_key(std::uint8_t key) noexcept {
        if (const std::uint8_t number = function_number(key);
            number != 0 && (left_alt_ || right_alt_)) {
            screen_key_ = number;
            return {};
        }
        if (key >= scancode::f1 && key <= scancode::f10) {
            constexpr std::array<std::string_view, 10> names{
                "\x1b[[A",  "\x1b[[B",  "\x1b[[C",  "\x1b[[D",  "\x1b[[E",
                "\x1b[17~", "\x1b[18~", "\x1b[19~", "\x1b[20~", "\x1b[21~"};
            return names[key - scancode::f1];
        }
        if (key == scancode::f11 || key == scancode::f12) {
            return key == scancode::f11 ? "\x1b[23~" : "\x1b[24~";
        }
        if (key >= scancode::plain.size()) {
            return {};
        }
        const bool shift = left_shift_ || right_shift_;
        const char plain = scancode::plain[key];
        const bool is_letter = plain >= 'a' && plain <= 'z';
        const bool use_shifted = is_letter ? shift != caps_lock_ : shift;
        return plain == 0 ? std::string_view{}
                          : with_modifiers(use_shifted ? scancode::shifted[key] : plain);
    }

    constexpr std::string_view extended_key(std::uint8_t key) noexcept {
        switch (key) {
            case scancode::keypad_enter:
                return with_modifiers('\r');
            case scancode::keypad_divide:
                return with_modifiers('/');
            case scancode::up:
                return "\x1b[A";
            case scancode::down:
                return "\x1b[B";
            case scancode::right:
                return "\x1b[C";
            case scancode::left:
                return "\x1b[D";
            case scancode::home:
                return "\x1b[1~";
            case scancode::insert:
                return "\x1b[2~";
            case scancode::delete_:
                return "\x1b[3~";
            case scancode::end:
                return "\x1b[4~";
            case scancode::page_up:
                return "\x1b[5~";
            case scancode::page_down:
                return "\x1b[6~";
            default:
                return {};
        }
    }

    /// Control keeps the low five bits of a letter or of @[\]^_; Alt puts an escape in front.
    constexpr std::string_view with_modifiers(char c) noexcept {
        if (left_control_ || right_control_) {
            const bool is_letter_row = (c >= '@' && c <= '_') || (c >= 'a' && c <= 'z') || c == ' ';
            if (is_letter_row) {
                c = static_cast<char>(c & 0x1f);
            } else if (c == '/') {  // what other terminals send for Ctrl-/
                c = '_' & 0x1f;
            }
        }
        output_ = {'\x1b', c};
        const std::string_view with_escape(output_.data(), output_.size());
        return left_alt_ || right_alt_ ? with_escape : std::string_view(output_.data() + 1, 1);
    }

    std::array<char, 2> output_{};
    std::uint8_t skip_ = 0;  ///< bytes to ignore
    bool extended_ = false;
    bool left_shift_ = false;
    bool right_shift_ = false;
    bool left_control_ = false;
    bool right_control_ = false;
    bool left_alt_ = false;
    bool right_alt_ = false;
    bool caps_lock_ = false;
    bool caps_lock_held_ = false;
    bool is_magic_ = false;  ///< SysRq was pressed while Alt is held
    char magic_key_ = '\0';
    std::uint8_t screen_key_ = 0;
};

}  // namespace kidney::drivers
