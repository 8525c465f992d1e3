/// Exactly what the small hardware contracts promise, and nothing more. Drivers are instantiated
/// with these, so a driver that uses more than its contract does not compile.
#pragma once

#include "kidney/hal/character_sink.hpp"
#include "kidney/hal/clock.hpp"
#include "kidney/hal/interrupt_controller.hpp"
#include "kidney/hal/mmu.hpp"
#include "kidney/hal/per_cpu.hpp"
#include "kidney/hal/port_io.hpp"
#include "kidney/hal/user_memory.hpp"

namespace kidney::archetypes {

struct CharacterSinkArchetype {
    void put(char) noexcept {}
};
static_assert(hal::CharacterSink<CharacterSinkArchetype>);

struct PortIoArchetype {
    std::uint8_t read8(std::uint16_t) noexcept { return 0; }
    std::uint16_t read16(std::uint16_t) noexcept { return 0; }
    std::uint32_t read32(std::uint16_t) noexcept { return 0; }
    void write8(std::uint16_t, std::uint8_t) noexcept {}
    void write16(std::uint16_t, std::uint16_t) noexcept {}
    void write32(std::uint16_t, std::uint32_t) noexcept {}
};
static_assert(hal::PortIo<PortIoArchetype>);

struct MmioBusArchetype {
    std::uint32_t read32(std::uint32_t) noexcept { return 0; }
    void write32(std::uint32_t, std::uint32_t) noexcept {}
};
static_assert(hal::MmioBus<MmioBusArchetype>);

struct InterruptControllerArchetype {
    void enable(hal::IrqLine, hal::Trigger, CpuId) noexcept {}
    void disable(hal::IrqLine) noexcept {}
    void acknowledge(hal::IrqLine) noexcept {}
};
static_assert(hal::InterruptController<InterruptControllerArchetype>);

struct ClockArchetype {
    static Instant now() noexcept { return Instant(); }
};
static_assert(hal::Clock<ClockArchetype>);

struct TimerArchetype {
    static void arm(Instant) noexcept {}
    static void disarm() noexcept {}
};
static_assert(hal::Timer<TimerArchetype>);

struct PreemptionArchetype {
    static void disable() noexcept {}
    static void enable() noexcept {}
};
static_assert(hal::PreemptionControl<PreemptionArchetype>);
static_assert(hal::CpuPin<hal::Pinned<PreemptionArchetype>>);

}  // namespace kidney::archetypes
