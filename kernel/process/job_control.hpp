/// Stopping, continuing, process groups, sessions and the terminal's foreground.
#pragma once

#include "kernel/names.hpp"
#include "kernel/process/process.hpp"
#include "proc/family_rules.hpp"

#include <cstdint>

namespace kidney::kernel {

/// Stops the calling process until SIGCONT or SIGKILL. Tells the parent.
void stop_self(Process& self, std::uint32_t signal) noexcept EXCLUDES(process_lock);

/// SIGCONT and SIGKILL: lets a stopped process go on, the latter without telling its parent.
void resume_stopped(Process& target, std::uint32_t signal) noexcept REQUIRES(process_lock);

/// True if no member of the group has a parent in another group of the same session: nobody could
/// continue it, so terminal stop signals must not stop it.
[[nodiscard]] bool is_orphaned(Pid group, const Process* without = nullptr) noexcept
    REQUIRES(process_lock);

/// A process leaves its group (exit, setpgid): groups of it and of its children that become
/// orphaned with stopped members get SIGHUP and SIGCONT.
void release_newly_orphaned_groups(Process& leaving) noexcept REQUIRES(process_lock);

/// setpgid(2). Errors: no_process, not_permitted, permission_denied, invalid_argument.
Status set_group(Process& self, Pid target, Pid group) noexcept EXCLUDES(process_lock);

/// setsid(2). Error: not_permitted for a group leader.
Result<Pid> create_session(Process& self) noexcept EXCLUDES(process_lock);

}  // namespace kidney::kernel
