/// What the traps of a running program mean: the kernel's side of include/kidney/hal/upcalls.hpp.
#pragma once

#include "kidney/hal/page_fault.hpp"
#include "kidney/hal/upcalls.hpp"

#include <cstdint>

namespace kidney::kernel {

/// A program touched a page, or the kernel did for it. True: resolved, or a signal is pending.
[[nodiscard]] bool resolve_page_fault(hal::TrapFrame& frame, const hal::PageFault& fault) noexcept;

/// A program divided by zero, ran into garbage, ...: becomes a signal.
void signal_exception(hal::TrapFrame& frame, std::uint32_t vector) noexcept;

/// Everything that waits for this moment: a switch of threads, signals.
void finish_return_to_user(hal::TrapFrame& frame) noexcept;

}  // namespace kidney::kernel
