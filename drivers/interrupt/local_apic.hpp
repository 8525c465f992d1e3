/// The local APIC: a CPU's own interrupt controller, timer and mailbox (Intel SDM volume 3, 10).
///
/// Every CPU sees its own at the same physical address. Reaching it through one shared object is
/// therefore right, as long as the caller stays on its CPU (interrupts or preemption off).
#pragma once

#include "kidney/hal/port_io.hpp"
#include "kidney/hal/register.hpp"

#include <cstdint>

namespace kidney::drivers {

/// Lower half of the interrupt command register.
struct InterruptCommand : hal::Register<InterruptCommand, std::uint32_t> {
    enum class Mode : std::uint8_t { fixed = 0, non_maskable = 4, init = 5, startup = 6 };
    enum class Shorthand : std::uint8_t { none = 0, others = 3 };
    using Vector = hal::Field<InterruptCommand, 7, 0, std::uint8_t>;
    using Delivery = hal::Field<InterruptCommand, 10, 8, Mode>;
    using Pending = hal::Field<InterruptCommand, 12, 12, bool>;
    using Assert = hal::Field<InterruptCommand, 14, 14, bool>;
    using LevelTriggered = hal::Field<InterruptCommand, 15, 15, bool>;
    using Destination = hal::Field<InterruptCommand, 19, 18, Shorthand>;
};

struct TimerEntry : hal::Register<TimerEntry, std::uint32_t> {
    using Vector = hal::Field<TimerEntry, 7, 0, std::uint8_t>;
    using Masked = hal::Field<TimerEntry, 16, 16, bool>;
};

template <hal::MmioBus Bus>
class LocalApic {
public:
    using Mode = InterruptCommand::Mode;
    using Shorthand = InterruptCommand::Shorthand;

    constexpr LocalApic() noexcept = default;
    explicit constexpr LocalApic(Bus bus) noexcept : bus_(bus) {}

    /// Switches this CPU's APIC on with a one-shot timer that is not running. The switch comes
    /// first: while it is off, every local vector is masked and stays so (SDM 10.4.7.2). Firmware
    /// switches it on for the boot CPU, but not for the others.
    void enable(std::uint8_t spurious_vector, std::uint8_t timer_vector) noexcept {
        constexpr std::uint32_t software_enable = 1U << 8;
        constexpr std::uint32_t masked = 1U << 16;
        bus_.write32(spurious, software_enable | spurious_vector);
        bus_.write32(task_priority, 0);
        bus_.write32(lvt_lint0, masked);  // the 8259 pair; masked there as well
        bus_.write32(timer_divide, divide_by_1);
        bus_.write32(lvt_timer, TimerEntry{}.with<TimerEntry::Vector>(timer_vector).raw);
        bus_.write32(timer_initial, 0);
        acknowledge();  // whatever the firmware left in service
    }
    [[nodiscard]] std::uint8_t id() noexcept {
        return static_cast<std::uint8_t>(bus_.read32(identifier) >> 24);
    }
    void acknowledge() noexcept { bus_.write32(end_of_interrupt, 0); }

    void start_timer(std::uint32_t ticks) noexcept { bus_.write32(timer_initial, ticks); }
    void stop_timer() noexcept { bus_.write32(timer_initial, 0); }
    [[nodiscard]] std::uint32_t timer_remaining() noexcept { return bus_.read32(timer_current); }

    /// Sends a message and waits until it has left; interrupts off (the two register halves belong
    /// together).
    void send(std::uint8_t apic_id, Mode mode, std::uint8_t vector) noexcept {
        bus_.write32(command_high, std::uint32_t{apic_id} << 24);
        write_command(InterruptCommand{}
                          .with<InterruptCommand::Delivery>(mode)
                          .with<InterruptCommand::Vector>(vector)
                          .with<InterruptCommand::Assert>(true));
    }
    void send_to_others(Mode mode, std::uint8_t vector) noexcept {
        write_command(InterruptCommand{}
                          .with<InterruptCommand::Delivery>(mode)
                          .with<InterruptCommand::Vector>(vector)
                          .with<InterruptCommand::Assert>(true)
                          .with<InterruptCommand::Destination>(Shorthand::others));
    }

private:
    static constexpr std::uint32_t identifier = 0x020;
    static constexpr std::uint32_t task_priority = 0x080;
    static constexpr std::uint32_t end_of_interrupt = 0x0B0;
    static constexpr std::uint32_t spurious = 0x0F0;
    static constexpr std::uint32_t command_low = 0x300;
    static constexpr std::uint32_t command_high = 0x310;
    static constexpr std::uint32_t lvt_timer = 0x320;
    static constexpr std::uint32_t lvt_lint0 = 0x350;
    static constexpr std::uint32_t timer_initial = 0x380;
    static constexpr std::uint32_t timer_current = 0x390;
    static constexpr std::uint32_t timer_divide = 0x3E0;
    static constexpr std::uint32_t divide_by_1 = 0x0B;
    /// A message leaves within microseconds; a lost one must not hang a panic.
    static constexpr std::uint32_t patience = 100'000;

    void write_command(InterruptCommand command) noexcept {
        bus_.write32(command_low, command.raw);
        for (std::uint32_t i = 0; i < patience; ++i) {
            if (!InterruptCommand::from(bus_.read32(command_low))
                     .template get<InterruptCommand::Pending>()) {
                return;
            }
        }
    }

    Bus bus_;
};

}  // namespace kidney::drivers
