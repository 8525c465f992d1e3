/// A VGA text screen in memory.
#pragma once

#include "drivers/vga/text_screen.hpp"
#include "tests/fakes/fake_ports.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace kidney::test {

/// A screen's memory and its cursor registers.
struct ScreenMachine {
    using Screen = drivers::TextScreen<fakes::FakePorts>;
    fakes::FakePortSpace space;
    std::array<std::uint16_t, 0x4000> cells{};
    std::span<volatile std::uint16_t> memory{cells};
    std::array<std::uint8_t, 256> crtc{};
    std::uint8_t index = 0;
    Screen screen{fakes::FakePorts(space)};

    ScreenMachine() {
        cells.fill(0x0720);
        space.on_write(0x3D4, [this](std::uint32_t v) { index = static_cast<std::uint8_t>(v); });
        space.on_write(0x3D5,
                       [this](std::uint32_t v) { crtc[index] = static_cast<std::uint8_t>(v); });
        space.on_read(0x3D5, [this] { return crtc[index] + 0U; });
    }
    void set_cursor(std::uint32_t at) {
        crtc[0x0E] = static_cast<std::uint8_t>(at >> 8);
        crtc[0x0F] = static_cast<std::uint8_t>(at);
    }
    std::uint16_t cell(std::uint32_t r, std::uint32_t c) const {
        return cells[start() + r * Screen::columns + c];
    }
    std::uint32_t start() const { return crtc[0x0C] << 8U | crtc[0x0D]; }
    std::uint32_t cursor() const { return crtc[0x0E] << 8U | crtc[0x0F]; }
    std::string row(std::uint32_t r) const {
        std::string text;
        for (std::uint32_t c = 0; c < Screen::columns; ++c) {
            text.push_back(static_cast<char>(cells[start() + r * Screen::columns + c]));
        }
        return text.substr(0, text.find_last_not_of(' ') + 1);
    }
};

}  // namespace kidney::test
