/// Terminals and serial lines as files.
#pragma once

#include "kernel/kernel.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstdint>

namespace kidney::kernel {

/// Major device numbers, as in Linux.
inline constexpr std::uint32_t terminal_major = 4;  ///< screens, and serial lines from minor 64
inline constexpr std::uint32_t console_major =
    5;  ///< 0: the process's own terminal, 1: the console, 2: ptmx

/// Boot, before the first program.
void create_raw_lines() noexcept;

/// An open file on a terminal device: console (5, 1), the process's own terminal (5, 0), ttyS0
/// (4, 64), the raw lines ttyS1 and ttyS2 (4, 65 and 66), virtual terminals (4, 0 and on),
/// pseudo-terminals (5, 2 and 136). Errors:
/// no_device (any other number, or a process without a terminal), no_memory, and those of
/// pseudo-terminals.
[[nodiscard]] Result<Ref<fs::File>> open_terminal_device(fs::DeviceNumber number, fs::Vnode& node,
                                                         fs::OpenMode mode) noexcept;

}  // namespace kidney::kernel
