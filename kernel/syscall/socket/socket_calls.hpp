/// Calls on sockets. Those of other families than AF_UNIX are not there.
#pragma once

#include "kernel/syscall/adapt.hpp"

namespace kidney::kernel::calls {

// Sockets, names and connections: socket_calls.cpp.
Reply socketcall(Process& self, std::uint32_t call, VirtAddr arguments) noexcept;
Reply socket(Process& self, std::uint32_t family, std::uint32_t type,
             std::uint32_t protocol) noexcept;
Reply socketpair(Process& self, std::uint32_t family, std::uint32_t type, std::uint32_t protocol,
                 VirtAddr fds) noexcept;
Reply bind(Process& self, Fd fd, VirtAddr address, std::uint32_t size) noexcept;
Reply connect(Process& self, Fd fd, VirtAddr address, std::uint32_t size) noexcept;
Reply listen(Process& self, Fd fd, std::uint32_t backlog) noexcept;
Reply accept(Process& self, Fd fd, VirtAddr address, VirtAddr size) noexcept;
Reply accept4(Process& self, Fd fd, VirtAddr address, VirtAddr size, std::uint32_t flags) noexcept;
Reply getsockname(Process& self, Fd fd, VirtAddr address, VirtAddr size) noexcept;
Reply getpeername(Process& self, Fd fd, VirtAddr address, VirtAddr size) noexcept;
Reply shutdown(Process& self, Fd fd, std::uint32_t how) noexcept;

// Data: socket_transfer.cpp.
Reply send(Process& self, Fd fd, VirtAddr from, std::uint32_t size, std::uint32_t flags) noexcept;
Reply sendto(Process& self, Fd fd, VirtAddr from, std::uint32_t size, std::uint32_t flags,
             VirtAddr address, std::uint32_t address_size) noexcept;
Reply sendmsg(Process& self, Fd fd, VirtAddr message, std::uint32_t flags) noexcept;
Reply sendmmsg(Process& self, Fd fd, VirtAddr messages, std::uint32_t count,
               std::uint32_t flags) noexcept;
Reply recv(Process& self, Fd fd, VirtAddr to, std::uint32_t size, std::uint32_t flags) noexcept;
Reply recvfrom(Process& self, Fd fd, VirtAddr to, std::uint32_t size, std::uint32_t flags,
               VirtAddr address, VirtAddr address_size) noexcept;
Reply recvmsg(Process& self, Fd fd, VirtAddr message, std::uint32_t flags) noexcept;
Reply recvmmsg(Process& self, Fd fd, VirtAddr messages, std::uint32_t count, std::uint32_t flags,
               VirtAddr timeout) noexcept;
Reply recvmmsg_time64(Process& self, Fd fd, VirtAddr messages, std::uint32_t count,
                      std::uint32_t flags, VirtAddr timeout) noexcept;

// Options: socket_options.cpp.
Reply getsockopt(Process& self, Fd fd, std::uint32_t level, std::uint32_t option, VirtAddr value,
                 VirtAddr size) noexcept;
Reply setsockopt(Process& self, Fd fd, std::uint32_t level, std::uint32_t option, VirtAddr value,
                 std::uint32_t size) noexcept;

}  // namespace kidney::kernel::calls
