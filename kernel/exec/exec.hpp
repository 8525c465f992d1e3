/// Replacing the program of a process.
#pragma once

#include "arch/i686/trap/trap_frame.hpp"
#include "kernel/exec/argument_block.hpp"
#include "kernel/process/process.hpp"
#include "proc/exec/layout_shifts.hpp"

#include <string_view>

namespace kidney::kernel {

/// What shall be executed.
struct ExecTarget {
    fs::Place place;
    /// How it is called: for the program (AT_EXECFN), and for the interpreter of a script, which
    /// opens it.
    std::string_view name;
    bool name_ends = false;  ///< it goes through a descriptor that this exec closes
};

/// Whether programs lie elsewhere each time they are started. Any thread; for those started later.
[[nodiscard]] Randomisation layout_randomisation() noexcept;
void set_layout_randomisation(Randomisation how) noexcept;

/// Loads the target (or the interpreter that its first line names) into a new address
/// space and makes `frame` start it. Runs in the process itself.
/// Errors, with the old program untouched: not_found, permission_denied (no regular file, or no
/// right to execute it), not_executable, bad_library (what the program names as its interpreter is
/// no program), too_many_symlinks (scripts naming scripts), no_memory, argument_list_long, what the
/// file system says, and invalid_argument: it is a program, but it cannot be laid out in memory.
/// Linux has let go of the old one by the time it notices that.
[[nodiscard]] Status execute(Process& self, hal::TrapFrame& frame, const fs::PathContext& context,
                             const ExecTarget& target, ArgumentBlock& arguments) noexcept;

}  // namespace kidney::kernel
