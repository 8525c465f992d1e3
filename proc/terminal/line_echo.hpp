/// What the user sees of the line that is typed: its characters, and how they go again.
#pragma once

#include "kidney/abi/termios.hpp"
#include "kidney/hal/character_sink.hpp"
#include "proc/terminal/input_buffer.hpp"
#include "proc/terminal/output_processor.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::proc {

namespace termios_local = abi::termios_local;

/// Does the byte belong to the character before it?
[[nodiscard]] constexpr bool continues_character(const abi::Termios& t,
                                                 std::uint8_t byte) noexcept {
    return (t.iflag & abi::termios_input::iutf8) != 0 && is_utf8_continuation(byte);
}

/// The screen's side of the line discipline. Settings, the line and the sink are arguments; whether
/// anything is echoed at all (ECHO) the caller has asked.
class LineEcho {
public:
    [[nodiscard]] OutputProcessor& output() noexcept { return output_; }

    /// The next character is the first of a line.
    void begin_line() noexcept { line_column_ = output_.column(); }
    /// Nothing of the line will be erased any more.
    void forget() noexcept { is_rubbing_out_ = false; }

    /// Control characters as ^X, if ECHOCTL says so.
    template <hal::CharacterSink Sink>
    void show(std::uint8_t byte, const abi::Termios& t, Sink& echo) noexcept {
        if (has(t, termios_local::echoctl) && is_control(byte) && byte != '\t') {
            output_.put_printed('^', echo);
            output_.put_printed(static_cast<char>(byte ^ 64U), echo);
            return;
        }
        output_.send(byte, t, echo);
    }

    /// The last character of the unfinished line, of `length` bytes, is about to go. ECHOPRT:
    /// printers show what goes between \ and /. ECHOE: screens wipe it out. Neither: `key`, which
    /// erases single characters, is echoed; 0: another one, which wipes as well.
    template <hal::CharacterSink Sink>
    void show_erased(std::size_t length, std::uint8_t key, const abi::Termios& t,
                     const InputBuffer& line, Sink& echo) noexcept {
        const std::size_t at = line.unfinished() - length;
        const std::uint8_t first = line.unfinished(at);
        if (has(t, termios_local::echoprt)) {
            if (!is_rubbing_out_) {
                output_.put_printed('\\', echo);
                is_rubbing_out_ = true;
            }
            show(first, t, echo);
            for (std::size_t i = at + 1; i < line.unfinished(); ++i) {
                echo.put(static_cast<char>(line.unfinished(i)));
            }
        } else if (!has(t, termios_local::echoe) && key != 0) {
            show(key, t, echo);
        } else if (first == '\t') {
            const std::uint32_t before = column_of(at, t, line);
            output_.go_back(OutputProcessor::tab - before % OutputProcessor::tab, false, echo);
        } else {
            output_.go_back(width_of(first, t), true, echo);
        }
    }
    template <hal::CharacterSink Sink>
    void end_rub_out(Sink& echo) noexcept {
        if (is_rubbing_out_) {
            output_.put_printed('/', echo);
            is_rubbing_out_ = false;
        }
    }
    /// The unfinished line again, on a fresh one.
    template <hal::CharacterSink Sink>
    void reprint(std::uint8_t key, const abi::Termios& t, const InputBuffer& line,
                 Sink& echo) noexcept {
        end_rub_out(echo);
        show(key, t, echo);
        output_.send('\n', t, echo);
        begin_line();
        for (std::size_t i = 0; i < line.unfinished(); ++i) {
            show(line.unfinished(i), t, echo);
        }
    }

private:
    [[nodiscard]] static bool has(const abi::Termios& t, std::uint32_t flag) noexcept {
        return (t.lflag & flag) != 0;
    }
    /// Cells that a byte took on the screen when it was echoed.
    [[nodiscard]] static std::uint32_t width_of(std::uint8_t byte, const abi::Termios& t) noexcept {
        if (is_control(byte)) {
            return has(t, termios_local::echoctl) ? 2 : 0;
        }
        return continues_character(t, byte) ? 0 : 1;
    }
    /// The column in which byte `end` of the unfinished line was echoed.
    [[nodiscard]] std::uint32_t column_of(std::size_t end, const abi::Termios& t,
                                          const InputBuffer& line) const noexcept {
        std::uint32_t column = line_column_;
        for (std::size_t i = 0; i < end; ++i) {
            const std::uint8_t byte = line.unfinished(i);
            column += byte == '\t' ? OutputProcessor::tab - column % OutputProcessor::tab
                                   : width_of(byte, t);
        }
        return column;
    }

    OutputProcessor output_;
    std::uint32_t line_column_ = 0;  ///< where the unfinished line's first character was echoed
    bool is_rubbing_out_ = false;    ///< ECHOPRT: between \ and /
};

}  // namespace kidney::proc
