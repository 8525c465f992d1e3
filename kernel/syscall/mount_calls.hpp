/// Calls that change the tree of mounts.
#pragma once

#include "kernel/syscall/adapt.hpp"

namespace kidney::kernel::calls {

Reply mount(Process& self, UserPtr<const char> source, UserPtr<const char> target,
            UserPtr<const char> type, std::uint32_t flags, UserPtr<const char> options) noexcept;
Reply umount(Process& self, UserPtr<const char> target) noexcept;
Reply umount2(Process& self, UserPtr<const char> target, std::uint32_t flags) noexcept;

}  // namespace kidney::kernel::calls
