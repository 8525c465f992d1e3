/// Port space and memory-mapped registers: how a driver reaches its device.
///
/// *space* (this file) is how to reach a register, *meaning* is a `Register` type, *placement* is
/// an `At` (register.hpp). Drivers are templates over the space: `arch::PortIo` in the kernel,
/// `FakePorts` in tests.
#pragma once

#include <concepts>
#include <cstdint>

namespace kidney::hal {

/// The 64 KiB x86 I/O port space.
///   P1 accesses reach the device in program order, each exactly once, with the given width
///   P2 reading a port that no device decodes gives all ones and has no effect
template <class P>
concept PortIo =
    requires(P& io, std::uint16_t port, std::uint8_t b, std::uint16_t w, std::uint32_t d) {
        { io.read8(port) } noexcept -> std::same_as<std::uint8_t>;
        { io.read16(port) } noexcept -> std::same_as<std::uint16_t>;
        { io.read32(port) } noexcept -> std::same_as<std::uint32_t>;
        { io.write8(port, b) } noexcept -> std::same_as<void>;
        { io.write16(port, w) } noexcept -> std::same_as<void>;
        { io.write32(port, d) } noexcept -> std::same_as<void>;
    };

/// 32-bit registers in memory, addressed by byte offset from the device's base.
///   P3 accesses are 32 bits wide, in program order, never merged or repeated
template <class B>
concept MmioBus = requires(B& bus, std::uint32_t offset, std::uint32_t value) {
    { bus.read32(offset) } noexcept -> std::same_as<std::uint32_t>;
    { bus.write32(offset, value) } noexcept -> std::same_as<void>;
};

}  // namespace kidney::hal
