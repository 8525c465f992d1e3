/// The keyboard behind a PC's i8042 controller; interrupts on line 1.
#pragma once

#include "drivers/keyboard/input_queue.hpp"
#include "drivers/keyboard/scancodes.hpp"
#include "kidney/hal/port_io.hpp"
#include "kidney/hal/register.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace kidney::drivers {

namespace i8042 {
struct Status : hal::Register<Status, std::uint8_t> {
    using OutputFull = hal::Field<Status, 0, 0, bool>;  // a byte for us
    using InputFull = hal::Field<Status, 1, 1, bool>;   // our last byte is not taken yet
    using FromMouse = hal::Field<Status, 5, 5, bool>;
};
struct Byte : hal::Register<Byte, std::uint8_t> {};
using DataPort = hal::At<Byte, 0, hal::ReadWrite>;
using StatusPort = hal::At<Status, 4, hal::ReadOnly>;
using CommandPort = hal::At<Byte, 4, hal::WriteOnly>;
inline constexpr std::uint16_t base = 0x60;
inline constexpr std::uint8_t line = 1;
}  // namespace i8042

/// The firmware has set the controller up (translation to scan-code set 1, interrupt on); nothing
/// is changed here but to hold the keyboard back until somebody listens. Concurrency: none, the
/// owner's lock.
template <hal::PortIo Io>
class Ps2Keyboard {
public:
    static constexpr std::size_t capacity = 128;

    explicit constexpr Ps2Keyboard(Io io) noexcept : io_(io) {}

    /// Holds the keyboard back and throws away what was typed before: a byte that nobody takes
    /// would keep the line high, and there would never be another edge.
    void initialise() noexcept {
        constexpr std::uint8_t disable_keyboard = 0xAD;
        command(disable_keyboard);
        for (std::uint32_t i = 0; i < most_at_once && has_byte(); ++i) {
            static_cast<void>(i8042::DataPort::read(io_, i8042::base));
        }
    }
    /// Lets the keyboard speak; after its interrupt is routed.
    void enable() noexcept {
        constexpr std::uint8_t enable_keyboard = 0xAE;
        command(enable_keyboard);
    }

    /// The interrupt: reads everything there is. Says how many characters came.
    std::size_t handle_interrupt() noexcept {
        using namespace i8042;
        const std::size_t before = queue_.size();
        // Bounded: a controller that is not there reads as all ones for ever.
        for (std::uint32_t i = 0; i < most_at_once && has_byte(); ++i) {
            const bool from_mouse = status().template get<Status::FromMouse>();
            const std::uint8_t byte = DataPort::read(io_, base).raw;
            if (!from_mouse) {
                queue_.push(decoder_.feed(byte));
            }
        }
        return queue_.size() - before;
    }

    [[nodiscard]] std::optional<char> read() noexcept { return queue_.pop(); }
    /// As ScancodeDecoder's; of several at once the last.
    [[nodiscard]] char take_magic_key() noexcept { return decoder_.take_magic_key(); }
    [[nodiscard]] std::uint8_t take_screen_key() noexcept { return decoder_.take_screen_key(); }
    /// Characters that came while nobody read for too long.
    [[nodiscard]] std::uint64_t dropped() const noexcept { return queue_.dropped(); }

private:
    static constexpr std::uint32_t most_at_once = 32;
    static constexpr std::uint32_t patience = 10'000;  // port reads, about 10 ms

    void command(std::uint8_t code) noexcept {
        using namespace i8042;
        for (std::uint32_t i = 0; i < patience && status().template get<Status::InputFull>(); ++i) {
        }
        CommandPort::write(io_, base, Byte::from(code));
    }
    i8042::Status status() noexcept { return i8042::StatusPort::read(io_, i8042::base); }
    bool has_byte() noexcept { return status().template get<i8042::Status::OutputFull>(); }

    [[no_unique_address]] Io io_;
    ScancodeDecoder decoder_;
    InputQueue<capacity> queue_;
};

}  // namespace kidney::drivers
