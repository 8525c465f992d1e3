/// The terminals on the screen and the keyboard: tty1, which is the console, and more of them
/// behind it. One is shown and gets what is typed; Alt-F1 and so on choose which.
#pragma once

#include "kernel/tty/terminal.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstdint>

namespace kidney::kernel {

/// Boot, after the console's terminal.
void create_virtual_terminals() noexcept;

/// A key's character, for the terminal that is shown. Any context.
void type_on_screen(char c) noexcept;
/// A number without a terminal changes nothing. Any context.
void show_virtual_terminal(std::uint32_t number) noexcept;

/// tty1, ...; 0: the one that is shown. Errors: no_device (there is none), and open_terminal()'s.
[[nodiscard]] Result<Ref<fs::File>> open_virtual_terminal(std::uint32_t number, fs::Vnode& node,
                                                          fs::OpenMode mode) noexcept;

}  // namespace kidney::kernel
