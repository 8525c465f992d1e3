/// What c_oflag does to bytes on their way to the device, and the column that tabs are counted
/// from.
#pragma once

#include "kidney/abi/termios.hpp"
#include "kidney/hal/character_sink.hpp"

#include <cstdint>

namespace kidney::proc {

namespace termios_output = abi::termios_output;

/// Bytes of a character that follow its first one, in UTF-8.
[[nodiscard]] constexpr bool is_utf8_continuation(std::uint8_t byte) noexcept {
    return (byte & 0xc0U) == 0x80;
}
[[nodiscard]] constexpr bool is_control(std::uint8_t byte) noexcept {
    return byte < 32 || byte == 127;
}

/// A pure engine: flags and sink are arguments. Follows what is sent, so that it knows where the
/// cursor is; somebody else's output on the same device confuses it, as on every terminal.
class OutputProcessor {
public:
    static constexpr std::uint32_t tab = 8;

    [[nodiscard]] std::uint32_t column() const noexcept { return column_; }

    /// A byte of a program, or of an echo. At most `tab` bytes come out.
    template <hal::CharacterSink Sink>
    void send(std::uint8_t byte, const abi::Termios& t, Sink& out) noexcept {
        if (has(t, termios_output::opost)) {
            cook(byte, t, out);
        } else {
            out.put(static_cast<char>(byte));
        }
    }
    /// One printed character that no flag applies to.
    template <hal::CharacterSink Sink>
    void put_printed(char c, Sink& out) noexcept {
        ++column_;
        out.put(c);
    }
    /// The cursor goes `cells` to the left; what stands there is wiped out if asked for.
    template <hal::CharacterSink Sink>
    void go_back(std::uint32_t cells, bool wipe, Sink& out) noexcept {
        for (; cells > 0; --cells) {
            hal::put_all(out, wipe ? "\b \b" : "\b");
            column_ -= column_ > 0 ? 1 : 0;
        }
    }

private:
    [[nodiscard]] static bool has(const abi::Termios& t, std::uint32_t flag) noexcept {
        return (t.oflag & flag) != 0;
    }

    template <hal::CharacterSink Sink>
    void cook(std::uint8_t byte, const abi::Termios& t, Sink& out) noexcept {
        if (byte == '\r') {
            if (has(t, termios_output::onocr) && column_ == 0) {
                return;
            }
            byte = has(t, termios_output::ocrnl) ? '\n' : '\r';
            column_ = byte == '\r' || has(t, termios_output::onlret) ? 0 : column_;
        } else if (byte == '\n') {
            if (has(t, termios_output::onlcr)) {
                out.put('\r');
            }
            column_ = has(t, termios_output::onlcr) || has(t, termios_output::onlret) ? 0 : column_;
        } else if (byte == '\t') {
            const std::uint32_t cells = tab - column_ % tab;
            column_ += cells;
            if ((t.oflag & termios_output::tabdly) == termios_output::xtabs) {
                for (std::uint32_t i = 0; i < cells; ++i) {
                    out.put(' ');
                }
                return;
            }
        } else if (byte == '\b') {
            column_ -= column_ > 0 ? 1 : 0;
        } else if (!is_control(byte)) {
            const bool utf8 = (t.iflag & abi::termios_input::iutf8) != 0;
            column_ += utf8 && is_utf8_continuation(byte) ? 0 : 1;
            if (has(t, termios_output::olcuc) && byte >= 'a' && byte <= 'z') {
                byte = static_cast<std::uint8_t>(byte - 'a' + 'A');
            }
        }
        out.put(static_cast<char>(byte));
    }

    std::uint32_t column_ = 0;
};

}  // namespace kidney::proc
