/// Calls that change the tree of mounts, and what of a file system belongs to whom.
#pragma once

#include "kernel/syscall/adapt.hpp"

namespace kidney::kernel::calls {

Reply mount(Process& self, UserPtr<const char> source, UserPtr<const char> target,
            UserPtr<const char> type, std::uint32_t flags, UserPtr<const char> options) noexcept;
Reply umount(Process& self, UserPtr<const char> target) noexcept;
Reply umount2(Process& self, UserPtr<const char> target, std::uint32_t flags) noexcept;
Reply quotactl(Process& self, std::uint32_t command, UserPtr<const char> special, std::uint32_t id,
               VirtAddr at) noexcept;
Reply quotactl_fd(Process& self, Fd fd, std::uint32_t command, std::uint32_t id,
                  VirtAddr at) noexcept;

}  // namespace kidney::kernel::calls
