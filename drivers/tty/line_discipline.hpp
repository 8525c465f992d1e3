/// The line discipline: what happens between the keys that are pressed and the bytes that read()
/// returns.
///
/// In canonical mode it collects and edits a line (ERASE, WERASE, KILL, EOF, LNEXT); in raw mode
/// bytes pass as they come. It echoes, turns INTR, QUIT and SUSP into signals, and cooks output
/// (ONLCR), which STOP and START halt and continue. A pure engine: received bytes and the echo sink
/// are arguments, signals and wake-ups are return values; the terminal (kernel/tty) locks it,
/// sleeps and sends. Interrupt handlers feed it.
#pragma once

#include "kidney/abi/signal.hpp"
#include "kidney/abi/termios.hpp"
#include "kidney/core/result.hpp"
#include "kidney/hal/character_sink.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::drivers {

namespace termios_local = abi::termios_local;

/// What one received byte means for the rest of the kernel.
struct InputEffect {
    std::uint32_t signal = 0;  ///< to the foreground process group; 0: none
    bool readable = false;     ///< readers may have something now
    bool resumed = false;      ///< stopped output may go on
};

class LineDiscipline {
public:
    static constexpr std::size_t capacity = 4096;  ///< bytes of input that are kept
    static constexpr std::uint8_t disabled_character = 0;

    [[nodiscard]] const abi::Termios& settings() const noexcept { return termios_; }
    /// TCSETS. Leaving canonical mode makes the unfinished line readable, as in Linux.
    void set_settings(const abi::Termios& t) noexcept {
        const bool was_canonical = is_canonical();
        termios_ = t;
        if (was_canonical && !is_canonical()) {
            committed_ = tail_;
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
        if (has_flow_control() && (is(byte, abi::vstart) || is(byte, abi::vstop))) {
            is_stopped_by_key_ = !is(byte, abi::vstart);
            return {.resumed = !is_stopped()};
        }
        if (has(termios_local::isig)) {
            if (const std::uint32_t signal = signal_of(byte); signal != 0) {
                return interrupt(byte, signal, echo);
            }
        }
        if (has(termios_local::icanon) && has(termios_local::iexten) && is(byte, abi::vlnext)) {
            literal_next_ = true;
            return {};
        }
        return is_canonical() ? receive_canonical(byte, echo) : accept(byte, echo);
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
    [[nodiscard]] std::size_t readable() const noexcept { return committed_ - head_; }

    /// Takes bytes out: in canonical mode at most one line. 0 bytes from can_read() = end of file.
    std::size_t read(std::span<std::byte> to) noexcept {
        std::size_t n = 0;
        while (n < to.size() && head_ != committed_) {
            const std::size_t at = head_ % capacity;
            if (is_canonical() && eof_mark(at)) {
                // ^D ends the read; it is itself not part of the data. If data came first, the
                // mark is consumed with it.
                set_eof_mark(at, false);
                ++head_;
                return n;
            }
            const auto byte = buffer_[at];
            ++head_;
            to[n++] = static_cast<std::byte>(byte);
            if (is_canonical() && is_line_end(byte)) {
                return n;
            }
        }
        // A full buffer right before an end-of-file mark: the mark belongs to this read too, or the
        // next read would report an end of file that nobody typed.
        if (is_canonical() && n != 0 && head_ != committed_ && eof_mark(head_ % capacity)) {
            set_eof_mark(head_ % capacity, false);
            ++head_;
        }
        return n;
    }

    /// TCFLSH. Output is never kept, so there is none to drop. Error: invalid_argument.
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
        head_ = committed_ = tail_;
        eof_marks_.fill(0);
    }

    /// Output of a program on its way to the device.
    template <hal::CharacterSink Sink>
    void send(std::uint8_t byte, Sink& out) noexcept {
        namespace flags = abi::termios_output;
        if ((termios_.oflag & flags::opost) != 0) {
            if (byte == '\n' && (termios_.oflag & flags::onlcr) != 0) {
                out.put('\r');
            } else if (byte == '\r' && (termios_.oflag & flags::ocrnl) != 0) {
                byte = '\n';
            }
        }
        out.put(static_cast<char>(byte));
    }

private:
    [[nodiscard]] bool has(std::uint32_t flag) const noexcept {
        return (termios_.lflag & flag) != 0;
    }
    [[nodiscard]] bool has_flow_control() const noexcept {
        return (termios_.iflag & abi::termios_input::ixon) != 0;
    }
    [[nodiscard]] bool is_canonical() const noexcept { return has(termios_local::icanon); }
    [[nodiscard]] bool is(std::uint8_t byte, abi::ControlCharacter which) const noexcept {
        return termios_.cc[which] != disabled_character && termios_.cc[which] == byte;
    }
    [[nodiscard]] bool is_line_end(std::uint8_t byte) const noexcept {
        return byte == '\n' || is(byte, abi::veol) || is(byte, abi::veol2);
    }

    /// c_iflag; false: the byte is dropped.
    [[nodiscard]] bool map_input(std::uint8_t& byte) const noexcept {
        namespace flags = abi::termios_input;
        if ((termios_.iflag & flags::istrip) != 0) {
            byte &= 0x7f;
        }
        if (byte == '\r') {
            if ((termios_.iflag & flags::igncr) != 0) {
                return false;
            }
            if ((termios_.iflag & flags::icrnl) != 0) {
                byte = '\n';
            }
        } else if (byte == '\n' && (termios_.iflag & flags::inlcr) != 0) {
            byte = '\r';
        }
        return true;
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
        echo_byte(byte, echo);
        if (has_flow_control()) {
            is_stopped_by_key_ = false;  // who interrupts wants to see what happens
        }
        return {.signal = signal, .resumed = !is_stopped()};
    }

    template <hal::CharacterSink Sink>
    InputEffect receive_canonical(std::uint8_t byte, Sink& echo) noexcept {
        if (is(byte, abi::verase)) {
            erase_character(echo);
            return {};
        }
        if (is(byte, abi::vkill)) {
            while (tail_ != committed_) {
                erase_character(echo);
            }
            return {};
        }
        if (has(termios_local::iexten) && is(byte, abi::vwerase)) {
            erase_word(echo);
            return {};
        }
        if (is(byte, abi::veof)) {
            if (push(byte)) {
                set_eof_mark((tail_ - 1) % capacity, true);
                committed_ = tail_;
            }
            return {.readable = true};
        }
        if (is_line_end(byte)) {
            if (!push(byte)) {
                return {};
            }
            committed_ = tail_;
            if (has(termios_local::echo) || (byte == '\n' && has(termios_local::echonl))) {
                send(byte, echo);
            }
            return {.readable = true};
        }
        return accept(byte, echo);
    }

    /// A byte that is data.
    template <hal::CharacterSink Sink>
    InputEffect accept(std::uint8_t byte, Sink& echo) noexcept {
        // Canonical mode keeps one place for the newline, so that a full line can be finished.
        const std::size_t room = capacity - (is_canonical() ? 1 : 0);
        if (tail_ - head_ >= room || !push(byte)) {
            return {};
        }
        if (has(termios_local::echo)) {
            echo_byte(byte, echo);
        }
        if (is_canonical()) {
            return {};
        }
        committed_ = tail_;
        // Readers know what they wait for, and whether time counts from now.
        return {.readable = true};
    }

    [[nodiscard]] bool push(std::uint8_t byte) noexcept {
        if (tail_ - head_ == capacity) {
            return false;
        }
        buffer_[tail_ % capacity] = byte;
        set_eof_mark(tail_ % capacity, false);
        ++tail_;
        return true;
    }

    [[nodiscard]] static bool is_control(std::uint8_t byte) noexcept {
        return (byte < 32 && byte != '\t' && byte != '\n') || byte == 127;
    }
    template <hal::CharacterSink Sink>
    void echo_byte(std::uint8_t byte, Sink& echo) noexcept {
        if (!has(termios_local::echo)) {
            return;
        }
        if (has(termios_local::echoctl) && is_control(byte)) {
            echo.put('^');
            echo.put(static_cast<char>(byte ^ 64U));
            return;
        }
        send(byte, echo);
    }

    /// Cells that a byte took on the screen when it was echoed.
    [[nodiscard]] std::size_t width_of(std::uint8_t byte) const noexcept {
        if (is_control(byte)) {
            return has(termios_local::echoctl) ? 2 : 0;
        }
        const bool continuation =
            (termios_.iflag & abi::termios_input::iutf8) != 0 && (byte & 0xc0U) == 0x80;
        return continuation ? 0 : 1;
    }

    template <hal::CharacterSink Sink>
    void erase_character(Sink& echo) noexcept {
        if (tail_ == committed_) {
            return;
        }
        std::size_t cells = 0;
        // One character: all bytes of a UTF-8 sequence when the terminal says it speaks that.
        do {
            --tail_;
            cells += width_of(buffer_[tail_ % capacity]);
        } while (tail_ != committed_ && (termios_.iflag & abi::termios_input::iutf8) != 0 &&
                 (buffer_[tail_ % capacity] & 0xc0U) == 0x80);
        if (has(termios_local::echo) && has(termios_local::echoe)) {
            for (; cells > 0; --cells) {
                hal::put_all(echo, "\b \b");
            }
        }
    }
    template <hal::CharacterSink Sink>
    void erase_word(Sink& echo) noexcept {
        const auto last_is_blank = [this] {
            const std::uint8_t byte = buffer_[(tail_ - 1) % capacity];
            return byte == ' ' || byte == '\t';
        };
        while (tail_ != committed_ && last_is_blank()) {
            erase_character(echo);
        }
        while (tail_ != committed_ && !last_is_blank()) {
            erase_character(echo);
        }
    }

    [[nodiscard]] bool eof_mark(std::size_t at) const noexcept {
        return (eof_marks_[at / 32] >> at % 32 & 1U) != 0;
    }
    void set_eof_mark(std::size_t at, bool on) noexcept {
        const std::uint32_t bit = 1U << at % 32;
        eof_marks_[at / 32] = on ? eof_marks_[at / 32] | bit : eof_marks_[at / 32] & ~bit;
    }

    abi::Termios termios_;
    // Ring positions only grow; [head_, committed_) may be read, [committed_, tail_) is the line
    // being edited.
    std::size_t head_ = 0, committed_ = 0, tail_ = 0;
    bool literal_next_ = false;
    bool is_stopped_by_key_ = false, is_stopped_by_program_ = false;
    std::array<std::uint8_t, capacity> buffer_{};
    std::array<std::uint32_t, capacity / 32> eof_marks_{};
};

}  // namespace kidney::drivers
