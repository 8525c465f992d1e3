/// The terminals of this kernel: proc/terminal over its world, and what Linux's ioctls ask of them.
#pragma once

#include "kernel/process/process.hpp"
#include "proc/terminal/pseudo_terminal.hpp"
#include "proc/terminal/terminal.hpp"

#include <cstdint>

namespace kidney::kernel {

using Terminal = World::Terminal;
using PseudoTerminal = proc::PseudoTerminal<World>;
static_assert(proc::TerminalServices<World>);

/// Which end of a pseudo-terminal asks: its master may look at a terminal that is not its own.
enum class TerminalEnd : std::uint8_t { terminal, master };

/// The ioctls that all terminals have. Errors: not_a_terminal (not for this terminal, or unknown),
/// invalid_argument, not_permitted, bad_address, restart, io_error.
[[nodiscard]] Result<std::uint32_t> control_terminal(Terminal& terminal, TerminalEnd end,
                                                     Process& self, std::uint32_t request,
                                                     std::uint32_t argument) noexcept;

/// A process that leads its terminal's session ends.
void hang_up_session(Process& leader) noexcept REQUIRES(World::process_lock);

}  // namespace kidney::kernel
