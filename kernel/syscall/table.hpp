/// System call numbers to handlers.
#pragma once

#include "kernel/syscall/adapt.hpp"
#include "kernel/syscall/signature.hpp"

#include <cstdint>
#include <string_view>

namespace kidney::kernel {

struct SystemCall {
    std::uint32_t number;
    std::string_view name;
    RawHandler handler;
    Signature signature;
};

inline constexpr std::uint32_t call_limit = 512;  ///< above all numbers

/// What to call for a number: its handler, or the detour that is set; null: ENOSYS. Any number may
/// be asked.
[[nodiscard]] RawHandler handler_of(std::uint32_t number) noexcept;
/// Its entry in the list; null if there is none.
[[nodiscard]] const SystemCall* call_of(std::uint32_t number) noexcept;
/// call_limit: there is no such call.
[[nodiscard]] std::uint32_t number_of_call(std::string_view name) noexcept;
/// Calls of this number, below call_limit, go to `detour` from now on; null: to their handler, or
/// while events are traced to traced_call().
void set_detour(std::uint32_t number, RawHandler detour) noexcept;

}  // namespace kidney::kernel
