/// The 8254 programmable interval timer: channel 0 interrupts on line 0, channel 2 measures time
/// for calibration. Datasheet: Intel 8254. It counts down at 1.193182 MHz.
#pragma once

#include "kidney/hal/port_io.hpp"

#include <cstdint>

namespace kidney::drivers {

inline constexpr std::uint32_t pit_hertz = 1'193'182;

template <hal::PortIo Io>
class Pit8254 {
public:
    static constexpr std::uint32_t longest = 0xffff;  ///< ticks, 54.9 ms

    explicit constexpr Pit8254(Io io) noexcept : io_(io) {}

    /// One interrupt on line 0 after `ticks` (1 to `longest`).
    void start_one_shot(std::uint32_t ticks) noexcept {
        io_.write8(command, channel_0 | both_bytes | interrupt_on_terminal_count);
        write_count(channel_0_data, ticks);
    }
    /// Stops channel 0: a mode without a count yet does not run.
    void stop() noexcept {
        io_.write8(command, channel_0 | both_bytes | interrupt_on_terminal_count);
    }

    /// Starts channel 2 (the loudspeaker's, with the loudspeaker off) counting down from `ticks`.
    void start_measurement(std::uint32_t ticks) noexcept {
        const auto gate = static_cast<std::uint8_t>(io_.read8(system_control) & ~speaker_data);
        io_.write8(system_control, static_cast<std::uint8_t>(gate | gate_2));
        io_.write8(command, channel_2 | both_bytes | interrupt_on_terminal_count);
        write_count(channel_2_data, ticks);
    }
    /// What is left to count.
    [[nodiscard]] std::uint32_t measurement_count() noexcept {
        io_.write8(command, channel_2 | latch);
        const std::uint32_t low = io_.read8(channel_2_data);
        return low | std::uint32_t{io_.read8(channel_2_data)} << 8;
    }
    /// Has it reached zero?
    [[nodiscard]] bool measurement_done() noexcept {
        return (io_.read8(system_control) & output_2) != 0;
    }

private:
    static constexpr std::uint16_t channel_0_data = 0x40;
    static constexpr std::uint16_t channel_2_data = 0x42;
    static constexpr std::uint16_t command = 0x43;
    static constexpr std::uint16_t system_control = 0x61;
    static constexpr std::uint8_t channel_0 = 0x00;
    static constexpr std::uint8_t channel_2 = 0x80;
    static constexpr std::uint8_t latch = 0x00;
    static constexpr std::uint8_t both_bytes = 0x30;                   // low byte, then high
    static constexpr std::uint8_t interrupt_on_terminal_count = 0x00;  // mode 0: one shot
    static constexpr std::uint8_t gate_2 = 0x01;
    static constexpr std::uint8_t speaker_data = 0x02;
    static constexpr std::uint8_t output_2 = 0x20;

    void write_count(std::uint16_t port, std::uint32_t ticks) noexcept {
        io_.write8(port, static_cast<std::uint8_t>(ticks));
        io_.write8(port, static_cast<std::uint8_t>(ticks >> 8));
    }

    [[no_unique_address]] Io io_;
};

}  // namespace kidney::drivers
