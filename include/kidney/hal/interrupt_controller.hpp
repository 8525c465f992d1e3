/// The interrupt controller: 8259 pair or I/O APIC, seen as numbered lines.
#pragma once

#include "kidney/core/cpu_id.hpp"

#include <concepts>
#include <cstdint>

namespace kidney::hal {

/// An interrupt line: 0-15 are the ISA lines, higher ones the further inputs of an I/O APIC.
class IrqLine {
public:
    constexpr IrqLine() noexcept = default;
    explicit constexpr IrqLine(std::uint8_t value) noexcept : value_(value) {}
    [[nodiscard]] constexpr std::uint8_t value() const noexcept { return value_; }
    friend constexpr bool operator==(IrqLine, IrqLine) noexcept = default;

private:
    std::uint8_t value_ = 0;
};

enum class Trigger : bool { edge, level };

/// Routes device lines to vectors.
///   I1 a line delivers nothing before enable() and after disable()
///   I2 acknowledge() allows the next interrupt of that line; one that came in between is not lost
///   I3 an interrupt is delivered to one CPU
template <class I>
concept InterruptController = requires(I& controller, IrqLine line, Trigger trigger, CpuId target) {
    { controller.enable(line, trigger, target) } noexcept -> std::same_as<void>;
    { controller.disable(line) } noexcept -> std::same_as<void>;
    { controller.acknowledge(line) } noexcept -> std::same_as<void>;
};

}  // namespace kidney::hal
