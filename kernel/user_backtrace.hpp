/// Where a program was when a signal ended it, for the kernel log. `./kidney symbolise` gives the
/// addresses their names.
#pragma once

#include "arch/i686/trap/trap_frame.hpp"

namespace kidney::kernel {

/// Logs the calling process's calls, innermost first: address, file, place in the file. Follows its
/// frame pointers as far as they make sense; a program may have anything there. Of many deaths at a
/// time, not all are told. May sleep; interrupts on.
void log_user_backtrace(const hal::TrapFrame& frame) noexcept;

}  // namespace kidney::kernel
