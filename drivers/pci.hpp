/// PCI configuration space through ports 0xCF8 and 0xCFC (configuration mechanism 1), and the
/// search for devices. PCI Local Bus Specification 3.0, sections 3.2.2.3 and 6.1.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/hal/interrupt_controller.hpp"
#include "kidney/hal/port_io.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace kidney::drivers {

/// Where a function sits.
struct PciAddress {
    std::uint8_t bus = 0;
    std::uint8_t device = 0;    ///< 0 .. 31
    std::uint8_t function = 0;  ///< 0 .. 7
    friend constexpr bool operator==(const PciAddress&, const PciAddress&) noexcept = default;
};

/// What a function says about itself.
struct PciFunction {
    PciAddress address;
    std::uint16_t vendor = 0;
    std::uint16_t device = 0;
    std::uint8_t class_code = 0;
    std::uint8_t subclass = 0;
    std::uint8_t interface = 0;  ///< of the subclass
    std::uint8_t revision = 0;
    std::uint8_t header_type = 0;  ///< 0 device, 1 bridge
    hal::IrqLine line;             ///< as the firmware routed it
};

/// What a base address register says: ports or memory.
struct PciRange {
    std::uint64_t first = 0;
    std::uint64_t size = 0;  ///< 0: the register is not used
    bool is_ports = false;
    bool is_wide = false;  ///< 64-bit memory: the next register is its upper half
    bool is_prefetched = false;
};

/// Address and data port belong together, so `Lock` is held over the pair.
template <hal::PortIo Io, BasicLockable Lock>
class Pci {
public:
    explicit Pci(Io& io) noexcept : io_(io) {}

    [[nodiscard]] std::uint32_t read32(PciAddress at, std::uint8_t offset) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        io_.write32(address_port, select(at, offset));
        return io_.read32(data_port);
    }
    void write32(PciAddress at, std::uint8_t offset, std::uint32_t value) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        io_.write32(address_port, select(at, offset));
        io_.write32(data_port, value);
    }
    /// Lets the function decode its ports and memory and reach RAM by itself (command register).
    void enable(PciAddress at) noexcept {
        constexpr std::uint32_t ports = 1, memory = 2, bus_master = 4;
        // The upper half is the status register, whose bits are cleared by writing ones.
        const std::uint32_t command = read32(at, 0x04) & 0xFFFFU;
        write32(at, 0x04, command | ports | memory | bus_master);
    }
    /// The first port of base address register `n`, or nullopt if that is not a port range.
    [[nodiscard]] std::optional<std::uint16_t> port_base(PciAddress at, unsigned n) noexcept {
        const std::uint32_t bar = read32(at, static_cast<std::uint8_t>(0x10 + 4 * n));
        const std::uint32_t port = bar & ~3U;
        if ((bar & 1U) == 0 || port == 0 || port > 0xFFFF) {
            return std::nullopt;
        }
        return static_cast<std::uint16_t>(port);
    }

    /// How much each base address register decodes, found by writing ones and looking what sticks
    /// (section 6.2.5.1); the function decodes nothing meanwhile, so nobody may use it yet.
    [[nodiscard]] std::array<PciRange, 6> ranges(const PciFunction& function) noexcept {
        std::array<PciRange, 6> found{};
        const PciAddress at = function.address;
        const std::uint32_t command = read32(at, 0x04) & 0xFFFFU;
        write32(at, 0x04, command & ~3U);
        for (std::size_t n = 0, count = function.header_type == 0 ? 6U : 2U; n < count; ++n) {
            found[n] = range(at, static_cast<std::uint8_t>(0x10 + 4 * n));
            n += found[n].is_wide ? 1 : 0;
        }
        write32(at, 0x04, command);
        return found;
    }

    /// Calls `visit(function)` for every function, bus 0 and what bridges lead to, until it returns
    /// false.
    template <class Visit>
    void for_each(Visit&& visit) noexcept {
        std::array<bool, 256> seen{};  // bridges of broken firmware may form a ring
        std::array<std::uint8_t, 256> todo{};
        std::size_t count = 1;
        seen[0] = true;
        while (count > 0) {
            const std::uint8_t bus = todo[--count];
            for (std::uint8_t device = 0; device < 32; ++device) {
                const auto first = probe({bus, device, 0});
                if (!first) {
                    continue;
                }
                const std::uint8_t functions = is_multifunction(first->address) ? 8 : 1;
                for (std::uint8_t f = 0; f < functions; ++f) {
                    const auto function = probe({bus, device, f});
                    if (!function) {
                        continue;
                    }
                    if (!visit(*function)) {
                        return;
                    }
                    if (function->header_type == 1) {
                        const auto behind =
                            static_cast<std::uint8_t>(read32(function->address, 0x18) >> 8);
                        if (!seen[behind]) {
                            seen[behind] = true;
                            todo[count++] = behind;
                        }
                    }
                }
            }
        }
    }
    [[nodiscard]] std::optional<PciFunction> find(std::uint16_t vendor,
                                                  std::uint16_t device) noexcept {
        std::optional<PciFunction> found;
        for_each([&](const PciFunction& function) {
            if (function.vendor == vendor && function.device == device) {
                found = function;
            }
            return !found;
        });
        return found;
    }

private:
    [[nodiscard]] std::uint32_t sticking_ones(PciAddress at, std::uint8_t offset) noexcept {
        const std::uint32_t before = read32(at, offset);
        write32(at, offset, ~0U);
        const std::uint32_t ones = read32(at, offset);
        write32(at, offset, before);
        return ones;
    }
    [[nodiscard]] PciRange range(PciAddress at, std::uint8_t offset) noexcept {
        const std::uint32_t value = read32(at, offset);
        const std::uint32_t ones = sticking_ones(at, offset);
        PciRange r;
        r.is_ports = (value & 1U) != 0;
        if (ones == 0 || ones == ~0U) {
            return {};
        }
        if (r.is_ports) {
            r.first = value & ~3U;
            r.size = ~((ones & ~3U) | 0xFFFF'0000U) + 1U;  // the upper half may be wired to 0
            return r;
        }
        r.is_wide = (value & 6U) == 4;
        r.is_prefetched = (value & 8U) != 0;
        r.first = value & ~15U;
        std::uint64_t mask = ones & ~15U;
        if (r.is_wide && offset < 0x24) {
            const auto upper = static_cast<std::uint8_t>(offset + 4);
            r.first |= std::uint64_t{read32(at, upper)} << 32;
            mask |= std::uint64_t{sticking_ones(at, upper)} << 32;
        } else {
            mask |= std::uint64_t{~0U} << 32;
        }
        r.size = ~mask + 1;
        return r;
    }

    static constexpr std::uint16_t address_port = 0xCF8;
    static constexpr std::uint16_t data_port = 0xCFC;

    [[nodiscard]] static constexpr std::uint32_t select(PciAddress at,
                                                        std::uint8_t offset) noexcept {
        return 0x8000'0000U | std::uint32_t{at.bus} << 16 | std::uint32_t{at.device} << 11 |
               std::uint32_t{at.function} << 8 | (offset & 0xFCU);
    }
    [[nodiscard]] bool is_multifunction(PciAddress at) noexcept {
        return (read32(at, 0x0C) & 0x0080'0000U) != 0;
    }
    [[nodiscard]] std::optional<PciFunction> probe(PciAddress at) noexcept {
        const std::uint32_t id = read32(at, 0x00);
        if ((id & 0xFFFFU) == 0xFFFFU) {
            return std::nullopt;
        }
        const std::uint32_t type = read32(at, 0x08);
        PciFunction f;
        f.address = at;
        f.vendor = static_cast<std::uint16_t>(id);
        f.device = static_cast<std::uint16_t>(id >> 16);
        f.class_code = static_cast<std::uint8_t>(type >> 24);
        f.subclass = static_cast<std::uint8_t>(type >> 16);
        f.interface = static_cast<std::uint8_t>(type >> 8);
        f.revision = static_cast<std::uint8_t>(type);
        f.header_type = static_cast<std::uint8_t>(read32(at, 0x0C) >> 16 & 0x7FU);
        f.line = hal::IrqLine(static_cast<std::uint8_t>(read32(at, 0x3C)));
        return f;
    }

    Io& io_;
    Lock lock_;
};

}  // namespace kidney::drivers
