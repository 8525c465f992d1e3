/// The I/O APIC: routes interrupt lines to local APICs.
///
/// Datasheet: Intel 82093AA. Two registers in memory (index, data) reach a table of 64-bit entries.
#pragma once

#include "kidney/hal/interrupt_controller.hpp"
#include "kidney/hal/port_io.hpp"
#include "kidney/hal/register.hpp"

#include <cstdint>

namespace kidney::drivers {

/// Lower half of a redirection entry; the upper half is the destination APIC in bits 31-24.
struct RedirectionLow : hal::Register<RedirectionLow, std::uint32_t> {
    using Vector = hal::Field<RedirectionLow, 7, 0, std::uint8_t>;
    using ActiveLow = hal::Field<RedirectionLow, 13, 13, bool>;
    using LevelTriggered = hal::Field<RedirectionLow, 15, 15, bool>;
    using Masked = hal::Field<RedirectionLow, 16, 16, bool>;
};

/// One chip. Inputs are numbered from 0 here; which global interrupt the first one is, and which
/// line of the ISA bus an input carries, is in the ACPI tables. Concurrency: none, callers
/// serialise.
template <hal::MmioBus Bus>
class IoApic {
public:
    constexpr IoApic() noexcept = default;
    explicit constexpr IoApic(Bus bus) noexcept : bus_(bus) {}

    /// Masks every input.
    void initialise() noexcept {
        inputs_ = (read(version) >> 16 & 0xff) + 1;
        for (std::uint32_t input = 0; input < inputs_; ++input) {
            mask(input);
        }
    }
    [[nodiscard]] std::uint32_t inputs() const noexcept { return inputs_; }

    void route(std::uint32_t input, std::uint8_t vector, hal::Trigger trigger, bool active_low,
               std::uint8_t apic_id) noexcept {
        if (input >= inputs_) {
            return;
        }
        // The destination first: while the lower half is masked nothing is sent.
        write(redirection + 2 * input + 1, std::uint32_t{apic_id} << 24);
        write(redirection + 2 * input,
              RedirectionLow{}
                  .with<RedirectionLow::Vector>(vector)
                  .with<RedirectionLow::LevelTriggered>(trigger == hal::Trigger::level)
                  .with<RedirectionLow::ActiveLow>(active_low)
                  .raw);
    }
    void mask(std::uint32_t input) noexcept {
        if (input < inputs_) {
            write(redirection + 2 * input, RedirectionLow{}.with<RedirectionLow::Masked>(true).raw);
        }
    }

private:
    static constexpr std::uint32_t index_register = 0x00;
    static constexpr std::uint32_t data_register = 0x10;
    static constexpr std::uint32_t version = 1;
    static constexpr std::uint32_t redirection = 0x10;

    std::uint32_t read(std::uint32_t index) noexcept {
        bus_.write32(index_register, index);
        return bus_.read32(data_register);
    }
    void write(std::uint32_t index, std::uint32_t value) noexcept {
        bus_.write32(index_register, index);
        bus_.write32(data_register, value);
    }

    Bus bus_;
    std::uint32_t inputs_ = 0;
};

}  // namespace kidney::drivers
