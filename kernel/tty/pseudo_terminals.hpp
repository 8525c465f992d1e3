/// Pseudo-terminals as files: /dev/ptmx, and /dev/pts with a name for each.
#pragma once

#include "kernel/kernel.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstdint>

namespace kidney::kernel {

inline constexpr std::uint32_t pseudo_major = 136;           ///< as in Linux; minor: which
inline constexpr std::uint32_t most_pseudo_terminals = 256;  ///< at once

/// The names are entries of this directory from now on. Boot, before the first program. Errors: as
/// Vnode::create().
[[nodiscard]] Status start_pseudo_terminals(fs::Vnode& names) noexcept;

/// A new pseudo-terminal, named and locked; the file is its master. Errors: no_space (there are
/// too many), no_memory.
[[nodiscard]] Result<Ref<fs::File>> open_pseudo_master(fs::Vnode& node, fs::OpenMode mode) noexcept;
/// Errors: io_error (it is locked, or gone), no_memory.
[[nodiscard]] Result<Ref<fs::File>> open_pseudo_slave(std::uint32_t which, fs::Vnode& node,
                                                      fs::OpenMode mode) noexcept;
/// /dev/tty of a process whose terminal had this number a moment ago. Errors: no_device (it has it
/// no more), and as open_pseudo_slave().
[[nodiscard]] Result<Ref<fs::File>> open_own_pseudo_terminal(std::uint32_t number, fs::Vnode& node,
                                                             fs::OpenMode mode) noexcept;

}  // namespace kidney::kernel
