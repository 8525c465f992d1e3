/// Terminal settings as programs see them: struct termios of TCGETS / TCSETS on Linux i386.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kidney::abi {

/// Indices into Termios::cc.
enum ControlCharacter : std::uint8_t {
    vintr = 0,
    vquit = 1,
    verase = 2,
    vkill = 3,
    veof = 4,
    vtime = 5,
    vmin = 6,
    vswtc = 7,
    vstart = 8,
    vstop = 9,
    vsusp = 10,
    veol = 11,
    vreprint = 12,
    vdiscard = 13,
    vwerase = 14,
    vlnext = 15,
    veol2 = 16,
};

namespace termios_input {
inline constexpr std::uint32_t istrip = 0x20, inlcr = 0x40, igncr = 0x80, icrnl = 0x100,
                               iuclc = 0x200, ixon = 0x400, ixany = 0x800, imaxbel = 0x2000,
                               iutf8 = 0x4000;
}
namespace termios_output {
inline constexpr std::uint32_t opost = 0x1, olcuc = 0x2, onlcr = 0x4, ocrnl = 0x8, onocr = 0x10,
                               onlret = 0x20, tabdly = 0x1800, xtabs = 0x1800;
}
namespace termios_local {
inline constexpr std::uint32_t isig = 0x1, icanon = 0x2, echo = 0x8, echoe = 0x10, echok = 0x20,
                               echonl = 0x40, noflsh = 0x80, tostop = 0x100, echoctl = 0x200,
                               echoprt = 0x400, echoke = 0x800, iexten = 0x8000;
}
namespace termios_control {
inline constexpr std::uint32_t b38400 = 0xf, b115200 = 0x1002, cs8 = 0x30, cread = 0x80,
                               hupcl = 0x400;
}

/// TCFLSH: whose bytes are dropped.
enum FlushQueue : std::uint32_t { flush_input = 0, flush_output = 1, flush_both = 2 };

/// TCXONC: tcflow(3).
enum FlowAction : std::uint32_t {
    output_off = 0,
    output_on = 1,
    send_stop = 2,
    send_start = 3,
};

/// The kernel's struct termios; a new terminal has the settings of `stty sane`.
struct Termios {
    std::uint32_t iflag = termios_input::icrnl | termios_input::ixon;
    std::uint32_t oflag = termios_output::opost | termios_output::onlcr;
    std::uint32_t cflag = termios_control::b38400 | termios_control::cs8 | termios_control::cread |
                          termios_control::hupcl;
    std::uint32_t lflag = termios_local::isig | termios_local::icanon | termios_local::echo |
                          termios_local::echoe | termios_local::echok | termios_local::echoctl |
                          termios_local::echoke | termios_local::iexten;
    std::uint8_t line = 0;
    /// ^C ^\ DEL ^U ^D time min swtc ^Q ^S ^Z eol ^R ^O ^W ^V eol2
    std::uint8_t cc[19] = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0};
};
static_assert(sizeof(Termios) == 36 && offsetof(Termios, line) == 16 &&
              offsetof(Termios, cc) == 17);

struct WindowSize {
    std::uint16_t rows = 0, columns = 0, x_pixels = 0, y_pixels = 0;
    friend constexpr bool operator==(const WindowSize&, const WindowSize&) noexcept = default;
};
static_assert(sizeof(WindowSize) == 8);

}  // namespace kidney::abi
