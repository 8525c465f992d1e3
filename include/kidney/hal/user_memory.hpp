/// Copying between kernel and user memory: the one place where a user pointer is followed.
#pragma once

#include "kidney/core/address.hpp"

#include <concepts>
#include <cstddef>
#include <span>

namespace kidney::hal {

/// User memory of the address space that is active on this CPU.
///   U1 each call copies a prefix and returns its length; it is short only where user memory ends
///   U2 no user address can make it touch kernel memory: ranges at or above user_end() copy nothing
///   there U3 faults are resolved as for the program itself (demand paging, copy on write); they
///   may sleep
/// Not under a spin lock.
template <class M>
concept UserMemory = requires(std::span<std::byte> to, std::span<const std::byte> from,
                              VirtAddr user, std::size_t length) {
    { M::copy_in(to, user) } noexcept -> std::same_as<std::size_t>;
    { M::copy_out(user, from) } noexcept -> std::same_as<std::size_t>;
    { M::fill_zero(user, length) } noexcept -> std::same_as<std::size_t>;
};

/// First address that does not belong to user programs.
inline constexpr VirtAddr user_end{0xC000'0000};

}  // namespace kidney::hal
