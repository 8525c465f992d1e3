/// Making and ending threads: a Thread from the heap, a stack from the pool.
#pragma once

#include "kernel/config.hpp"

#include <string_view>

namespace kidney::kernel {

/// A thread with a stack, not started: Dispatcher::start() gives it its first function. Once
/// started it frees itself when it exits. Errors: no_memory.
[[nodiscard]] Result<Thread*> create_thread(std::string_view name) noexcept;
/// For a thread that was never started.
void destroy_thread(Thread& thread) noexcept;

/// Creates and starts a thread that stays in the kernel. Errors: no_memory.
[[nodiscard]] Status start_kernel_thread(std::string_view name, void (*entry)(void*) noexcept,
                                         void* argument) noexcept;

/// The calling CPU's boot context becomes its idle thread; never returns. Interrupts off.
[[noreturn]] void become_idle_thread() noexcept;
/// First half of it, for the boot CPU, which still has things to start. Interrupts off.
void adopt_this_cpu() noexcept;

}  // namespace kidney::kernel
