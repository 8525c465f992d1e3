/// The end of a process.
#pragma once

#include "kernel/process/process.hpp"

namespace kidney::kernel {

/// Ends the calling process: gives everything back, hands its children to init, leaves a zombie for
/// its parent. When the first process ends, the machine does (kernel/process/init.cpp).
[[noreturn]] void exit_process(Process& self, ExitStatus status) noexcept EXCLUDES(process_lock);

/// vfork: the address space is the child's own business now (exec, exit); the parent goes on.
/// `hint`: does the child go on as well?
void return_borrowed_memory(Process& self, sched::WakeHint hint) noexcept EXCLUDES(process_lock);

}  // namespace kidney::kernel
