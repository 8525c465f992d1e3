#include "kernel/keyboard.hpp"

#include "arch/i686/cpu/port_io.hpp"
#include "drivers/keyboard/ps2_keyboard.hpp"
#include "kernel/interrupts.hpp"
#include "kernel/magic/magic_key.hpp"
#include "kidney/core/log.hpp"

namespace kidney::kernel {
namespace {

/// Touched by the interrupt handler only, once the line is open.
constinit drivers::Ps2Keyboard<arch::PortIo> keyboard{arch::PortIo{}};
constinit KeyReceiver receiver_of_keys = nullptr;
constinit ScreenChooser chooser_of_screens = nullptr;

bool on_keyboard_interrupt(void* /*device*/) noexcept {
    keyboard.handle_interrupt();
    if (const char key = keyboard.take_magic_key(); key != '\0') {
        press_magic_key(key);
    }
    if (const std::uint8_t screen = keyboard.take_screen_key(); screen != 0) {
        chooser_of_screens(screen);
    }
    while (const std::optional<char> c = keyboard.read()) {
        receiver_of_keys(*c);
    }
    return true;  // nobody shares an ISA line
}

}  // namespace

void start_keyboard(KeyReceiver receiver, ScreenChooser chooser) noexcept {
    receiver_of_keys = receiver;
    chooser_of_screens = chooser;
    keyboard.initialise();
    constexpr hal::IrqLine line(drivers::i8042::line);
    if (const Status added =
            handle_interrupts(line, hal::Trigger::edge, &on_keyboard_interrupt, nullptr, "i8042");
        !added) {
        log::warning<"keyboard">("no interrupt: {}", added.error());
        return;
    }
    keyboard.enable();
}

}  // namespace kidney::kernel
