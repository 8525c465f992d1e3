/// Waiting for several files at once.
#pragma once

#include "kernel/syscall/adapt.hpp"

namespace kidney::kernel::calls {

Reply poll(Process& self, VirtAddr fds, std::uint32_t count, std::int32_t milliseconds) noexcept;
Reply ppoll(Process& self, VirtAddr fds, std::uint32_t count, VirtAddr timeout,
            UserPtr<const std::uint64_t> mask, std::uint32_t set_size) noexcept;
Reply ppoll64(Process& self, VirtAddr fds, std::uint32_t count, VirtAddr timeout,
              UserPtr<const std::uint64_t> mask, std::uint32_t set_size) noexcept;
Reply select(Process& self, std::uint32_t count, VirtAddr readable, VirtAddr writable,
             VirtAddr exceptional, VirtAddr timeout) noexcept;
/// The first form of the call: a pointer to its five arguments.
Reply old_select(Process& self, VirtAddr arguments) noexcept;
Reply pselect6(Process& self, std::uint32_t count, VirtAddr readable, VirtAddr writable,
               VirtAddr exceptional, VirtAddr timeout, VirtAddr mask) noexcept;
Reply pselect6_time64(Process& self, std::uint32_t count, VirtAddr readable, VirtAddr writable,
                      VirtAddr exceptional, VirtAddr timeout, VirtAddr mask) noexcept;

}  // namespace kidney::kernel::calls
