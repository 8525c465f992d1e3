/// Laws of `hal::PortIo`. The subject is a port space, a byte register that keeps what is written
/// to it, and a port that nobody decodes.
#pragma once

#include "kidney/core/type_list.hpp"
#include "kidney/hal/port_io.hpp"
#include "tests/laws/report.hpp"

#include <cstdint>

namespace kidney::laws {

struct PortIoP1 {
    static constexpr const char* text = "P1 accesses reach the device in program order, each once";
    template <hal::PortIo Io>
    static void check(Report& report, Io& io, std::uint16_t scratch, std::uint16_t) noexcept {
        const std::uint8_t before = io.read8(scratch);
        for (const std::uint8_t value :
             {std::uint8_t{0x00}, std::uint8_t{0xff}, std::uint8_t{0x5a}}) {
            io.write8(scratch, value);
            LAW_CHECK(report, io.read8(scratch) == value);
        }
        io.write8(scratch, before);
    }
};

struct PortIoP2 {
    static constexpr const char* text = "P2 a port that no device decodes reads as all ones";
    template <hal::PortIo Io>
    static void check(Report& report, Io& io, std::uint16_t, std::uint16_t empty) noexcept {
        io.write8(empty, 0x12);
        io.write16(empty, 0x1234);
        io.write32(empty, 0x1234'5678);
        LAW_CHECK(report, io.read8(empty) == 0xff);
        LAW_CHECK(report, io.read16(empty) == 0xffff);
        LAW_CHECK(report, io.read32(empty) == 0xffff'ffff);
    }
};

using PortIoLaws = TypeList<PortIoP1, PortIoP2>;

}  // namespace kidney::laws
