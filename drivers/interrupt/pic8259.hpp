/// The pair of 8259A interrupt controllers of a PC without APIC.
///
/// Datasheet: Intel 8259A. Lines 0-7 are the first chip's, 8-15 the second's, which hangs on
/// line 2.
#pragma once

#include "kidney/hal/interrupt_controller.hpp"
#include "kidney/hal/port_io.hpp"

#include <cstdint>

namespace kidney::drivers {

/// Interrupts of line n arrive at vector `first_vector + n`, on the boot CPU only. Concurrency:
/// none, callers serialise; acknowledge() runs in the handler.
template <hal::PortIo Io>
class Pic8259 {
public:
    static constexpr std::uint8_t lines = 16;

    explicit constexpr Pic8259(Io io) noexcept : io_(io) {}

    /// Moves the vectors away from the exceptions and masks every line. Also needed where an APIC
    /// takes over: a masked 8259 still raises spurious interrupts, and at its power-on vectors they
    /// would look like exceptions.
    void initialise(std::uint8_t first_vector) noexcept {
        const auto both = [&](std::uint16_t offset, std::uint8_t first, std::uint8_t second) {
            io_.write8(static_cast<std::uint16_t>(first_chip + offset), first);
            io_.write8(static_cast<std::uint16_t>(second_chip + offset), second);
        };
        both(command, begin_initialisation, begin_initialisation);
        both(data, first_vector, static_cast<std::uint8_t>(first_vector + 8));
        both(data, 1U << cascade_line, cascade_line);
        both(data, mode_8086, mode_8086);
        mask_ = static_cast<std::uint16_t>(~(1U << cascade_line));
        write_mask();
    }

    void enable(hal::IrqLine line, hal::Trigger /*fixed by the chip set*/,
                CpuId /*always the boot CPU*/) noexcept {
        if (line.value() < lines) {
            mask_ = static_cast<std::uint16_t>(mask_ & ~(1U << line.value()));
            write_mask();
        }
    }
    void disable(hal::IrqLine line) noexcept {
        if (line.value() < lines) {
            mask_ = static_cast<std::uint16_t>(mask_ | 1U << line.value());
            write_mask();
        }
    }
    void acknowledge(hal::IrqLine line) noexcept {
        if (line.value() >= 8) {
            io_.write8(second_chip + command, end_of_interrupt);
        }
        io_.write8(first_chip + command, end_of_interrupt);
    }

    /// A line that went away before the processor asked shows up as the lowest-priority line of its
    /// chip without being in service. Such an interrupt is dropped and, on the second chip, only
    /// the cascade line is acknowledged.
    [[nodiscard]] bool is_spurious(hal::IrqLine line) noexcept {
        if (line.value() != 7 && line.value() != 15) {
            return false;
        }
        const std::uint16_t chip = line.value() == 7 ? first_chip : second_chip;
        io_.write8(static_cast<std::uint16_t>(chip + command), read_in_service);
        const bool real = (io_.read8(static_cast<std::uint16_t>(chip + command)) & 0x80) != 0;
        if (!real && chip == second_chip) {
            io_.write8(first_chip + command, end_of_interrupt);
        }
        return !real;
    }

private:
    static constexpr std::uint16_t first_chip = 0x20;
    static constexpr std::uint16_t second_chip = 0xA0;
    static constexpr std::uint16_t command = 0;
    static constexpr std::uint16_t data = 1;
    static constexpr std::uint8_t cascade_line = 2;
    static constexpr std::uint8_t begin_initialisation = 0x11;  // ICW1: edge, cascade, ICW4 follows
    static constexpr std::uint8_t mode_8086 = 0x01;             // ICW4
    static constexpr std::uint8_t end_of_interrupt = 0x20;      // OCW2: non-specific
    static constexpr std::uint8_t read_in_service = 0x0B;       // OCW3

    void write_mask() noexcept {
        io_.write8(first_chip + data, static_cast<std::uint8_t>(mask_));
        io_.write8(second_chip + data, static_cast<std::uint8_t>(mask_ >> 8));
    }

    [[no_unique_address]] Io io_;
    std::uint16_t mask_ = 0xffff;
};

}  // namespace kidney::drivers
