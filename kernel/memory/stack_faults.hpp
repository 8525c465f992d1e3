/// Who touched the guard page of a kernel stack.
#pragma once

#include "kidney/core/format.hpp"
#include "kidney/hal/upcalls.hpp"

#include <cstdint>

namespace kidney::kernel {

/// The heading of a panic for a page or double fault at a guard page: thread, function, stack.
/// False: it is something else.
[[nodiscard]] bool describe_stack_fault(const hal::TrapFrame& frame, std::uint32_t vector,
                                        TextBuffer<160>& out) noexcept;

}  // namespace kidney::kernel
