/// The line discipline: what happens between the keys that are pressed and the bytes that read()
/// returns.
///
/// In canonical mode it collects and edits a line (ERASE, WERASE, KILL, REPRINT, EOF, LNEXT); in
/// raw mode bytes pass as they come. It echoes, and turns INTR, QUIT and SUSP into signals. Output
/// is cooked by OutputProcessor; STOP and START halt and continue it. A pure engine: received bytes
/// and the echo sink are arguments, signals and wake-ups are return values; the terminal
/// (terminal.hpp) locks it, sleeps and sends. Interrupt handlers feed it.
#pragma once

#include "kidney/abi/signal.hpp"
#include "kidney/abi/termios.hpp"
#include "kidney/core/result.hpp"
#include "kidney/hal/character_sink.hpp"
#include "proc/terminal/input_buffer.hpp"
#include "proc/terminal/line_echo.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::proc {

namespace termios_input = abi::termios_input;
namespace termios_local = abi::termios_local;

/// What one received byte means for the rest of the kernel.
struct InputEffect {
    std::uint32_t signal = 0;  ///< to the foreground process group; 0: none
    bool readable = false;     ///< readers may have something now
    bool resumed = false;      ///< stopped output may go on
};

class LineDiscipline {
public:
    static constexpr std::size_t capacity = InputBuffer::capacity;
    static constexpr std::uint8_t disabled_character = 0;
    /// What one received byte can echo at the most, but for REPRINT: a tab's spaces, or its
    /// erasure.
    static constexpr std::size_t most_echo = 4 * OutputProcessor::tab;

    [[nodiscard]] const abi::Termios& settings() const noexcept { return termios_; }
    /// TCSETS. Leaving canonical mode makes the unfinished line readable, as in Linux.
    void set_settings(const abi::Termios& t) noexcept {
        const bool was_canonical = is_canonical();
        termios_ = t;
        if (was_canonical && !is_canonical()) {
            input_.commit();
        }
        if (!has_flow_control()) {
            is_stopped_by_key_ = false;
        }
    }
    /// Must programs' output wait? Echo never does. Ask again after an effect with `resumed`,
    /// set_settings() and set_flow().
    [[nodiscard]] bool is_stopped() const noexcept {
        return is_stopped_by_key_ || is_stopped_by_program_;
    }
    /// TCXONC. What a program has stopped no key starts. Asking the other side to stop is for
    /// lines slower than their readers: nothing happens. Error: invalid_argument.
    [[nodiscard]] Status set_flow(std::uint32_t action) noexcept {
        if (action > abi::send_start) {
            return fail(Errc::invalid_argument);
        }
        if (action == abi::output_off) {
            is_stopped_by_program_ = true;
        } else if (action == abi::output_on && is_stopped_by_program_) {
            is_stopped_by_program_ = is_stopped_by_key_ = false;
        }
        return {};
    }

    /// One byte from the device. Echo goes to `echo`.
    template <hal::CharacterSink Sink>
    InputEffect receive(std::uint8_t byte, Sink& echo) noexcept {
        if (literal_next_) {
            literal_next_ = false;
            return accept(byte, echo);
        }
        if (!map_input(byte)) {
            return {};
        }
        const bool resumed = starts_again(byte);
        if (has_flow_control() && (is(byte, abi::vstart) || is(byte, abi::vstop))) {
            is_stopped_by_key_ = !is(byte, abi::vstart);
            return {.resumed = !is_stopped()};
        }
        if (has(termios_local::isig)) {
            if (const std::uint32_t signal = signal_of(byte); signal != 0) {
                return interrupt(byte, signal, echo);
            }
        }
        InputEffect effect = is_canonical() ? receive_canonical(byte, echo) : accept(byte, echo);
        effect.resumed = resumed;
        return effect;
    }

    /// True if read() need not wait: a finished line or end of file; in raw mode VMIN bytes or as
    /// many as asked for. VMIN 0 waits for the first byte if VTIME says how long, else never.
    [[nodiscard]] bool can_read(std::size_t wanted = capacity) const noexcept {
        if (is_canonical()) {
            return readable() > 0;
        }
        const std::size_t minimum = termios_.cc[abi::vmin];
        if (minimum == 0) {
            return readable() > 0 || termios_.cc[abi::vtime] == 0;
        }
        return readable() >= std::min(minimum, wanted);
    }
    /// In tenths of a second, how long a read() that must wait does so now: for the first byte
    /// (VMIN 0), or behind each byte for the one that follows. 0: without limit.
    [[nodiscard]] std::uint32_t read_timeout() const noexcept {
        const bool runs = termios_.cc[abi::vmin] == 0 || readable() > 0;
        return !is_canonical() && runs ? termios_.cc[abi::vtime] : 0;
    }
    /// For poll, as in Linux: something to read, and VMIN bytes of it if no timer could end a read
    /// before they are there.
    [[nodiscard]] bool can_poll() const noexcept {
        const bool counts = !is_canonical() && termios_.cc[abi::vtime] == 0;
        const std::size_t minimum = counts ? termios_.cc[abi::vmin] : 1;
        return readable() >= std::max<std::size_t>(minimum, 1);
    }
    /// For FIONREAD; an end-of-file mark counts.
    [[nodiscard]] std::size_t readable() const noexcept { return input_.readable(); }

    /// What may be received now without being dropped for want of readers; 0: somebody must read
    /// first. A line that is too long is dropped all the same.
    [[nodiscard]] std::size_t room() const noexcept {
        constexpr std::size_t last = capacity - 1;  // a line's end
        return readable() == 0 ? last : last - std::min(last, input_.size());
    }

    /// Takes bytes out: in canonical mode at most one line. None from can_read() = end of file. A
    /// piece that has not `ended` goes on in the next call.
    InputBuffer::Piece read(std::span<std::byte> to) noexcept {
        if (!is_canonical()) {
            return input_.read_bytes(to);
        }
        return input_.read_line(to, [this](std::uint8_t byte) { return is_line_end(byte); });
    }

    /// TCFLSH. Output is never kept here, so there is none to drop. Error: invalid_argument.
    [[nodiscard]] Status flush(std::uint32_t queue) noexcept {
        if (queue > abi::flush_both) {
            return fail(Errc::invalid_argument);
        }
        if (queue != abi::flush_output) {
            flush_input();
        }
        return {};
    }
    /// TCSETSF and the signal keys: forgets input that nobody has read.
    void flush_input() noexcept {
        input_.clear();
        echo_.forget();
    }

    /// Output of a program on its way to the device.
    template <hal::CharacterSink Sink>
    void send(std::uint8_t byte, Sink& out) noexcept {
        echo_.output().send(byte, termios_, out);
    }

private:
    [[nodiscard]] bool has(std::uint32_t flag) const noexcept {
        return (termios_.lflag & flag) != 0;
    }
    [[nodiscard]] bool has_input(std::uint32_t flag) const noexcept {
        return (termios_.iflag & flag) != 0;
    }
    [[nodiscard]] bool has_flow_control() const noexcept { return has_input(termios_input::ixon); }
    [[nodiscard]] bool is_canonical() const noexcept { return has(termios_local::icanon); }
    [[nodiscard]] bool is(std::uint8_t byte, abi::ControlCharacter which) const noexcept {
        return termios_.cc[which] != disabled_character && termios_.cc[which] == byte;
    }
    [[nodiscard]] bool is_line_end(std::uint8_t byte) const noexcept {
        return byte == '\n' || is(byte, abi::veol) ||
               (has(termios_local::iexten) && is(byte, abi::veol2));
    }

    /// c_iflag; false: the byte is dropped.
    [[nodiscard]] bool map_input(std::uint8_t& byte) const noexcept {
        if (has_input(termios_input::istrip)) {
            byte &= 0x7f;
        }
        if (has_input(termios_input::iuclc) && has(termios_local::iexten) && byte >= 'A' &&
            byte <= 'Z') {
            byte = static_cast<std::uint8_t>(byte - 'A' + 'a');
        }
        if (byte == '\r') {
            if (has_input(termios_input::igncr)) {
                return false;
            }
            if (has_input(termios_input::icrnl)) {
                byte = '\n';
            }
        } else if (byte == '\n' && has_input(termios_input::inlcr)) {
            byte = '\r';
        }
        return true;
    }
    /// IXANY: any key but those with a meaning of their own lets stopped output go on.
    [[nodiscard]] bool starts_again(std::uint8_t byte) noexcept {
        if (!is_stopped_by_key_ || !has_input(termios_input::ixany) || is(byte, abi::vstop)) {
            return false;
        }
        is_stopped_by_key_ = false;
        return !is_stopped();
    }

    [[nodiscard]] std::uint32_t signal_of(std::uint8_t byte) const noexcept {
        if (is(byte, abi::vintr)) {
            return abi::sig_int;
        }
        if (is(byte, abi::vquit)) {
            return abi::sig_quit;
        }
        return is(byte, abi::vsusp) ? std::uint32_t{abi::sig_tstp} : 0;
    }

    template <hal::CharacterSink Sink>
    InputEffect interrupt(std::uint8_t byte, std::uint32_t signal, Sink& echo) noexcept {
        if (!has(termios_local::noflsh)) {
            flush_input();
        }
        if (has(termios_local::echo)) {
            echo_.show(byte, termios_, echo);
        }
        if (has_flow_control()) {
            is_stopped_by_key_ = false;  // who interrupts wants to see what happens
        }
        return {.signal = signal, .resumed = !is_stopped()};
    }

    template <hal::CharacterSink Sink>
    InputEffect receive_canonical(std::uint8_t byte, Sink& echo) noexcept {
        const bool is_extended = has(termios_local::iexten);
        if (is(byte, abi::verase) || is(byte, abi::vkill) ||
            (is_extended && is(byte, abi::vwerase))) {
            erase(byte, echo);
            return {};
        }
        if (is_extended && is(byte, abi::vlnext)) {
            literal_next_ = true;
            if (has(termios_local::echo)) {
                echo_.end_rub_out(echo);
                if (has(termios_local::echoctl)) {
                    hal::put_all(echo, "^\b");  // the character that comes takes its place
                }
            }
            return {};
        }
        if (is_extended && has(termios_local::echo) && is(byte, abi::vreprint)) {
            echo_.reprint(byte, termios_, input_, echo);
            return {};
        }
        if (is(byte, abi::veof)) {
            if (input_.push_end_of_file()) {
                input_.commit();
            }
            return {.readable = true};
        }
        return is_line_end(byte) ? finish_line(byte, echo) : accept(byte, echo);
    }
    template <hal::CharacterSink Sink>
    InputEffect finish_line(std::uint8_t byte, Sink& echo) noexcept {
        if (has(termios_local::echo)) {
            echo_.end_rub_out(echo);
        }
        if (!input_.push(byte)) {
            return {};
        }
        input_.commit();
        if (byte == '\n' && (has(termios_local::echo) || has(termios_local::echonl))) {
            send(byte, echo);
        } else if (has(termios_local::echo)) {
            echo_.show(byte, termios_, echo);
        }
        return {.readable = true};
    }

    /// A byte that is data.
    template <hal::CharacterSink Sink>
    InputEffect accept(std::uint8_t byte, Sink& echo) noexcept {
        // Canonical mode keeps one place for the newline, so that a full line can be finished.
        const std::size_t room = capacity - (is_canonical() ? 1 : 0);
        if (input_.size() >= room) {
            if (is_canonical() && has_input(termios_input::imaxbel)) {
                echo.put('\a');
            }
            return {};
        }
        if (has(termios_local::echo)) {
            echo_.end_rub_out(echo);
            if (input_.unfinished() == 0) {
                echo_.begin_line();
            }
            byte == '\n' ? send(byte, echo) : echo_.show(byte, termios_, echo);
        }
        static_cast<void>(input_.push(byte));
        if (is_canonical()) {
            return {};
        }
        input_.commit();
        // Readers know what they wait for, and whether time counts from now.
        return {.readable = true};
    }

    /// ERASE, WERASE or KILL.
    template <hal::CharacterSink Sink>
    void erase(std::uint8_t key, Sink& echo) noexcept {
        constexpr std::uint32_t kills_visibly =
            termios_local::echok | termios_local::echoke | termios_local::echoe;
        if (input_.unfinished() == 0) {
            return;
        }
        const bool kills = is(key, abi::vkill);
        if (kills && (termios_.lflag & kills_visibly) != kills_visibly) {
            input_.drop(input_.unfinished());
            if (has(termios_local::echo)) {
                echo_.end_rub_out(echo);
                echo_.show(key, termios_, echo);
                if (has(termios_local::echok)) {
                    send('\n', echo);
                }
            }
            return;
        }
        const bool takes_word = !kills && !is(key, abi::verase);
        bool is_in_word = false;
        while (input_.unfinished() != 0) {
            const std::size_t length = last_character();
            const std::uint8_t first = input_.unfinished(input_.unfinished() - length);
            if (takes_word && is_in_word && !is_word_character(first)) {
                break;
            }
            is_in_word = is_in_word || is_word_character(first);
            if (has(termios_local::echo)) {
                const std::uint8_t shown = is(key, abi::verase) ? key : std::uint8_t{0};
                echo_.show_erased(length, shown, termios_, input_, echo);
            }
            input_.drop(length);
            if (!kills && !takes_word) {
                break;
            }
        }
        if (input_.unfinished() == 0 && has(termios_local::echo)) {
            echo_.end_rub_out(echo);
        }
    }
    /// Bytes of the last character: all of a UTF-8 sequence when the terminal says it speaks that.
    [[nodiscard]] std::size_t last_character() const noexcept {
        std::size_t length = 1;
        while (length < input_.unfinished() &&
               continues_character(termios_, input_.unfinished(input_.unfinished() - length))) {
            ++length;
        }
        return length;
    }
    [[nodiscard]] static bool is_word_character(std::uint8_t byte) noexcept {
        return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
               (byte >= 'a' && byte <= 'z') || byte == '_' || byte >= 0x80;
    }
    abi::Termios termios_;
    InputBuffer input_;
    LineEcho echo_;
    bool literal_next_ = false;
    bool is_stopped_by_key_ = false, is_stopped_by_program_ = false;
};

}  // namespace kidney::proc
