/// The last resort.
#pragma once

#include "kernel/process/process.hpp"
#include "mm/victim.hpp"

namespace kidney::kernel {

/// There is no page for `self`, and no cache that could shrink: lets one process end (which may be
/// `self`) unless one is ending already, and waits a moment for its memory. The caller tries again.
/// No spin lock is held; a mutex may be, so a caller that holds one must not wait for ever.
void make_room(Process& self) noexcept;

/// How the process would do in the choice.
[[nodiscard]] mm::VictimFacts victim_facts(Process& p) noexcept REQUIRES(World::process_lock);

}  // namespace kidney::kernel
