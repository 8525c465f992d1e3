/// The I/O port space: one instruction per function.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/hal/port_io.hpp"

#include <cstdint>

namespace kidney::arch {

struct PortIo {
    [[nodiscard]] std::uint8_t read8(std::uint16_t port) const noexcept {
        std::uint8_t value;
        asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
        return value;
    }
    [[nodiscard]] std::uint16_t read16(std::uint16_t port) const noexcept {
        std::uint16_t value;
        asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
        return value;
    }
    [[nodiscard]] std::uint32_t read32(std::uint16_t port) const noexcept {
        std::uint32_t value;
        asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
        return value;
    }
    void write8(std::uint16_t port, std::uint8_t value) const noexcept {
        asm volatile("outb %0, %1" ::"a"(value), "Nd"(port) : "memory");
    }
    void write16(std::uint16_t port, std::uint16_t value) const noexcept {
        asm volatile("outw %0, %1" ::"a"(value), "Nd"(port) : "memory");
    }
    void write32(std::uint16_t port, std::uint32_t value) const noexcept {
        asm volatile("outl %0, %1" ::"a"(value), "Nd"(port) : "memory");
    }
};
static_assert(hal::PortIo<PortIo>);

/// Device registers that the kernel mapped uncached at `base`.
class MmioBus {
public:
    constexpr MmioBus() noexcept = default;
    explicit constexpr MmioBus(VirtAddr base) noexcept : base_(base) {}
    [[nodiscard]] std::uint32_t read32(std::uint32_t offset) const noexcept { return *at(offset); }
    void write32(std::uint32_t offset, std::uint32_t value) const noexcept { *at(offset) = value; }

private:
    // volatile: exactly one access of this width per call, in program order.
    [[nodiscard]] volatile std::uint32_t* at(std::uint32_t offset) const noexcept {
        return reinterpret_cast<volatile std::uint32_t*>((base_ + offset).value());
    }
    VirtAddr base_;
};
static_assert(hal::MmioBus<MmioBus>);

}  // namespace kidney::arch
