/// System call numbers to handlers.
#pragma once

#include "kernel/syscall/adapt.hpp"

#include <cstdint>

namespace kidney::kernel {

/// The handler of a call; null: ENOSYS. Any number may be asked.
[[nodiscard]] RawHandler handler_of(std::uint32_t number) noexcept;
/// Its name, for logs; empty if unknown.
[[nodiscard]] const char* name_of_call(std::uint32_t number) noexcept;

}  // namespace kidney::kernel
