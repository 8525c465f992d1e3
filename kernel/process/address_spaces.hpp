/// Which address space a thread runs in, and changing it.
#pragma once

#include "kernel/process/process.hpp"

namespace kidney::kernel {

/// exec: the calling process lives in `next` from now on; the old one is let go.
void enter_address_space(Process& self, Ref<AddressSpace> next) noexcept;

/// exit: back to the kernel's own tables; the old address space is let go.
void leave_address_space(Process& self) noexcept;

/// A thread ends, its process does not: the kernel's own tables on this CPU. Interrupts off.
void leave_threads_address_space(Thread& self) noexcept;

/// Part of a thread switch, interrupts off. Kernel threads get the kernel's tables, so that nobody
/// runs on the tables of a process that ends elsewhere.
void switch_address_space(Thread& from, Thread& to) noexcept;

}  // namespace kidney::kernel
