#include "kernel/tty/console_terminal.hpp"

#include "arch/i686/cpu/port_io.hpp"
#include "drivers/serial/uart16550.hpp"
#include "kernel/boot_object.hpp"
#include "kernel/console.hpp"
#include "kernel/interrupts.hpp"
#include "kernel/keyboard.hpp"
#include "kernel/magic/magic_key.hpp"
#include "kernel/tty/terminal_file.hpp"
#include "kernel/tty/virtual_terminals.hpp"
#include "kidney/core/log.hpp"
#include "kidney/core/time.hpp"

#include <utility>

namespace kidney::kernel {
namespace {

using Uart = drivers::Uart16550<arch::PortIo>;

class ConsoleDevice final : public TerminalDevice {
public:
    constexpr ConsoleDevice() noexcept : TerminalDevice(console_queue) {}
    std::size_t offer(std::string_view text) noexcept override { return console_offer(text); }
    [[nodiscard]] std::size_t waiting() noexcept override { return console_waiting(); }
};
constinit ConsoleDevice console_device;

constinit BootObject<Terminal> console;
/// Only the receiving half: the console (kernel/console.cpp) owns the sending one and the interrupt
/// enable register; the other registers that both use they only read.
constinit Uart receiver{arch::PortIo{}, drivers::uart::com1};
constexpr hal::IrqLine com1_line{4};

/// A BREAK, and the magic key that follows it within some seconds. Touched by the interrupt handler
/// only.
bool is_for_the_kernel(std::uint8_t byte) noexcept {
    static constinit Instant magic_until;
    constexpr Duration patience = Duration::seconds(5);
    const bool saw_break = receiver.take_break();
    if (byte == 0 && (saw_break || console_take_break())) {
        magic_until = Clock::now() + patience;
        return true;
    }
    const bool is_magic = Clock::now() < std::exchange(magic_until, Instant());
    if (is_magic) {
        press_magic_key(static_cast<char>(byte));
    }
    return is_magic;
}

/// The line is edge triggered: every reason must be settled before this returns.
bool on_serial_interrupt(void*) noexcept {
    constexpr int patience = 256;  // a port that has gone must not keep us for ever
    for (int i = 0; i < patience; ++i) {
        while (const auto byte = receiver.receive()) {
            if (!is_for_the_kernel(*byte)) {
                console.get().receive(*byte);
            }
        }
        if (console_service()) {
            console.get().output_ready();
        }
        if (!receiver.is_interrupting()) {
            break;
        }
    }
    return true;  // nobody shares an ISA line
}

}  // namespace

Terminal& console_terminal() noexcept {
    return console.get();
}

void start_console_input() noexcept {
    console.create(console_device, terminal_major << 8 | 64);
    create_virtual_terminals();
    start_keyboard(&type_on_screen, &show_virtual_terminal);
    if (!receiver.find()) {  // the console has initialised it, and may be sending
        return;
    }
    if (const Status added = handle_interrupts(com1_line, hal::Trigger::edge, &on_serial_interrupt,
                                               nullptr, "ttyS0");
        !added) {
        log::warning<"tty">("no interrupt for the serial console: {}", added.error());
        return;
    }
    // What came before; while no interrupt can come, for two must not read at the same time. A byte
    // that comes in between raises the interrupt as soon as it is enabled.
    on_serial_interrupt(nullptr);
    console_use_interrupts(true);
}

}  // namespace kidney::kernel
