/// What parents learn about their children: SIGCHLD and wait4(2).
#pragma once

#include "kernel/names.hpp"
#include "kernel/process/process.hpp"
#include "proc/family_rules.hpp"

#include <cstdint>

namespace kidney::kernel {

struct WaitReport {
    Pid pid;  ///< 0: nothing to report (no_hang)
    ExitStatus status;
    std::int32_t code = 0;  ///< CLD_*
    std::uint32_t uid = 0;
    Usage usage;  ///< of a zombie, and of the children it has waited for
};

/// Waits for a child to change and takes the change (a zombie is gone afterwards).
/// Errors: no_child, restart.
[[nodiscard]] Result<WaitReport> wait_for_child(Process& self, const WaitRequest& request) noexcept
    EXCLUDES(process_lock);

/// SIGCHLD (unless SA_NOCLDSTOP) and a wake-up for a parent in wait4.
void tell_parent_about_stop(Process& child, std::int32_t code, std::uint32_t signal) noexcept
    REQUIRES(process_lock);
/// The same for a zombie. True if nobody will wait for it (SIGCHLD ignored or SA_NOCLDWAIT): then
/// the caller reaps it.
[[nodiscard]] bool tell_parent_about_exit(Process& zombie) noexcept REQUIRES(process_lock);

}  // namespace kidney::kernel
