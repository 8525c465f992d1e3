/// What is below a terminal: a screen, a serial line, or a program that plays one.
#pragma once

#include <cstddef>
#include <string_view>

namespace kidney::proc {

/// Takes output that is already cooked. Any context, also with the terminal's spin lock held.
class TerminalDevice {
public:
    /// `capacity`: bytes that can wait to be sent, at most.
    explicit constexpr TerminalDevice(std::size_t capacity) noexcept : capacity_(capacity) {}
    TerminalDevice(const TerminalDevice&) = delete;
    TerminalDevice& operator=(const TerminalDevice&) = delete;

    /// Takes as much of the text as there is room for, and says how much.
    virtual std::size_t offer(std::string_view text) noexcept = 0;
    /// Bytes that it has taken and not sent.
    [[nodiscard]] virtual std::size_t waiting() noexcept = 0;
    /// Those of them that will go out by themselves: what tcdrain(3) waits for.
    [[nodiscard]] virtual std::size_t unsent() noexcept { return waiting(); }
    /// Forgets them (TCFLSH).
    virtual void drop_waiting() noexcept {}
    /// Somebody has read what was typed: there is room for more. Without the terminal's lock.
    virtual void input_taken() noexcept {}

    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

protected:
    ~TerminalDevice() = default;

private:
    const std::size_t capacity_;
};

}  // namespace kidney::proc
