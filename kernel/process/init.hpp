/// The first process: how it starts, and what its end means.
#pragma once

#include "kernel/names.hpp"
#include "kidney/core/result.hpp"
#include "proc/exit_status.hpp"

#include <string_view>

namespace kidney::kernel {

/// Which program, and what for.
struct FirstProgram {
    std::string_view path;          ///< `init=`; empty: /sbin/init, then /init, /bin/sh, /bin/rush
    std::string_view exec_command;  ///< `./kidney run --exec`: passed as `--exec COMMAND`
    std::string_view arguments;     ///< behind `--` on the command line, split at blanks
    bool leaks = false;             ///< of `leak_test`: some objects are lost on purpose
};

/// Makes process 1 and starts it. The root file system is mounted, the console works. The texts
/// must stay alive. Errors: no_memory.
[[nodiscard]] Status start_first_process(const FirstProgram& program) noexcept;

/// The first process has ended: writes everything back, says `init exited with status N` and
/// switches the machine off.
[[noreturn]] void init_has_exited(ExitStatus status) noexcept;

}  // namespace kidney::kernel
