/// Output of a serial line that nobody waits for: a queue that interrupts empty.
///
/// At 115200 baud a byte takes 87 us. Who writes 512 of them with put() alone holds the CPU for 44
/// ms; from a queue the transmitter takes 16 at each interrupt.
#pragma once

#include "drivers/serial/uart16550.hpp"
#include "kidney/hal/character_sink.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kidney::drivers {

/// The sending half of a UART. Two ways in: offer() for programs, which takes what there is room
/// for, and put() for the kernel, which loses nothing: when the queue is full it waits for the
/// transmitter, as it does all the time until use_interrupts(). Bytes leave in the order in which
/// they came in, whichever way. Concurrency: none, callers serialise; the interrupt handler calls
/// service() under the same lock.
template <hal::PortIo Io, std::size_t Capacity = 4096>
class SerialQueue {
public:
    explicit constexpr SerialQueue(Uart16550<Io> uart) noexcept : uart_(uart) {}

    /// False: there is no such port, and output goes nowhere.
    bool initialise() noexcept { return uart_.initialise(); }

    /// From now on the queue is used; interrupts for received bytes are on as well. What has been
    /// queued goes out by polling when `used` becomes false.
    void use_interrupts(bool used) noexcept {
        if (!used) {
            flush();
        }
        uses_interrupts_ = used;
        is_armed_ = false;
        uart_.set_interrupts(used, false);
    }

    void put(char c) noexcept {
        if (!uses_interrupts_ || !uart_.is_present()) {
            uart_.put(c);
            return;
        }
        if (size() == Capacity) {
            uart_.put(take());
        }
        push(c);
        service();
    }
    /// Takes the beginning of `text`, as much as there is room for, and says how much.
    std::size_t offer(std::string_view text) noexcept {
        if (!uses_interrupts_ || !uart_.is_present()) {
            hal::put_all(uart_, text);
            return text.size();
        }
        std::size_t taken = 0;
        // The transmitter may make room meanwhile.
        for (std::size_t room = Capacity - size(); room > 0 && taken < text.size();
             room = Capacity - size()) {
            const std::size_t n = std::min(room, text.size() - taken);
            for (const char c : text.substr(taken, n)) {
                push(c);
            }
            taken += n;
            service();
        }
        return taken;
    }
    /// Gives the transmitter what it takes; asks for an interrupt if something is left. True: there
    /// is more room now.
    bool service() noexcept {
        const std::size_t before = size();
        for (std::size_t n = 0; size() != 0; --n) {
            if (n == 0 && (n = uart_.ready()) == 0) {
                break;
            }
            uart_.send(take());
        }
        if (is_armed_ != (size() != 0)) {
            is_armed_ = !is_armed_;
            uart_.set_interrupts(true, is_armed_);
        }
        return size() != before;
    }
    /// Waits until everything is with the transmitter; as long as put() waits for each byte, at the
    /// most.
    void flush() noexcept {
        while (size() != 0) {
            uart_.put(take());
        }
    }
    /// As the UART's: whoever sends reads the line's status, and may be the one who sees a BREAK.
    [[nodiscard]] bool take_break() noexcept { return uart_.take_break(); }
    /// Bytes that wait.
    [[nodiscard]] std::size_t size() const noexcept { return tail_ - head_; }

private:
    void push(char c) noexcept { bytes_[tail_++ % Capacity] = c; }
    [[nodiscard]] char take() noexcept { return bytes_[head_++ % Capacity]; }

    Uart16550<Io> uart_;
    bool uses_interrupts_ = false;
    bool is_armed_ = false;            ///< an empty transmitter interrupts
    std::size_t head_ = 0, tail_ = 0;  // only grow
    std::array<char, Capacity> bytes_{};
};

}  // namespace kidney::drivers
