/// Calls about the machine as a whole.
#pragma once

#include "kernel/syscall/adapt.hpp"

#include <string_view>

namespace kidney::kernel {

/// As sethostname(2) left it.
[[nodiscard]] std::string_view host_name() noexcept;

}  // namespace kidney::kernel

namespace kidney::kernel::calls {

Reply uname(Process& self, VirtAddr to) noexcept;
Reply olduname(Process& self, VirtAddr to) noexcept;
Reply oldolduname(Process& self, VirtAddr to) noexcept;
Reply for_root_only(Process& self) noexcept;
Reply acct(Process& self, UserPtr<const char> file) noexcept;
Reply ioperm(Process& self, std::uint32_t first, std::uint32_t count, std::uint32_t allow) noexcept;
Reply iopl(Process& self, std::uint32_t level) noexcept;
Reply sethostname(Process& self, VirtAddr from, std::uint32_t size) noexcept;
Reply setdomainname(Process& self, VirtAddr from, std::uint32_t size) noexcept;
Reply sysinfo(Process& self, VirtAddr to) noexcept;
Reply syslog(Process& self, std::uint32_t action, VirtAddr to, std::uint32_t size) noexcept;
Reply getrandom(Process& self, VirtAddr to, std::uint32_t size, std::uint32_t flags) noexcept;
Reply reboot(Process& self, std::uint32_t magic, std::uint32_t magic2,
             std::uint32_t command) noexcept;
Reply sync(Process& self) noexcept;
Reply syncfs(Process& self, Fd fd) noexcept;
Reply personality(Process& self, std::uint32_t persona) noexcept;
Reply set_robust_list(Process& self, VirtAddr head, std::uint32_t size) noexcept;
Reply get_robust_list(Process& self, Pid number, UserPtr<std::uint32_t> head,
                      UserPtr<std::uint32_t> size) noexcept;
Reply futex(Process& self, VirtAddr word, std::uint32_t operation, std::uint32_t value,
            VirtAddr timeout, VirtAddr other, std::uint32_t value_3) noexcept;
Reply futex_time64(Process& self, VirtAddr word, std::uint32_t operation, std::uint32_t value,
                   VirtAddr timeout, VirtAddr other, std::uint32_t value_3) noexcept;

}  // namespace kidney::kernel::calls
